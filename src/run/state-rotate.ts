import { randomUUID } from "node:crypto"
import type { Trail } from "../audit/trail.ts"
import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import type { Json } from "../provider.ts"
import { type DataKey, PRINTS } from "../secrets/key.ts"
import type { StateHome } from "../state/home.ts"
import type { Holder } from "../state/lock.ts"
import type { Row, Store, Whole } from "../state/store.ts"
import { type Accounting, plainAccounting, trailOf } from "./account.ts"

/**
 * Seals all that a state holds with another data key, in one transaction. Fingerprints stay as they are, so that nothing looks changed;
 * what they are keyed with is kept, sealed with the new key.
 * @returns how many values were sealed anew
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_KEY_WRONG`, those of the store
 */
export async function rotateKey(
  home: StateHome,
  old: DataKey,
  next: DataKey,
  holder: Omit<Holder, "since">,
  accounting: Accounting = plainAccounting(home, holder, { given: undefined, file: "" }),
): Promise<number> {
  if (old.id === next.id)
    throw new FettleError("STATE_KEY_WRONG", `the new data key is the one that state has, ${old.id}`)
  if (!(await home.exists())) throw new FettleError("STATE_NOT_FOUND", `there is no state in ${home.name}`)
  const { store, release } = await home.take(holder)
  try {
    return await rotating(store, old, next, holder, accounting)
  } finally {
    await release()
  }
}

/** The record goes first: where it is cut off between the two, the command is repeated. */
async function rotating(
  store: Store,
  old: DataKey,
  next: DataKey,
  holder: Omit<Holder, "since">,
  accounting: Accounting,
): Promise<number> {
  refuseOther(await store.dump(), old)
  const trail = await trailWith(accounting, old, next)
  let outcome = "failed"
  try {
    await trail.ready()
    const count = await resealAll(store, old, next, holder)
    outcome = "done"
    return count
  } finally {
    await trail.end({ type: "run.ended", outcome, exitCode: outcome === "done" ? 0 : 1 })
  }
}

/** The record under the new key; it is there already where an earlier try was cut off. */
async function trailWith(accounting: Accounting, old: DataKey, next: DataKey): Promise<Trail> {
  const given = (key: DataKey): Trail => trailOf(accounting, key)
  const trail = given(old)
  try {
    await trail.note({ type: "run.started" })
    await trail.changeKey(next, old.id)
    return trail
  } catch (thrown) {
    if (!(thrown instanceof FettleError && thrown.code === "STATE_KEY_WRONG")) throw thrown
    await trail.close()
    const later = given(next)
    await later.note({ type: "run.started" })
    return later
  }
}

async function resealAll(store: Store, old: DataKey, next: DataKey, holder: Omit<Holder, "since">): Promise<number> {
  refuseOther(await store.dump(), old)
  const { command, who } = holder
  const run = await store.beginRun({ id: randomUUID(), command, who, startedAt: Date.now(), keyId: old.id })
  let count = 0
  const reseal = (sealed: string): string => {
    count += 1
    return next.seal(old.open(sealed))
  }
  await store.replace(resealed(await store.dump(), reseal, old, next), next)
  await store.endRun(run, "done", Date.now())
  return count
}

function refuseOther({ keyId }: Whole, old: DataKey): void {
  if (keyId !== undefined && keyId !== old.id)
    throw new FettleError("STATE_KEY_WRONG", `state is sealed with data key ${keyId}; this one is ${old.id}`)
}

function resealed(whole: Whole, reseal: (sealed: string) => string, old: DataKey, next: DataKey): Whole {
  const inText = (text: string): string =>
    text.includes('"sealed"') ? JSON.stringify(inJson(JSON.parse(text), reseal)) : text
  const secrets = whole.secrets.filter(([name]) => name !== PRINTS)
  const prints = whole.secrets.find(([name]) => name === PRINTS)?.[1]
  return {
    ...whole,
    rows: whole.rows.map((row) => ofRow(row, inText)),
    lines: whole.lines.map((line) => ({
      ...line,
      want: inText(line.want),
      progress: line.progress === undefined ? undefined : (inJson(line.progress, reseal) as Json),
    })),
    secrets: [
      ...secrets.map(([name, sealed]) => [name, reseal(sealed)] as const),
      [PRINTS, old.withPrints(prints).printsFor(next)],
    ],
    keyId: next.id,
  }
}

function ofRow(row: Row, inText: (text: string) => string): Row {
  const { props, outputs, carry } = row
  return {
    ...row,
    props: inText(props),
    outputs: inText(outputs),
    carry: carry === undefined ? undefined : inText(carry),
  }
}

function inJson(value: unknown, reseal: (sealed: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => inJson(each, reseal))
  if (!isPlain(value)) return value
  if (typeof value.$secret === "string" && typeof value.sealed === "string")
    return { ...value, sealed: reseal(value.sealed) }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inJson(each, reseal)]))
}

/** What is left of a state whose key is lost: sealed values are gone, and what they were is asked for, made or read anew. */
export function withoutSealed(whole: Whole): Whole {
  const inText = (text: string): string => JSON.stringify(unsealed(JSON.parse(text)))
  return {
    ...whole,
    rows: whole.rows.map((row) => ofRow(row, inText)),
    lines: whole.lines.map((line) => ({ ...line, want: inText(line.want) })),
    secrets: [],
    keyId: undefined,
  }
}

function unsealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unsealed)
  if (!isPlain(value)) return value
  if (typeof value.$secret !== "string")
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unsealed(each)]))
  const { sealed: _sealed, ...known } = value
  return known
}
