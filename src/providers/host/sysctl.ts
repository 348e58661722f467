import { createHash } from "node:crypto"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { notOfType } from "./refused.ts"

const props = z.strictObject({
  name: z
    .string()
    .max(200)
    .regex(
      /^[A-Za-z0-9_-]+([./][A-Za-z0-9_.-]*[A-Za-z0-9_-])+$/,
      "a setting is words with dots between them; with a / in it, as in net/ipv4/conf/eth0.1/forwarding, dots stay dots",
    )
    .refine((name) => !name.split("/").some((word) => /^\.*$/.test(word)), "a setting has no empty words")
    .describe("The setting: net.ipv4.ip_forward."),
  value: z
    .union([z.string().regex(/^[^\0\r\n]+$/, "a value is one line"), z.int()])
    .transform((value) => words(String(value)))
    .describe("What it is to be."),
  live: z
    .boolean()
    .default(true)
    .describe(
      "Whether the kernel gets it now, too; without it only at the next boot, and a setting that is not known yet is no failure.",
    ),
})

const outputs = z.object({
  name: z.string(),
  /** SHA-256 as hex of its file. */
  hash: z.string(),
  /** What the kernel has now; "" where it does not know the setting, or nobody asks. */
  value: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A setting of the kernel, now and at each boot, in a file of its own in /etc/sysctl.d. When it is removed the kernel keeps its value
 * until it boots.
 * @example resource(host.sysctl, { name: "net.ipv4.ip_forward", value: 1 }, { on: web })
 */
export const sysctl = hostKind({
  kind: "host.sysctl",
  version: 1,
  about: "A setting of the kernel, now and at each boot.",
  props,
  outputs,
  stable: ["name"],
  id: (want) => fileOf(want.name),
  predict: (want) => ({ name: want.name, hash: hashOf(want), value: want.live ? want.value : "" }),
  question: (key) => {
    const { name, live } = wantOf(key)
    return { sha256: [fileOf(name)], ...(live ? { shared: { script: READ, words: [pathOf(name)] } } : {}) }
  },
  answer,
  plan,
  change: ({ want, seen }: ChangeParts<Want, Outputs>): HostChange => ({
    puts: [
      {
        path: fileOf(want.name),
        content: textOf(want),
        mode: "0644",
        expect: "outputs" in seen ? seen.outputs.hash : "absent",
      },
    ],
    // A setting that the kernel does not take must not wait for the next boot.
    ...(want.live ? { brief: true, script: setScript(want, "outputs" in seen ? undefined : fileOf(want.name)) } : {}),
  }),
  removal: (seen, last) =>
    "absent" in seen || last === undefined
      ? {}
      : {
          removes: [
            { path: fileOf(last.props.name), expect: "outputs" in seen ? seen.outputs.hash : last.outputs.hash },
          ],
        },
  result: (_, want) => ({ name: want.name, hash: hashOf(want), value: want.live ? want.value : "" }),
  failure: ({ out }, want) =>
    new FettleError("CHANGE_FAILED", `the kernel does not take ${want?.name}: ${out.trim()}`, {
      next: "correct it, load the module that brings it first, or give live: false",
    }),
})

/** `PATH:VALUE` a line, by one process: the kernel gives a value only to who reads it at once, which a shell does not. */
const READ = `grep -sH '' -- "$@" || :`

function setScript({ name, value }: Want, undo: string | undefined): string {
  const path = quote(pathOf(name))
  const gone = undo === undefined ? "" : `rm -f -- ${quote(undo)}; `
  return `[ -e ${path} ] || { ${gone}printf 'there is no such setting\\n'; exit 20; }
{ printf '%s\\n' ${quote(value)} >${path}; } 2>/dev/null && exit
${gone}[ -w ${path} ] && printf 'not with the value %s\\n' ${quote(value)} || printf 'it may not be written here\\n'
exit 20`
}

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function fileOf(name: string): string {
  return `/etc/sysctl.d/60-fettle-${name.replaceAll("/", ":")}.conf`
}

function pathOf(name: string): string {
  return `/proc/sys/${name.includes("/") ? name : name.replaceAll(".", "/")}`
}

/** Without the sign in front, a setting that a kernel does not know is no failure at boot. */
function textOf({ name, value }: Want): string {
  return `# Written by fettle: it replaces what is changed here.\n${name} = ${value}\n`
}

function hashOf(want: Want): string {
  return createHash("sha256").update(textOf(want)).digest("hex")
}

/** The kernel puts tabs between several numbers. */
function words(text: string): string {
  return text.trim().split(/\s+/).join(" ")
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const { name, live } = wantOf(key)
  const at = found.path(fileOf(name))
  if (at === "absent") return { absent: true }
  if ("failed" in at || at.type !== "file") return { failed: notOfType(fileOf(name), at, "file") }
  const value = live ? (valuesOf(found.shared as ScriptRecord).get(pathOf(name)) ?? "") : ""
  return { outputs: { name, hash: at.sha256 ?? "", value } }
}

/** One answer serves all settings of a read. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, string>>()

function valuesOf(record: ScriptRecord): ReadonlyMap<string, string> {
  const before = known.get(record)
  if (before !== undefined) return before
  const found = new Map<string, string>()
  for (const line of record.out.split("\n")) {
    const at = line.indexOf(":")
    if (at !== -1 && !found.has(line.slice(0, at))) found.set(line.slice(0, at), words(line.slice(at + 1)))
  }
  known.set(record, found)
  return found
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { hash, value } = seen.outputs
  const because = [
    ...(want.live && value !== want.value ? [value === "" ? "the kernel does not have it" : `it is ${value}`] : []),
    ...(hash === hashOf(want) ? [] : ["its file differs"]),
  ]
  return because.length === 0 ? { action: "none" } : { action: "update", props: ["value"], because: because.join("; ") }
}
