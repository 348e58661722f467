import type { Json } from "../provider.ts"
import type { EndedLine, IntentLine, Outcome, Row, Run, Whole } from "./store.ts"

/** One line of a table. */
export type Cells = Record<string, string | number | null>

const OWNED = 1
const PROTECT = 2
const RETAIN = 4
const UNFINISHED = 8
const REFRESHED = 16

/** What is true or false of a row, in one number. */
export function flagsOf(row: Row): number {
  return (
    (row.owned ? OWNED : 0) |
    (row.protect ? PROTECT : 0) |
    (row.retain ? RETAIN : 0) |
    (row.unfinished ? UNFINISHED : 0) |
    (row.refreshed === true ? REFRESHED : 0)
  )
}

export function asRow(cells: Cells): Row {
  const flags = Number(cells.flags)
  return {
    address: String(cells.address),
    deposed: String(cells.deposed),
    kind: String(cells.kind),
    version: Number(cells.version),
    connection: String(cells.connection),
    id: cells.id === null ? undefined : String(cells.id),
    owned: (flags & OWNED) !== 0,
    protect: (flags & PROTECT) !== 0,
    retain: (flags & RETAIN) !== 0,
    unfinished: (flags & UNFINISHED) !== 0,
    ...((flags & REFRESHED) === 0 ? {} : { refreshed: true }),
    props: String(cells.props),
    outputs: String(cells.outputs),
    carry: cells.carry === null ? undefined : String(cells.carry),
    needs: JSON.parse(String(cells.needs)) as string[],
    // Not there in format 1, which is read as it is.
    ...(typeof cells.allowed === "string" ? { allowed: cells.allowed } : {}),
  }
}

export function asIntent(cells: Cells): IntentLine {
  return {
    seq: Number(cells.seq),
    run: Number(cells.run),
    address: String(cells.address),
    deposed: String(cells.deposed),
    action: String(cells.action) as IntentLine["action"],
    kind: String(cells.kind),
    connection: String(cells.connection),
    id: cells.id === null ? undefined : String(cells.id),
    token: String(cells.token),
    want: String(cells.want),
    needs: JSON.parse(String(cells.needs)) as string[],
    progress: cells.progress === null ? undefined : (JSON.parse(String(cells.progress)) as Json),
    startedAt: Number(cells.started_at),
    orphanedAt: cells.orphaned_at === null ? undefined : Number(cells.orphaned_at),
  }
}

export function asLine(cells: Cells): EndedLine {
  return {
    ...asIntent(cells),
    outcome: (cells.outcome ?? undefined) as Outcome | undefined,
    endedAt: cells.ended_at === null ? undefined : Number(cells.ended_at),
    error: cells.error === null ? undefined : String(cells.error),
  }
}

/** A line of the journal in the order of its columns. */
export function cellsOf(line: Whole["lines"][number]): (string | number | null)[] {
  const { seq, run, address, deposed, action, kind, connection, token, want, startedAt } = line
  const { id, needs, progress, orphanedAt, endedAt, outcome, error, open } = line
  return [
    ...[seq, run, address, deposed, action, kind, connection, id ?? null, token, want, JSON.stringify(needs)],
    ...[progress === undefined ? null : JSON.stringify(progress), startedAt, orphanedAt ?? null],
    ...[endedAt ?? null, outcome ?? null, error ?? null, open ? 1 : 0],
  ]
}

export function asRun(cells: Cells): Run {
  return {
    run: Number(cells.run),
    id: String(cells.id),
    command: String(cells.command),
    who: String(cells.who),
    startedAt: Number(cells.started_at),
    endedAt: cells.ended_at === null ? undefined : Number(cells.ended_at),
    outcome: cells.outcome === null ? undefined : String(cells.outcome),
  }
}
