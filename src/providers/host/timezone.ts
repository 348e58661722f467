import { z } from "zod"
import { hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { notOfType } from "./refused.ts"

const LINK = "/etc/localtime"
const ZONES = "/usr/share/zoneinfo/"

const props = z.strictObject({
  zone: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, 'a zone is named as in "Europe/Berlin" or "UTC"')
    .describe('The zone, as in "Europe/Berlin". Its file must be on the host: the package tzdata brings it.'),
})

const outputs = z.object({
  /** "" where it is a zone of no name. */
  zone: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * The time zone of the host. It stays when it leaves the program. What runs keeps its old one until it is started again.
 * @example resource(host.timezone, { zone: "Europe/Berlin" }, { on: web })
 */
export const timezone = hostKind({
  kind: "host.timezone",
  version: 1,
  about: "The time zone of the host.",
  props,
  outputs,
  asserts: true,
  id: () => "timezone",
  predict: ({ zone }) => ({ zone }),
  question: () => ({ stat: [LINK] }),
  answer: (_key, found): Seen<Outputs> => {
    const at = found.path(LINK)
    if (at === "absent") return { absent: true }
    if ("failed" in at || at.type === "directory" || at.type === "other") return { failed: notOfType(LINK, at, "link") }
    const to = at.to?.replace(/^(\.\.)?(?=\/)/, "") ?? ""
    return { outputs: { zone: to.startsWith(ZONES) ? to.slice(ZONES.length) : "" } }
  },
  plan: (want: Want, seen: Seen<Outputs>): Change<Want> => {
    if (!("outputs" in seen)) return { action: "create" }
    const { zone } = seen.outputs
    return zone === want.zone
      ? { action: "none" }
      : { action: "update", props: ["zone"], because: zone === "" ? "it has no name" : `it is ${zone}` }
  },
  change: ({ want: { zone } }) => ({
    brief: true,
    script: `[ -f ${quote(ZONES + zone)} ] || { printf 'the host has no zone %s\\n' ${quote(zone)}; exit 20; }
ln -sfn ${quote(`..${ZONES}${zone}`)} ${LINK}.fettle && mv -f ${LINK}.fettle ${LINK} && keep /etc || exit 20
[ ! -f /etc/timezone ] || { printf '%s\\n' ${quote(zone)} >/etc/timezone.fettle && chmod 644 /etc/timezone.fettle && mv -f /etc/timezone.fettle /etc/timezone; } || exit 20`,
  }),
  removal: () => ({}),
  result: (_, { zone }) => ({ zone }),
  failure: ({ out }) =>
    new FettleError("CHANGE_FAILED", out.trim(), { next: "install tzdata there, or correct the name of the zone" }),
})
