import { createHash } from "node:crypto"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type RemovalParts,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { notRoot } from "./not-root.ts"
import { notOfType } from "./refused.ts"
import { ENDS, putScript, readScript, removeScript, type UnitFile, unitPath } from "./unit-scripts.ts"

/** Longest content, in bytes: many units go in one request. */
const CONTENT_MAX = 60_000

const props = z.strictObject({
  name: z
    .string()
    .max(200)
    .regex(
      /^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|path|mount|automount|target|slice|swap)$/,
      'a unit is named as systemd names it, with its ending: "shop.service", "worker@.service"',
    )
    .describe("The name of the unit with its ending."),
  dropIn: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}$/, "a drop-in is named by letters, digits, _, . and -")
    .transform((name) => name.replace(/\.conf$/, ""))
    .optional()
    .describe("Makes it a file NAME.conf that changes a unit which something else brings: its name, as in 10-limits."),
  content: z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= CONTENT_MAX, `a unit has at most ${CONTENT_MAX} bytes`)
    .refine((text) => !text.includes("\0"), "a unit holds no NUL")
    .refine((text) => /^\s*\[[^\]\n]+\]\s*$/m.test(text), "a unit has a section, as in [Service]")
    .transform((text) => (text.endsWith("\n") ? text : `${text}\n`))
    .describe("What it holds. Everybody can read a unit: secrets go into a file that it names (EnvironmentFile=)."),
  verify: z
    .boolean()
    .default(true)
    .describe("Whether systemd-analyze must take it before it is put in place, where the host has that."),
})

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex of the file: what restarts a host.service when it changes. */
  hash: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A unit of systemd, or a drop-in for one that a package brings. Shown to systemd-analyze first, and read by systemd when it is in
 * place; many of them at once. Whether it runs is host.service's: give that `restartOn: [unit.hash]`.
 * @example resource(host.unit, { name: "shop.service", content: "[Service]\nExecStart=/srv/shop/run\n" }, { on: web })
 */
export const unit = hostKind({
  kind: "host.unit",
  version: 1,
  about: "A unit file of systemd, or a drop-in for one, verified and read by systemd.",
  props,
  outputs,
  stable: ["path"],
  id: (want) => unitPath(fileOf(want)),
  predict: (want) => ({ path: unitPath(fileOf(want)), hash: sha256Of(want.content) }),
  question: (key) => {
    const want = wantOf(key)
    const path = unitPath(fileOf(want))
    return {
      sha256: [path],
      textUnless: { path, sha256: sha256Of(want.content), maxBytes: CONTENT_MAX },
      shared: { script: readScript, words: [want.name] },
    }
  },
  answer,
  plan,
  change: (parts) => putUnits([parts]),
  exclusive: () => "systemd units",
  together: () => "put",
  changeAll: putUnits,
  removal: (seen, last) => removeUnits([{ seen, last }]),
  removedTogether: () => "remove",
  removalAll: removeUnits,
  result: (_, want) => ({ path: unitPath(fileOf(want)), hash: sha256Of(want.content) }),
  failure: ({ exitCode, err }) => {
    if (exitCode === ENDS.notRoot) return notRoot("change units")
    if (exitCode === ENDS.noSystemd) return new FettleError("HOST_TOOLS", "the host has no systemd")
    if (exitCode !== ENDS.refused) return undefined
    return new FettleError("FILE_REFUSED", `systemd does not take it: ${err.trim().slice(0, 1_000)}`, {
      next: "correct it, or leave it unverified with verify: false",
    })
  },
})

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function fileOf({ name, dropIn }: Want): string {
  return dropIn === undefined ? name : `${name}.d/${dropIn}.conf`
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const want = wantOf(key)
  const path = unitPath(fileOf(want))
  const at = found.path(path)
  if (at === "absent") return { absent: true }
  if ("failed" in at || at.type !== "file") return { failed: notOfType(path, at, "file") }
  return {
    outputs: { path, hash: at.sha256 ?? "" },
    shown: {
      due: dueIn(found.shared as ScriptRecord).has(want.name),
      ...(found.text === undefined ? {} : { text: found.text }),
    },
  }
}

/** One answer serves all units of a read: its text is taken apart once. */
const known = new WeakMap<ScriptRecord, ReadonlySet<string>>()

function dueIn(record: ScriptRecord): ReadonlySet<string> {
  const found = known.get(record) ?? new Set(record.out.split(/\s+/))
  known.set(record, found)
  return found
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create", text: textDiff("", want.content) }
  const { outputs: at, shown } = seen
  if (at.hash === sha256Of(want.content))
    return shown?.due === true
      ? { action: "update", props: ["content"], because: "systemd has not read it since it changed" }
      : { action: "none" }
  const text = typeof shown?.text === "string" ? { text: textDiff(shown.text, want.content) } : {}
  return { action: "update", props: ["content"], because: "content differs", ...text }
}

function putUnits(all: readonly ChangeParts<Want, Outputs>[]): HostChange {
  const files = all.map(
    ({ want, seen }, at): UnitFile => ({
      file: fileOf(want),
      unit: want.name,
      slot: String(at),
      verify: want.verify,
      expect: "outputs" in seen ? seen.outputs.hash : "absent",
      wanted: sha256Of(want.content),
    }),
  )
  return { script: putScript(files), slots: Object.fromEntries(all.map(({ want }, at) => [String(at), want.content])) }
}

function removeUnits(all: readonly RemovalParts<Want, Outputs>[]): HostChange {
  const files = all.flatMap(({ seen, last }) =>
    last === undefined || "absent" in seen
      ? []
      : [
          {
            file: fileOf(last.props),
            unit: last.props.name,
            expect: "outputs" in seen ? seen.outputs.hash : last.outputs.hash,
          },
        ],
  )
  return files.length === 0 ? {} : { script: removeScript(files) }
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
