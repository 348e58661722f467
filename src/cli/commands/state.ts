import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import { forgetRows, type ListedRow, listRows, moveRow, type ShownRow, showRow } from "../../run/state-commands.ts"
import { editState, readState } from "../../run/state-edit.ts"
import { exportState, importState, parseExport } from "../../run/state-export.ts"
import { withoutSealed } from "../../run/state-rotate.ts"
import type { StateHome } from "../../state/home.ts"
import { EMPTY, type Snapshot, type Whole } from "../../state/store.ts"
import type { Call } from "../call.ts"
import { pageFor, print, say, sayJson, tableLines } from "../print.ts"
import { findState } from "../state-place.ts"

/** Lists what state remembers. */
export async function list(call: Call): Promise<number> {
  const place = await findState(call)
  const rows = listRows(await readState(place.home))
  if (call.options.json === true) sayJson(rows)
  else if (rows.length === 0) say(`State of ${place.program} (${place.stage}) is empty.`)
  else for (const line of tableLines(rows.map(cells))) say(line)
  return 0
}

function cells({ address, id, connection, notes }: ListedRow): readonly string[] {
  return [address, id ?? "", connection, notes.join("; ")]
}

/** Prints all that state remembers of one thing. */
export async function show(call: Call): Promise<number> {
  const place = await findState(call)
  const row = showRow(await readState(place.home), call.args[0] ?? "")
  if (call.options.json === true) sayJson(row)
  else shown(row, call)
  return 0
}

function shown(row: ShownRow, call: Call): void {
  const page = pageFor(call)
  page.add([["bold", row.address]])
  const facts: readonly (readonly [string, string])[] = [
    ["kind", `${row.kind} (version ${row.version})`],
    ["id", row.id ?? "none"],
    ["connection", row.connection === "" ? "none" : row.connection],
    ["needs", row.needs.length === 0 ? "nothing" : row.needs.join(", ")],
    ...row.notes.map((note) => ["note", note] as const),
    ...row.open.map((open) => ["cut off", `${open.action}, begun ${open.startedAt}`] as const),
    ...values("props", row.props),
    ...values("outputs", row.outputs),
  ]
  for (const [name, text] of facts) page.add([["dim", `  ${name.padEnd(12)}`], text], 14)
  print(page)
}

/** One line for each value, as JSON. */
function values(name: string, of: unknown): readonly (readonly [string, string])[] {
  const entries = Object.entries((of ?? {}) as object)
  if (entries.length === 0) return [[name, "none"]]
  return entries.map(([key, value], at) => [at === 0 ? name : "", `${key} = ${JSON.stringify(value)}`])
}

/** Gives a recorded thing another address. */
export async function mv(call: Call): Promise<number> {
  const [from = "", to = ""] = call.args
  await editState(await findState(call), (edit) => moveRow(edit, from, to), { what: `state mv ${from} ${to}` })
  return done(call, `${from} is now ${to}. Rename it in the program too.`)
}

/** Removes addresses from state; the things stay. */
export async function forget(call: Call): Promise<number> {
  const count = await editState(await findState(call), (edit) => forgetRows(edit, call.args), {
    what: `state forget ${call.args.join(" ")}`,
    forced: ["state forget"],
  })
  return done(
    call,
    `Forgot ${count === 1 ? "1 address" : `${count} addresses`}. What is there stays; Fettle no longer looks after it.`,
  )
}

/** Writes all of state as JSON. */
export async function exportAll(call: Call): Promise<number> {
  const place = await findState(call)
  const { home, program, stage } = place
  const snapshot = call.options.withoutKey === true ? await unproven(home) : await readState(home)
  sayJson(exportState(snapshot, program, stage, new Date()))
  return 0
}

/** What is left where the key is lost. @throws FettleError `STATE_NOT_FOUND` */
async function unproven(home: StateHome): Promise<Snapshot> {
  const whole = await home.readUnproven()
  if (whole === undefined) throw new FettleError("STATE_NOT_FOUND", `there is no state in ${home.name}`)
  const { rows, lines, targets } = withoutSealed(whole)
  return { ...EMPTY, rows, open: lines.filter(({ open }) => open).map(asIntent), targets: new Map(targets) }
}

function asIntent({
  outcome: _outcome,
  endedAt: _endedAt,
  error: _error,
  open: _open,
  ...intent
}: Whole["lines"][number]) {
  return intent
}

/** Reads an export into an empty state. */
export async function importAll(call: Call): Promise<number> {
  const file = resolve(call.around.cwd, call.args[0] ?? "")
  const place = await findState(call)
  const found = parseExport(textOf(file), place.program, place.stage)
  await editState(place, (edit) => importState(edit, found), {
    make: true,
    keyId: found.keyId,
    what: `state import ${call.args[0]} (${found.rows.length} rows)`,
  })
  return done(call, `Imported ${found.rows.length} rows. Next: fettle plan`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new FettleError("STATE_IMPORT", `${file} cannot be read: ${causeText(cause)}`, { cause })
  }
}

function done(call: Call, text: string): number {
  const page = pageFor(call)
  page.add([text])
  if (call.options.quiet !== true) print(page)
  return 0
}
