import { createHash } from "node:crypto"
import type { Recorded } from "../audit/fact.ts"
import { lineOf } from "../audit/sinks/sink.ts"
import { FettleError } from "../errors.ts"
import { findKey } from "../secrets/key.ts"
import type { Entry } from "../state/shared/ledger.ts"
import { type Accounting, missingKey, trailOf } from "./account.ts"

/** A record that was proven, from its first entry to its last. */
export interface Audit {
  readonly records: readonly Recorded[]
  /** The last entry that each sink has, by its id. */
  readonly delivered: Readonly<Record<string, number>>
}

/**
 * Reads the record of a stage and proves it.
 * @throws FettleError `AUDIT_ALTERED` naming the entry, `AUDIT_ROLLED_BACK`, `STATE_KEY_WRONG`, `STATE_KEY_MISSING`
 */
export async function readAudit(accounting: Accounting): Promise<Audit> {
  const key = findKey(accounting.keys)
  if (key === undefined && (await isEmpty(accounting))) return { records: [], delivered: {} } // to look makes no key
  const trail = trailOf(accounting, key ?? missingKey(accounting.home))
  try {
    const head = await trail.chain.head()
    return { records: head === undefined ? [] : await trail.chain.since(0), delivered: head?.delivered ?? {} }
  } finally {
    await trail.close()
  }
}

async function isEmpty({ home }: Accounting): Promise<boolean> {
  const keeper = home.record.open()
  try {
    return (await keeper.head()) === undefined
  } finally {
    await keeper.close()
  }
}

/** What may be asked of it. */
export interface AuditQuestion {
  /** Milliseconds since 1970. */
  readonly sinceMs?: number | undefined
  /** The beginning of a run's id. */
  readonly run?: string | undefined
  /** Part of the name of a person: who did it, for whom CI says, or who approved. */
  readonly by?: string | undefined
}

/** The entries that are asked for. A clock that is set back hides nothing: what follows an entry of that time is later than it. */
export function chosenRecords(records: readonly Recorded[], { sinceMs, run, by }: AuditQuestion): readonly Recorded[] {
  const first = sinceMs === undefined ? 0 : records.findIndex(({ at }) => Date.parse(at) >= sinceMs)
  return (first === -1 ? [] : records.slice(first)).filter(
    (each) => (run === undefined || each.run.startsWith(run)) && (by === undefined || isBy(each, by)),
  )
}

function isBy({ who, ci, fact }: Recorded, name: string): boolean {
  const approvals = fact.type === "plan.accepted" ? (fact.approvals ?? []) : []
  return [who, ci?.actor ?? "", ...approvals.map((each) => each.name)].some((each) => each.includes(name))
}

/** How much the clocks of two machines may differ. */
const SKEW_MS = 60_000

/** Entries whose clock stood before that of an earlier one, and runs that began and did not end. */
export function oddities(records: readonly Recorded[]): {
  readonly setBack: readonly Recorded[]
  readonly unended: readonly Recorded[]
} {
  let latest = 0
  const setBack: Recorded[] = []
  const open = new Map<string, Recorded>()
  for (const each of records) {
    const at = Date.parse(each.at)
    if (at < latest - SKEW_MS) setBack.push(each)
    latest = Math.max(latest, at)
    if (each.fact.type === "run.started") open.set(each.run, each)
    if (each.fact.type === "run.ended") open.delete(each.run)
  }
  return { setBack, unended: [...open.values()] }
}

/** What a line of a sink begins with, whatever stands before it. */
const LINE = '{"fettle":"audit/1"'

/**
 * Compares a record with the copy that a sink has: who has the key could write another one, but not into the sink.
 * @param text of the copy, a line for each entry; what is none is passed over
 * @returns how many entries of it were compared
 * @throws FettleError `AUDIT_ALTERED` naming the entries that differ, `AUDIT_ROLLED_BACK` where the copy has more
 */
export function compareWithCopy(
  there: readonly (Recorded | Entry)[],
  text: string,
  name: string,
  place: string,
): number {
  const known = new Map(there.map((each) => [each.serial, each]))
  const lines = text.split("\n").flatMap((line) => linesIn(line, place))
  const differing = lines.filter(({ serial, line }) => known.has(serial) && lineIn(known.get(serial), place) !== line)
  const serials = [...new Set(differing.map(({ serial }) => serial))]
  if (serials.length > 0)
    throw new FettleError("AUDIT_ALTERED", `${name}: ${listed(serials)} other than in the copy`, {
      next: "the copy is right, if only the sink writes it: find out who could write both the record and its key",
    })
  const more = [...new Set(lines.filter(({ serial }) => !known.has(serial)).map(({ serial }) => serial))]
  if (more.length > 0)
    throw new FettleError("AUDIT_ROLLED_BACK", `${name}: ${listed(more)} in the copy and not here`, {
      next: "it was cut off or put back: find out who could write it; where that is meant, fettle audit --anew",
    })
  return lines.length
}

function linesIn(text: string, place: string): readonly { readonly serial: number; readonly line: string }[] {
  const at = text.indexOf(LINE)
  if (at === -1) return []
  try {
    const line = text.slice(at).trim()
    const { serial, place: whose } = JSON.parse(line) as { serial: number; place: string }
    return whose === place && Number.isSafeInteger(serial) ? [{ serial, line }] : []
  } catch {
    return [] // cut off: it stands there again, whole
  }
}

/** Of an entry that is not proven its body may be anything. */
function lineIn(entry: Recorded | Entry | undefined, place: string): string | undefined {
  if (entry === undefined || !("body" in entry)) return entry && lineOf(entry, place)
  try {
    return lineOf({ serial: entry.serial, link: entry.link, ...JSON.parse(entry.body) }, place)
  } catch {
    return ""
  }
}

/** So many are named. */
const NAMED = 10

function listed(serials: readonly number[]): string {
  const words = serials.slice(0, NAMED).join(", ")
  const left = serials.length - NAMED
  return `${serials.length === 1 ? "entry" : "entries"} ${words}${left > 0 ? ` and ${left} more` : ""} ${serials.length === 1 ? "is" : "are"}`
}

/** What is there, proven or not: to be looked at. */
export async function readUnprovenAudit({ home }: Pick<Accounting, "home">): Promise<readonly Entry[]> {
  const keeper = home.record.open()
  try {
    return await keeper.since(1)
  } finally {
    await keeper.close()
  }
}

/**
 * Sets a record aside that is not as it should be, and begins another, whose first entry says so.
 * @param keep writes what is there somewhere else, before it goes
 */
export async function beginAuditAnew(
  accounting: Accounting,
  because: string,
  keep: (entries: readonly Entry[]) => void,
): Promise<void> {
  const trail = trailOf(accounting)
  try {
    await trail.chain.beginAnew((kept) => {
      const entries = kept?.entries ?? []
      keep(entries)
      const sha256 = createHash("sha256")
        .update(JSON.stringify(kept ?? null))
        .digest("hex")
      return trail.said({ type: "record.begun.anew", entries: entries.length, sha256, because })
    })
    await trail.send()
  } finally {
    await trail.close()
  }
}
