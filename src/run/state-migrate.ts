import { isDeepStrictEqual } from "node:util"
import { AuditChain } from "../audit/chain.ts"
import { FettleError } from "../errors.ts"
import type { DataKey } from "../secrets/key.ts"
import type { StateHome } from "../state/home.ts"
import type { Holder } from "../state/lock.ts"
import type { Whole } from "../state/store.ts"
import { type Accounting, plainAccounting, trailOf } from "./account.ts"

/** What was moved. */
export interface Migrated {
  readonly rows: number
  readonly open: number
  readonly runs: number
}

/**
 * Moves the state of a stage into an empty store, reads it there again, and marks where it was, so that nobody goes on there. Both
 * locks are held. Where it was cut off before the mark, it finds its own copy and goes on.
 * @param key the data key of both
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_IMPORT` where the other store is not empty, `STATE_KEY_WRONG`, those of both stores
 */
export async function migrateState(
  from: StateHome,
  to: StateHome,
  key: DataKey,
  holder: Omit<Holder, "since">,
  accounting: Accounting = plainAccounting(from, holder, { given: undefined, file: "" }),
): Promise<Migrated> {
  if (from.name === to.name) throw new FettleError("USAGE", `${from.name} is where it is`)
  if (!(await from.exists())) throw new FettleError("STATE_NOT_FOUND", `there is no state in ${from.name}`)
  const source = await from.take(holder)
  try {
    const whole = await source.store.dump()
    if (whole.keyId !== undefined && whole.keyId !== key.id)
      throw new FettleError(
        "STATE_KEY_WRONG",
        `${from.name} is sealed with data key ${whole.keyId}; this one is ${key.id}`,
      )
    await fill(to, whole, key, holder)
    await refuseDifferent(to, whole)
    await takeRecord(accounting, from, to, key)
    await source.store.leave(to.name)
    return { rows: whole.rows.length, open: whole.lines.filter((line) => line.open).length, runs: whole.runs.length }
  } finally {
    await source.release()
  }
}

/** The record goes along as it is, and this move is its last entry here; where there is another one already, that says where the older is. */
async function takeRecord(accounting: Accounting, from: StateHome, to: StateHome, key: DataKey): Promise<void> {
  const trail = trailOf(accounting, key)
  const copy = new AuditChain(to.record, key)
  try {
    await trail.note({ type: "by.hand", what: `state migrate to ${to.name}` })
    if (await copy.copyOf(trail.chain)) return
    const { serial = 0, link = "" } = (await trail.chain.head()) ?? {}
    const what = `state migrate from ${from.name}, whose audit stays there: its ${serial} entries end with ${link}`
    await copy.append([trail.said({ type: "by.hand", what })])
  } finally {
    await Promise.all([trail.close(), copy.close()])
  }
}

async function fill(to: StateHome, whole: Whole, key: DataKey, holder: Omit<Holder, "since">): Promise<void> {
  const target = await to.take(holder)
  try {
    const there = await target.store.dump()
    if (isSame(there, whole)) return
    const { rows, lines, runs, targets, secrets } = there
    if ([rows, lines, runs, targets, secrets].some((all) => all.length > 0))
      throw new FettleError(
        "STATE_IMPORT",
        `${to.name} is not empty: it holds ${rows.length} rows and ${runs.length} runs`,
        {
          next: "move to another place; what is there belongs to somebody",
        },
      )
    await target.store.replace(whole, key)
  } finally {
    await target.release()
  }
}

/** @throws FettleError `STATE_WRITE`: the source is still the one to go on with */
async function refuseDifferent(to: StateHome, whole: Whole): Promise<void> {
  const copied = await to.read((store) => store.dump())
  if (copied === undefined || !isSame(copied, whole))
    throw new FettleError("STATE_WRITE", `what ${to.name} holds now is not what was moved there`)
}

function isSame(a: Whole, b: Whole): boolean {
  const told = ({ keyId: _keyId, ...all }: Whole): unknown => JSON.parse(JSON.stringify(sorted(all)))
  return isDeepStrictEqual(told(a), told(b))
}

/** Stores give what has no order in one of their own. */
function sorted({ rows, targets, secrets, ...rest }: Omit<Whole, "keyId">): unknown {
  const byKey = (a: readonly string[], b: readonly string[]): number => (a.join("\0") < b.join("\0") ? -1 : 1)
  return {
    ...rest,
    rows: rows.toSorted((a, b) => byKey([a.address, a.deposed], [b.address, b.deposed])),
    targets: targets.toSorted(byKey),
    secrets: secrets.toSorted(byKey),
  }
}
