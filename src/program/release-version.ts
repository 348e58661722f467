import { z } from "zod"
import { type Provider, provider } from "../provider.ts"

export const VERSION_KIND = "fettle.version"

const props = z.strictObject({
  release: z.string().meta({ description: "Address of the release that brings it up." }),
  version: z.string(),
  slot: z.number().int().nonnegative().meta({ description: "Its number among the versions that are there at once." }),
})

const outputs = z.object({ version: z.string(), slot: z.number().int() })

/** The place that a version of a release takes: held from before its first instance is made until its last one is gone. */
export const releaseVersion: Provider<typeof props, typeof outputs, undefined> = provider({
  kind: VERSION_KIND,
  version: 1,
  about: "The place of one version of a release.",
  connects: "none",
  props,
  outputs,
  settles: "unique",
  leavesNothing: true,
  adoptsFound: true,
  id: ({ release, version }) => `${release}@${version}`,
  predict: ({ version, slot }) => ({ version, slot }),
  read: async (keys) =>
    new Map(
      keys.map((key) => [key.address, key.last === undefined ? { absent: true } : { outputs: key.last.outputs }]),
    ),
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    return seen.outputs.slot === want.slot
      ? { action: "none" }
      : { action: "update", props: ["slot"], because: "its slot" }
  },
  ensure: async ({ version, slot }) => ({ version, slot }),
  delete: async () => {},
})
