import { createHash } from "node:crypto"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { ENDS, putScript, putSlots, readScript, removeScript, rulesFile, rulesText } from "./firewall-scripts.ts"
import { notRoot } from "./not-root.ts"
import { notOfType } from "./refused.ts"

/** Longest rules, in bytes. */
const RULES_MAX = 500_000
/** Longest rules that are shown in a diff, in bytes. */
const DIFF_MAX = 65_536

const props = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,60}$/, "a table is named by letters, digits and _")
    .describe("The table, which is all fettle's own."),
  family: z.enum(["inet", "ip", "ip6", "arp", "bridge", "netdev"]).default("inet").describe("What it looks at."),
  rules: z
    .string()
    .min(1)
    .max(RULES_MAX)
    .superRefine((rules, context) => {
      const wrong = whatIsWrong(rules)
      if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong })
    })
    .describe("Its chains and sets, as nft writes them between the braces of a table."),
})

/** What stands in the table must stay in it. */
function whatIsWrong(rules: string): string | undefined {
  if (rules.includes("\0")) return "rules hold no NUL"
  let depth = 0
  for (const sign of rules.replaceAll(/"[^"\n]*"|#.*/g, "").match(/[{}]/g) ?? []) {
    depth += sign === "{" ? 1 : -1
    if (depth < 0) return "a brace closes what these rules did not open"
  }
  return depth === 0 ? undefined : "a brace is not closed"
}

const outputs = z.object({
  name: z.string(),
  family: z.string(),
  /** SHA-256 as hex of its file; "" where there is none. */
  hash: z.string(),
  /** SHA-256 as hex of what the kernel has, without counters and elements of sets; "" where it has none. */
  live: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A table of nftables that is fettle's own, replaced as a whole in one transaction, now and at each boot. Tables of others stay.
 * @example resource(host.firewall, { name: "shop", rules: "chain input { type filter hook input priority 0; policy accept; tcp dport 25 drop; }" }, { on: web })
 */
export const firewall = hostKind({
  kind: "host.firewall",
  version: 1,
  about: "A table of nftables of its own, replaced as a whole, now and at each boot.",
  props,
  outputs,
  stable: ["name", "family"],
  id: (want) => `${want.family} ${want.name}`,
  predict: (want) => ({ name: want.name, family: want.family, hash: hashOf(want) }),
  question: (key) => {
    const want = wantOf(key)
    const path = rulesFile(want)
    return {
      sha256: [path],
      textUnless: { path, sha256: hashOf(want), maxBytes: DIFF_MAX },
      script: readScript(want),
    }
  },
  answer,
  plan,
  change: ({ want, seen }: ChangeParts<Want, Outputs>): HostChange => ({
    script: putScript(want, "outputs" in seen ? seen.outputs.hash : "", hashOf(want)),
    slots: putSlots(want, want.rules),
  }),
  exclusive: () => "nftables",
  removal: (seen, last) => {
    if (last === undefined || "absent" in seen) return {}
    return { script: removeScript(last.props, "outputs" in seen ? seen.outputs.hash : last.outputs.hash) }
  },
  result: ({ script }, want) => ({
    name: want.name,
    family: want.family,
    hash: hashOf(want),
    live: liveIn(script?.out ?? ""),
  }),
  failure: (script) => {
    if (script.exitCode !== ENDS.refused) return endedEarly(script)
    return new FettleError("FILE_REFUSED", `nft does not take the rules: ${script.err.trim().slice(0, 1_000)}`, {
      next: "correct them; lines are counted with the four that stand above the rules",
    })
  },
})

function endedEarly({ exitCode }: ScriptRecord): FettleError | undefined {
  if (exitCode === ENDS.notRoot) return notRoot("see and change firewalls")
  if (exitCode !== ENDS.noTool) return undefined
  return new FettleError("HOST_TOOLS", "the host has no nft", { next: "install nftables there: host.package" })
}

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function hashOf(want: Want): string {
  return createHash("sha256").update(rulesText(want, want.rules)).digest("hex")
}

function liveIn(out: string): string {
  return /^([0-9a-f]{64}) /.exec(out)?.[1] ?? ""
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const want = wantOf(key)
  const path = rulesFile(want)
  const at = found.path(path)
  const script = found.script as ScriptRecord
  // Where nftables comes with an earlier change there is no table yet.
  if (script.exitCode === ENDS.noTool && at === "absent") return { absent: true }
  const early = endedEarly(script)
  if (early !== undefined) return { failed: early }
  if (script.exitCode !== 0) return { failed: new FettleError("READ_FAILED", script.out.trim().slice(-500)) }
  if (at !== "absent" && ("failed" in at || at.type !== "file")) return { failed: notOfType(path, at, "file") }
  const live = liveIn(script.out)
  if (at === "absent" && live === "") return { absent: true }
  return {
    outputs: { name: want.name, family: want.family, hash: at === "absent" ? "" : (at.sha256 ?? ""), live },
    ...(found.text === undefined ? {} : { shown: { text: found.text } }),
  }
}

function plan(want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  const text = rulesText(want, want.rules)
  if (!("outputs" in seen)) return { action: "create", text: textDiff("", text) }
  const { outputs: at, shown } = seen
  const differs = at.hash !== hashOf(want)
  const because = [
    ...(differs ? [at.hash === "" ? "nothing loads it at boot" : "its rules differ"] : []),
    ...(at.live === "" ? ["the kernel does not have it"] : []),
    ...(at.live !== "" && last !== undefined && at.live !== last.outputs.live
      ? ["its rules in the kernel are others than those that were loaded"]
      : []),
  ]
  if (because.length === 0) return { action: "none" }
  return {
    action: "update",
    props: ["rules"],
    because: because.join("; "),
    ...(differs && typeof shown?.text === "string" ? { text: textDiff(shown.text, text) } : {}),
  }
}
