import { z } from "zod"
import { hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { notRoot } from "./not-root.ts"

const NOT_ROOT = 41

const props = z.strictObject({
  name: z
    .string()
    .max(64)
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
      "a name is letters, digits and -, with dots between words",
    )
    .describe("The name of the host. What /etc/hosts says of it is host.line's."),
})

const outputs = z.object({
  /** What the kernel says, and what stands in /etc/hostname; "" where there is none. */
  name: z.string(),
  atBoot: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * The name of the host, now and at each boot. It stays when it leaves the program: a host always has one.
 * @example resource(host.hostname, { name: "web1" }, { on: web })
 */
export const hostname = hostKind({
  kind: "host.hostname",
  version: 1,
  about: "The name of the host, now and at each boot.",
  props,
  outputs,
  asserts: true,
  id: () => "hostname",
  predict: ({ name }) => ({ name, atBoot: name }),
  question: () => ({
    script: `n=; { read -r n </proc/sys/kernel/hostname; } 2>/dev/null; printf '%s\\n' "\${n:-$(uname -n)}"
[ ! -f /etc/hostname ] || grep -v -e '^#' -e '^$' /etc/hostname | head -n 1`,
  }),
  answer: (_key, found): Seen<Outputs> => {
    const { exitCode = 1, out = "" } = found.script ?? {}
    const [name = "", atBoot = ""] = out.split("\n")
    if (exitCode !== 0 || name === "") return { failed: new FettleError("READ_FAILED", `no name: ${out.trim()}`) }
    return { outputs: { name, atBoot } }
  },
  plan: (want: Want, seen: Seen<Outputs>): Change<Want> => {
    if (!("outputs" in seen)) return { action: "create" }
    const { name, atBoot } = seen.outputs
    const because = [
      ...(name === want.name ? [] : [`it is ${name}`]),
      ...(atBoot === want.name ? [] : [atBoot === "" ? "nothing names it at boot" : `at boot it is ${atBoot}`]),
    ]
    return because.length === 0
      ? { action: "none" }
      : { action: "update", props: ["name"], because: because.join("; "), text: `-${name}\n+${want.name}` }
  },
  change: ({ want }) => ({
    brief: true,
    script: `[ "$U" = 0 ] || exit ${NOT_ROOT}
printf '%s\\n' ${quote(want.name)} >/etc/hostname.fettle && chmod 644 /etc/hostname.fettle && keep /etc/hostname.fettle || exit 20
mv -f /etc/hostname.fettle /etc/hostname || exit 20
printf '%s\\n' ${quote(want.name)} >/proc/sys/kernel/hostname || exit 20`,
  }),
  removal: () => ({}),
  result: (_, { name }) => ({ name, atBoot: name }),
  failure: ({ exitCode }) => (exitCode === NOT_ROOT ? notRoot("name it") : undefined),
})
