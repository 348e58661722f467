import { z } from "zod"
import { hostKind } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Seen } from "../../provider.ts"

const props = z.strictObject({})

const outputs = z.object({
  hostname: z.string(),
  os: z.string().describe('ID of /etc/os-release: "debian", "alpine"; empty where there is none.'),
  osVersion: z.string().describe('VERSION_ID: "12".'),
  osName: z.string().describe("PRETTY_NAME."),
  kernel: z.string(),
  arch: z.string().describe('As uname has it: "x86_64", "aarch64".'),
  cpus: z.number().int(),
  memoryBytes: z.number().int(),
  addresses: z.array(z.string()).describe("IPv4 and IPv6 addresses that others may reach, sorted."),
})

type Outputs = z.output<typeof outputs>

/** One line for each fact, by words that the shell has or reads from files: no Python, and each tool may be missing but uname. */
const ASK = `
uname -n; uname -r; uname -m
grep -c '^processor' /proc/cpuinfo 2>/dev/null || nproc 2>/dev/null || echo 1
m=0; while read -r k v u; do [ "$k" = MemTotal: ] && m=$v; done </proc/meminfo 2>/dev/null; echo "$m"
ID=; VERSION_ID=; PRETTY_NAME=
for f in /etc/os-release /usr/lib/os-release; do
  [ -r "$f" ] || continue
  while IFS= read -r l; do
    case $l in ID=*|VERSION_ID=*|PRETTY_NAME=*) k=\${l%%=*}; v=\${l#*=}; v=\${v#[\\"\\']}; v=\${v%[\\"\\']}; printf '%s %s\\n' "$k" "$v";; esac
  done <"$f"; break
done
{ ip -o addr show scope global 2>/dev/null || true; } | while read -r n d f a r; do case $f in inet|inet6) printf 'address %s\\n' "\${a%%/*}";; esac; done
:`

/**
 * What a host says of itself. It is only looked up, in the same request as everything else that is read there.
 * @example const { os, memoryBytes } = lookup(host.facts, "web", {}, { on: web })
 */
export const facts = hostKind({
  kind: "host.facts",
  version: 1,
  about: "What a host says of itself: system, version, kernel, processors, memory, addresses. Only for lookup.",
  props,
  outputs,
  id: () => "facts",
  question: () => ({ script: ASK }),
  answer: (_key, found): Seen<Outputs> => {
    const { exitCode, out } = found.script ?? { exitCode: 1, out: "" }
    const told = exitCode === 0 ? factsIn(out) : undefined
    return told ?? { failed: new FettleError("READ_FAILED", `it does not tell its facts: ${out.slice(0, 200)}`) }
  },
  plan: () => ({ action: "none" }),
  change: refuse,
  removal: () => ({}),
  result: refuse,
})

/** A host does not become another by being declared. */
function refuse(): never {
  throw new FettleError("PROPS_INVALID", "facts are what a host says of itself; they cannot be made", {
    next: 'write lookup(host.facts, "NAME", {}) in the place of resource(…)',
  })
}

/** Undefined where the lines are not what was asked for. */
export function factsIn(text: string): { readonly outputs: Outputs } | undefined {
  const [hostname = "", kernel = "", arch = "", cpus = "", memoryKb = "", ...more] = text.trimEnd().split("\n")
  const valuesOf = (name: string): readonly string[] =>
    more.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []))
  if (!/^\d{1,6}$/.test(cpus) || !/^\d{1,14}$/.test(memoryKb)) return undefined
  return {
    outputs: {
      hostname,
      kernel,
      arch,
      cpus: Number(cpus),
      memoryBytes: Number(memoryKb) * 1_024,
      os: valuesOf("ID")[0] ?? "",
      osVersion: valuesOf("VERSION_ID")[0] ?? "",
      osName: valuesOf("PRETTY_NAME")[0] ?? "",
      addresses: [...new Set(valuesOf("address"))].sort(),
    },
  }
}
