import { FettleError } from "../../errors.ts"
import type { Batch, Counts, EndedLine, NewIntent, NewRun, Result, Row, Run, Snapshot, Whole } from "../store.ts"

/** Runs kept for `fettle runs` and `fettle logs`: as many as in a file. */
const RUNS_KEPT = 50

type Line = Whole["lines"][number]

/** One transaction, as it stands in an entry. */
export type Operation =
  | { readonly type: "run"; readonly run: Omit<NewRun, "keyId"> }
  | { readonly type: "end"; readonly run: number; readonly outcome: string; readonly endedAt: number }
  | { readonly type: "commit"; readonly run: number; readonly batch: Batch }
  /** All that is remembered, in parts: what came before the first of them is dropped. */
  | ({ readonly type: "base"; readonly first: boolean; readonly links?: readonly LinkAt[] } & Part)

/** The link that an entry had which is dropped by now: who saw it knows by it that this is what followed. */
export type LinkAt = readonly [serial: number, link: string]

type Part = Partial<Omit<Whole, "keyId">>

/** All that the entries of a state come to: tables as in a file, kept in memory. */
export class Remembered {
  #rows = new Map<string, Row>()
  #lines = new Map<number, Line>()
  #runs = new Map<number, Run>()
  #targets = new Map<string, string>()
  #secrets = new Map<string, string>()
  #counts: Counts = { seq: 0, run: 0, edits: 0 }

  snapshot(keyId: string): Snapshot {
    const byAddress = (a: Row, b: Row): number => compare(a.address, b.address) || compare(a.deposed, b.deposed)
    return {
      rows: [...this.#rows.values()].sort(byAddress),
      open: [...this.#lines.values()].filter((line) => line.open).map(intentOf),
      targets: new Map(this.#targets),
      secrets: new Map(this.#secrets),
      serial: this.#counts.seq + this.#counts.edits,
      keyId,
    }
  }

  runs(): readonly Run[] {
    return [...this.#runs.values()].reverse()
  }

  entries(run: number): readonly EndedLine[] {
    return [...this.#lines.values()].filter((line) => line.run === run).map(({ open: _open, ...line }) => line)
  }

  /** Number of the last run, and of the last line of the journal. */
  get counts(): Counts {
    return this.#counts
  }

  /** @throws FettleError `STATE_WRITE` for what a file would refuse, too */
  refuse(operation: Operation): void {
    if (operation.type === "commit") moving(this.#rows, operation.batch.moved ?? [])
  }

  apply(operation: Operation): void {
    if (operation.type === "run") this.#begin(operation.run)
    else if (operation.type === "end") this.#endRun(operation.run, operation.outcome, operation.endedAt)
    else if (operation.type === "commit") this.#commit(operation.run, operation.batch)
    else this.#take(operation)
  }

  static of(whole: Whole): Remembered {
    const made = new Remembered()
    made.apply({ type: "base", first: true, ...whole })
    return made
  }

  whole(keyId: string): Whole {
    return {
      rows: this.snapshot(keyId).rows,
      lines: [...this.#lines.values()].map(({ open, ...line }) => ({ ...line, ...intentOf({ ...line, open }), open })),
      runs: [...this.#runs.values()],
      targets: [...this.#targets].sort(([a], [b]) => compare(a, b)),
      secrets: [...this.#secrets].sort(([a], [b]) => compare(a, b)),
      counts: this.#counts,
      keyId,
    }
  }

  /** All of it as parts of at most about so many characters. */
  *parts(most: number): Generator<Operation> {
    let first = true
    let size = 0
    let part: { -readonly [K in keyof Part]: Part[K] extends readonly (infer T)[] | undefined ? T[] : Part[K] } = {}
    const items: readonly (readonly ["rows" | "lines" | "runs" | "targets" | "secrets", unknown])[] = [
      ...[...this.#rows.values()].map((each) => ["rows", each] as const),
      ...[...this.#lines.values()].map((each) => ["lines", each] as const),
      ...[...this.#runs.values()].map((each) => ["runs", each] as const),
      ...[...this.#targets].map((each) => ["targets", each] as const),
      ...[...this.#secrets].map((each) => ["secrets", each] as const),
    ]
    for (const [name, item] of items) {
      part[name] ??= [] as never
      ;(part[name] as unknown[]).push(item)
      size += JSON.stringify(item).length
      if (size < most) continue
      yield { type: "base", first, ...(part as Part) }
      part = {}
      size = 0
      first = false
    }
    yield { type: "base", first, ...(part as Part), counts: this.#counts }
  }

  #take(part: Extract<Operation, { type: "base" }>): void {
    if (part.first) {
      for (const table of [this.#rows, this.#lines, this.#runs, this.#targets, this.#secrets]) table.clear()
    }
    for (const row of part.rows ?? []) this.#put(row)
    for (const line of part.lines ?? []) this.#lines.set(line.seq, line)
    for (const run of part.runs ?? []) this.#runs.set(run.run, { ...run, endedAt: run.endedAt, outcome: run.outcome })
    for (const [connection, identity] of part.targets ?? []) this.#targets.set(connection, identity)
    for (const [name, value] of part.secrets ?? []) this.#secrets.set(name, value)
    if (part.counts !== undefined) this.#counts = part.counts
  }

  #begin(run: Omit<NewRun, "keyId">): void {
    const { run: last, seq } = this.#counts
    for (const old of this.#runs.keys()) if (old <= last - RUNS_KEPT) this.#runs.delete(old)
    for (const line of this.#lines.values())
      if (!line.open && !this.#runs.has(line.run) && line.seq < seq) this.#lines.delete(line.seq)
    this.#counts = { ...this.#counts, run: last + 1 }
    this.#runs.set(last + 1, { ...run, run: last + 1, endedAt: undefined, outcome: undefined })
  }

  #endRun(run: number, outcome: string, endedAt: number): void {
    const known = this.#runs.get(run)
    if (known !== undefined) this.#runs.set(run, { ...known, outcome, endedAt })
  }

  #commit(run: number, batch: Batch): void {
    for (const intent of batch.intents ?? []) this.#intend(run, intent)
    for (const { seq, json } of batch.progress ?? []) this.#change(seq, { progress: json })
    for (const { seq, at } of batch.orphaned ?? []) this.#change(seq, { orphanedAt: at })
    for (const result of batch.results ?? []) this.#end(result)
    if (batch.moved !== undefined) this.#move(batch.moved)
    for (const { address, deposed } of batch.removed ?? []) this.#rows.delete(keyOf(address, deposed))
    for (const row of batch.rows ?? []) this.#put(row)
    for (const { connection, identity } of batch.targets ?? []) this.#targets.set(connection, identity)
    for (const { name, sealed } of batch.secrets ?? []) if (!this.#secrets.has(name)) this.#secrets.set(name, sealed)
    if ((batch.intents ?? []).length + (batch.results ?? []).length === 0)
      this.#counts = { ...this.#counts, edits: this.#counts.edits + 1 }
  }

  #intend(run: number, intent: NewIntent): void {
    const seq = this.#counts.seq + 1
    this.#counts = { ...this.#counts, seq }
    const { address, deposed, action, kind, connection, id, token, want, needs, startedAt } = intent
    const given = { address, deposed, action, kind, connection, id, token, want, needs, startedAt }
    const open = {
      progress: undefined,
      orphanedAt: undefined,
      outcome: undefined,
      endedAt: undefined,
      error: undefined,
    }
    this.#lines.set(seq, { seq, run, ...given, ...open, open: true })
  }

  #change(seq: number, change: Partial<Line>): void {
    const line = this.#lines.get(seq)
    if (line !== undefined) this.#lines.set(seq, { ...line, ...change })
  }

  #end({ seq, outcome, endedAt, error, closes }: Result): void {
    this.#change(seq, { outcome, endedAt, error, open: !closes })
  }

  #move(moved: Moves): void {
    const places = moving(this.#rows, moved)
    for (const { was } of [...places.values()].flat()) this.#rows.delete(was)
    for (const [address, rows] of places) for (const { row } of rows) this.#put({ ...row, address })
  }

  #put(row: Row): void {
    this.#rows.set(keyOf(row.address, row.deposed), { ...row, id: row.id, carry: row.carry })
  }
}

type Moves = NonNullable<Batch["moved"]>

/** The rows of all addresses that a batch moves from or to, where they come to stand, with the keys they had; one after the other, as in a file. */
function moving(
  rows: ReadonlyMap<string, Row>,
  moved: Moves,
): ReadonlyMap<string, readonly { row: Row; was: string }[]> {
  const places = new Map<string, { row: Row; was: string }[]>()
  for (const address of moved.flatMap(({ from, to }) => [from, to])) places.set(address, [])
  if (moved.length > 0) for (const [was, row] of rows) places.get(row.address)?.push({ row, was })
  for (const { from, to } of moved) {
    const coming = from === to ? [] : (places.get(from) ?? [])
    const there = places.get(to) ?? []
    if (coming.some(({ row }) => there.some((each) => each.row.deposed === row.deposed)))
      throw new FettleError("STATE_WRITE", `${from} cannot become ${to}: state already has that`)
    there.push(...coming)
    if (from !== to) places.set(from, [])
  }
  return places
}

function intentOf({ outcome: _outcome, endedAt: _endedAt, error: _error, open: _open, ...intent }: Line) {
  return { ...intent, id: intent.id, progress: intent.progress, orphanedAt: intent.orphanedAt }
}

function keyOf(address: string, deposed: string): string {
  return `${address}\0${deposed}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
