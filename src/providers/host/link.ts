import { posix } from "node:path"
import { z } from "zod"
import { type ChangeParts, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"

const props = z.strictObject({
  path: hostPath,
  to: z
    .string()
    .min(1)
    .max(4_095)
    .refine((to) => !to.includes("\0"), "a path cannot hold a NUL")
    .describe("Where it points: absolute, or relative to its own folder. It need not exist."),
})

const outputs = z.object({ path: z.string(), to: z.string() })

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A symbolic link. Only a link is ever replaced or removed, never what it points to.
 * @example resource(host.link, "current", { path: "/srv/shop/current", to: "releases/42" }, { on: web })
 */
export const link = hostKind({
  kind: "host.link",
  version: 1,
  about: "A symbolic link.",
  props,
  outputs,
  stable: ["path"],
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, to: want.to }),
  question: ({ id, want, last }) => ({ stat: [want?.path ?? id ?? last?.outputs.path ?? ""] }),
  answer: ({ id, want, last }, found): Seen<Outputs> => {
    const path = want?.path ?? id ?? last?.outputs.path ?? ""
    const at = found.path(path)
    if (at === "absent") return { absent: true }
    if ("failed" in at || at.type !== "link") return { failed: notOfType(path, at, "link") }
    return { outputs: { path, to: at.to ?? "" } }
  },
  writesAt: ({ id, want, last }) => [posix.dirname(want?.path ?? id ?? last?.outputs.path ?? "/")],
  plan,
  change: changeLink,
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    if (at === undefined || "absent" in seen) return {}
    const path = quote(at.path)
    return {
      brief: true,
      script: `[ -e ${path} ] || [ -L ${path} ] || exit 0\nsafely ${folder(at.path)}\n${still(at)} || exit 10\nrm -f -- ${path} && keep ${folder(at.path)}`,
    }
  },
  result: (_, want) => ({ path: want.path, to: want.to }),
  failure: ({ exitCode, out }) => (exitCode === 10 ? undefined : new FettleError("FILE_REFUSED", out.trim())),
})

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { to } = seen.outputs
  return to === want.to
    ? { action: "none" }
    : { action: "update", props: ["to"], because: `it points to ${to}, wanted ${want.to}` }
}

function changeLink({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const path = quote(want.path)
  const nothing = `{ [ ! -e ${path} ] && [ ! -L ${path} ]; }`
  const before = "outputs" in seen ? still(seen.outputs) : nothing
  return {
    brief: true,
    script: `safely ${folder(want.path)}\n${before} || ${still(want)} || exit 10\nln -sfn -- ${quote(want.to)} ${path} && keep ${folder(want.path)}`,
  }
}

/** True in the shell while a link points where it did. */
function still({ path, to }: Outputs): string {
  return `{ [ -L ${quote(path)} ] && [ "$(readlink -n -- ${quote(path)}; printf x)" = ${quote(`${to}x`)} ]; }`
}

function folder(path: string): string {
  return quote(posix.dirname(path))
}
