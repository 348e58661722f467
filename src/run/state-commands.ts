import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"
import { decode } from "../state/encode.ts"
import type { IntentLine, Row, Snapshot } from "../state/store.ts"
import type { StateEdit } from "./state-edit.ts"

/** One line of `state list`. */
export interface ListedRow {
  readonly address: string
  readonly kind: string
  readonly id: string | undefined
  readonly connection: string
  /** What is special about it: not ours, protected, its last change failed or was cut off … */
  readonly notes: readonly string[]
}

/** All that state remembers of one address. Secrets are named, never opened. */
export interface ShownRow extends ListedRow {
  readonly props: unknown
  readonly outputs: unknown
  readonly needs: readonly string[]
  readonly version: number
  /** Changes of it that were cut off. */
  readonly open: readonly { readonly action: string; readonly startedAt: string; readonly token: string }[]
}

/** What state remembers, by address; what was cut off in its create stands there too. */
export function listRows(snapshot: Snapshot): readonly ListedRow[] {
  const recorded = snapshot.rows.map((row) => listed(row, snapshot))
  const known = new Set(snapshot.rows.map((row) => row.address))
  const unrecorded = snapshot.open.filter((intent) => !known.has(intent.address) && intent.action !== "finally")
  const lost = [...new Map(unrecorded.map((intent) => [intent.address, intent])).values()].map(lostRow)
  return [...recorded, ...lost].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
}

function listed(row: Row, snapshot: Snapshot): ListedRow {
  const notes = [
    row.deposed !== "" && "replaced: waits to be deleted",
    !row.owned && "not ours: it stays when it leaves the program",
    row.protect && "protected",
    row.retain && "retained",
    row.unfinished && "its last change did not end well",
    row.deposed === "" && openOf(row.address, snapshot).length > 0 && "a change was cut off",
  ].filter((note) => note !== false)
  return { address: row.address, kind: row.kind, id: row.id, connection: row.connection, notes }
}

function lostRow(intent: IntentLine): ListedRow {
  const notes = [`its ${intent.action} was cut off: whether it was done is not known`]
  return { address: intent.address, kind: intent.kind, id: intent.id, connection: intent.connection, notes }
}

function openOf(address: string, snapshot: Snapshot): readonly IntentLine[] {
  return snapshot.open.filter((intent) => intent.address === address)
}

/** All that is remembered of one address. @throws FettleError `STATE_NOT_FOUND` */
export function showRow(snapshot: Snapshot, address: string): ShownRow {
  const row = rowAt(snapshot, address)
  const open = openOf(address, snapshot)
  const intent = open.at(-1)
  if (row === undefined && intent === undefined) throw notFound(address)
  const line = row === undefined ? lostRow(intent as IntentLine) : listed(row, snapshot)
  return {
    ...line,
    props: plainly(row?.props ?? intent?.want ?? "{}"),
    outputs: plainly(row?.outputs ?? "{}"),
    needs: row?.needs ?? intent?.needs ?? [],
    version: row?.version ?? 0,
    open: open.map(({ action, startedAt, token }) => ({ action, startedAt: new Date(startedAt).toISOString(), token })),
  }
}

/** An encoded value as plain data: secrets by name, long texts and bytes by their size. */
export function plainly(encoded: string): unknown {
  return printable(decode(encoded))
}

function printable(value: unknown): unknown {
  if (value instanceof Secret) return `[secret ${value.name}]`
  if (Array.isArray(value)) return value.map(printable)
  if (!isPlain(value)) return value
  if (typeof value.$text === "string") return `[text of ${value.length} characters]`
  if (typeof value.$bytes === "string") return `[${value.length} bytes]`
  if (typeof value.$function === "string") return "[function]"
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, printable(each)]))
}

export function rowAt(snapshot: Snapshot, address: string): Row | undefined {
  return snapshot.rows.find((row) => row.address === address && row.deposed === "")
}

/** That state has no such address, with the ones that come near. */
export function notFound(address: string): FettleError {
  return new FettleError("STATE_NOT_FOUND", `state has no ${address}`)
}

/** `group/kind[name]`. */
const ADDRESS = /^(?:[^[\]]+\/)?([^[\]/]+)\[[^[\]]+\]$/

/**
 * Gives a recorded thing another address, and lets what needs it know.
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_TAKEN`, `OPEN_INTENT`, `USAGE` where the new address is none, or of another kind
 */
export async function moveRow(edit: StateEdit, from: string, to: string): Promise<void> {
  const { snapshot } = edit
  const row = rowAt(snapshot, from)
  if (row === undefined) throw notFound(from)
  if (openOf(from, snapshot).length > 0)
    throw new FettleError("OPEN_INTENT", `a change of ${from} was cut off; it is settled under the address it has`, {
      next: "fettle apply settles it; move it afterwards",
    })
  const kind = ADDRESS.exec(to)?.[1]
  if (kind === undefined)
    throw new FettleError("USAGE", `${JSON.stringify(to)} is not an address: group/kind[name]`, {
      next: "fettle graph prints the addresses of the program",
    })
  if (kind !== row.kind) throw new FettleError("USAGE", `${from} is a ${row.kind}; it cannot become a ${kind}`)
  if (snapshot.rows.some((each) => each.address === to)) throw new FettleError("STATE_TAKEN", `state already has ${to}`)
  const followers = snapshot.rows.filter((each) => each.needs.includes(from))
  const renamed = (needs: readonly string[]): readonly string[] => needs.map((need) => (need === from ? to : need))
  await edit.write({
    moved: [{ from, to }],
    rows: followers.map((each) => ({
      ...each,
      address: each.address === from ? to : each.address,
      needs: renamed(each.needs),
    })),
  })
}

/**
 * Removes addresses from state; the things themselves stay as they are. Changes of them that were cut off are given up.
 * @throws FettleError `STATE_NOT_FOUND`; then nothing is removed
 */
export async function forgetRows(edit: StateEdit, addresses: readonly string[]): Promise<number> {
  const { snapshot } = edit
  const wanted = new Set(addresses)
  const rows = snapshot.rows.filter((row) => wanted.has(row.address))
  const open = snapshot.open.filter((intent) => wanted.has(intent.address) && intent.action !== "finally")
  const known = new Set([...rows, ...open].map((each) => each.address))
  for (const address of wanted) if (!known.has(address)) throw notFound(address)
  const endedAt = Date.now()
  await edit.write({
    removed: rows.map(({ address, deposed }) => ({ address, deposed })),
    results: open.map(({ seq }) => ({ seq, outcome: "settled" as const, endedAt, closes: true })),
  })
  return known.size
}
