import { z } from "zod"
import { FettleError } from "../errors.ts"
import type { Snapshot } from "../state/store.ts"
import type { StateEdit } from "./state-edit.ts"

const text = z.string()
const row = z.strictObject({
  address: text,
  deposed: text,
  kind: text,
  version: z.int(),
  connection: text,
  id: text.optional(),
  owned: z.boolean(),
  protect: z.boolean(),
  retain: z.boolean(),
  unfinished: z.boolean(),
  refreshed: z.boolean().optional(),
  props: text,
  outputs: text,
  carry: text.optional(),
  allowed: text.optional(),
  needs: z.array(text),
})
const intent = z.strictObject({
  seq: z.int(),
  run: z.int(),
  address: text,
  deposed: text,
  action: z.enum(["create", "update", "replace", "delete", "run", "finally"]),
  kind: text,
  connection: text,
  id: text.optional(),
  token: text,
  want: text,
  needs: z.array(text),
  progress: z.json().optional(),
  startedAt: z.number(),
  orphanedAt: z.number().optional(),
})
const exported = z.strictObject({
  format: z.literal("fettle.state/1"),
  program: text,
  stage: text,
  exportedAt: text,
  keyId: text.optional(),
  rows: z.array(row),
  open: z.array(intent),
  targets: z.record(text, text),
  secrets: z.record(text, text),
})

/** All of a stage's state as plain data. Sealed values stay sealed: only who has the data key can open them. */
export type Exported = z.output<typeof exported>

/** All of a stage's state as plain data. @example exportState(await readState(home), "shop", "prod", new Date()) */
export function exportState(snapshot: Snapshot, program: string, stage: string, at: Date): Exported {
  return exported.parse({
    format: "fettle.state/1",
    program,
    stage,
    exportedAt: at.toISOString(),
    keyId: snapshot.keyId,
    rows: snapshot.rows,
    open: snapshot.open,
    targets: Object.fromEntries(snapshot.targets),
    secrets: Object.fromEntries(snapshot.secrets),
  })
}

/** Reads the text of an export. @throws FettleError `STATE_IMPORT` */
export function parseExport(json: string, program: string, stage: string): Exported {
  let data: unknown
  try {
    data = JSON.parse(json)
  } catch (cause) {
    throw new FettleError("STATE_IMPORT", "the file is not JSON", { cause })
  }
  const parsed = exported.safeParse(data)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new FettleError(
      "STATE_IMPORT",
      `the file is not an export: ${issue?.path.join(".") || "it"}: ${issue?.message}`,
    )
  }
  const { data: found } = parsed
  for (const each of [
    ...found.rows.flatMap((one) => [one.props, one.outputs, one.allowed ?? "[]"]),
    ...found.open.map((one) => one.want),
  ])
    checkJson(each)
  if (found.program !== program || found.stage !== stage)
    throw new FettleError(
      "STATE_IMPORT",
      `the file is of ${found.program}, stage ${found.stage}; this is ${program}, stage ${stage}`,
      { next: "give the program and --stage that it belongs to" },
    )
  return found
}

function checkJson(encoded: string): void {
  try {
    JSON.parse(encoded)
  } catch (cause) {
    throw new FettleError("STATE_IMPORT", "a value in the file is damaged", { cause })
  }
}

/**
 * Fills an empty state with an export. The edit must have been begun with the export's key.
 * @throws FettleError `STATE_IMPORT` where state is not empty or was begun with another key, `STATE_WRITE`
 */
export async function importState(edit: StateEdit, from: Exported): Promise<void> {
  refuseFilled(edit, from)
  const seqs = await edit.write({
    rows: from.rows.map((each) => ({
      ...each,
      id: each.id,
      carry: each.carry,
      allowed: each.allowed,
      refreshed: each.refreshed,
    })),
    intents: from.open.map((each) => ({ ...each, id: each.id })),
    targets: Object.entries(from.targets).map(([connection, identity]) => ({ connection, identity })),
    secrets: Object.entries(from.secrets).map(([name, sealed]) => ({ name, sealed })),
  })
  const open = from.open.map((each, at) => ({ ...each, seq: seqs[at] as number }))
  const progress = open.flatMap((each) => (each.progress === undefined ? [] : [{ seq: each.seq, json: each.progress }]))
  const orphaned = open.flatMap((each) =>
    each.orphanedAt === undefined ? [] : [{ seq: each.seq, at: each.orphanedAt }],
  )
  if (progress.length + orphaned.length > 0) await edit.write({ progress, orphaned })
}

function refuseFilled({ snapshot }: StateEdit, from: Exported): void {
  const held = snapshot.rows.length + snapshot.open.length + snapshot.secrets.size
  if (held > 0)
    throw new FettleError(
      "STATE_IMPORT",
      `state is not empty: it holds ${snapshot.rows.length} rows, ${snapshot.open.length} open changes and ${snapshot.secrets.size} secrets`,
    )
  if (from.keyId !== undefined && snapshot.keyId !== undefined && snapshot.keyId !== from.keyId)
    throw new FettleError(
      "STATE_IMPORT",
      `the export is sealed with data key ${from.keyId}; this state was begun with ${snapshot.keyId}`,
    )
}
