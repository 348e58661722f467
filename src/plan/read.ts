import { asFettleError, FettleError } from "../errors.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import { follow, onAbort } from "../policies/signals.ts"
import type { Address } from "../program/address.ts"
import type { Connection, Driver, Key, ReadItem, Seen } from "../provider.ts"
import type { Engine } from "./engine.ts"
import { fitSeen } from "./fit-outputs.ts"
import type { Sessions } from "./sessions.ts"
import type { Work } from "./work.ts"

export function driverOf(work: Pick<Work, "connection">, sessions: Sessions, engine: Engine): Promise<Driver> {
  return work.connection === undefined ? Promise.resolve(engine.unconnected) : sessions.driver(work.connection)
}

/** What to do where nobody has answered for `afterMs` milliseconds, and some have not at all. */
export interface Quiet {
  readonly afterMs: number
  /** @returns those that are not waited for any longer; what they still answer is heard by nobody */
  leave(waiting: readonly Connection[], hasAnswers: boolean): readonly Connection[]
}

export interface ReadOptions {
  /** The same plan has read a moment ago, when less of the props was known. */
  readonly again?: boolean
  readonly quiet?: Quiet
}

/** Reads all of `works` in one call per connection and notes what was seen. A key without an answer is a failure. */
export async function readAll(
  works: readonly Work[],
  sessions: Sessions,
  engine: Engine,
  { again = false, quiet }: ReadOptions = {},
): Promise<void> {
  const byConnection = new Map<Connection | undefined, Work[]>()
  for (const work of works) {
    const known = byConnection.get(work.connection)
    if (known === undefined) byConnection.set(work.connection, [work])
    else known.push(work)
  }
  const reading = [...byConnection].map(([connection, group]) => ({
    connection,
    done: readGroup(connection, group, sessions, engine, again),
  }))
  await (quiet === undefined ? Promise.all(reading.map(({ done }) => done)) : allBut(reading, quiet))
}

interface Reading {
  readonly connection: Connection | undefined
  /** Resolves to whether anything was answered. */
  readonly done: Promise<boolean>
}

/** Waits for all reads but those that are left out when all are quiet. */
function allBut(reading: readonly Reading[], quiet: Quiet): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiting = new Set(reading)
    let hasAnswers = false
    const timer = setTimeout(() => {
      const open = [...waiting].flatMap(({ connection }) => connection ?? [])
      const left = new Set(open.length === 0 ? [] : quiet.leave(open, hasAnswers))
      for (const each of waiting) if (each.connection !== undefined && left.has(each.connection)) waiting.delete(each)
      endIfAll()
    }, quiet.afterMs)
    const endIfAll = (): void => {
      if (waiting.size > 0) return
      clearTimeout(timer)
      resolve()
    }
    for (const each of reading)
      each.done.then((answered) => {
        hasAnswers ||= answered
        if (!waiting.delete(each)) return
        timer.refresh()
        endIfAll()
      }, reject)
    endIfAll()
  })
}

async function readGroup(
  connection: Connection | undefined,
  works: readonly Work[],
  sessions: Sessions,
  engine: Engine,
  again: boolean,
): Promise<boolean> {
  const started = engine.now()
  const answers = await ask(works, sessions, engine, again)
  for (const work of works) {
    const seen = answers instanceof FettleError ? { failed: answers } : (answers.get(work.address) ?? silent(work))
    work.seen = fitSeen(work.provider, seen, work.address)
    work.readAt = started
    if ("id" in work.seen && work.seen.id !== undefined) work.id = work.seen.id
  }
  engine.emit({
    type: "plan.read",
    connection: connection?.name ?? "",
    items: works.length,
    durationMs: engine.now() - started,
  })
  return !(answers instanceof FettleError)
}

/** How long a driver has, after its time is up, to hand over what it did read. */
const PARTIAL_MS = 1_000

async function ask(
  works: readonly Work[],
  sessions: Sessions,
  engine: Engine,
  again: boolean,
): Promise<ReadonlyMap<Address, Seen<unknown>> | FettleError> {
  const { controller, release } = follow([engine.signal])
  const timer = setTimeout(() => controller.abort(tooLate(engine)), engine.readTimeoutMs)
  const { promise: ended, cancel } = endOf(controller.signal, engine)
  try {
    const opening = driverOf(works[0] as Work, sessions, engine)
    opening.catch(() => {}) // nobody waits for it where the run is cancelled meanwhile
    const driver = await Promise.race([opening, ended])
    const items = works.map((work) => itemOf(work, again && work.seen !== undefined))
    const reading = driver.read(items, {
      signal: controller.signal,
      seal: (sha256) => engine.key.fingerprintOfHash(sha256),
      secret: (name, value) => engine.box.wrap(name, value),
    })
    return await Promise.race([reading, ended])
  } catch (thrown) {
    if (engine.signal.aborted) throw new FettleError("CANCELLED", "cancelled while reading")
    return asFettleError(thrown, "READ_FAILED")
  } finally {
    clearTimeout(timer)
    release()
    cancel()
  }
}

/** Rejects when a read must be left to itself: at once where the run is cancelled, a little after its time is up. */
function endOf(signal: AbortSignal, engine: Engine): { readonly promise: Promise<never>; readonly cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    stop = onAbort(signal, () => {
      if (engine.signal.aborted) reject(new FettleError("CANCELLED", "cancelled while reading"))
      else timer = setTimeout(() => reject(tooLate(engine)), PARTIAL_MS)
    })
  })
  promise.catch(() => {}) // nobody races it where the read fails at once
  return {
    promise,
    cancel: () => {
      clearTimeout(timer)
      stop()
    },
  }
}

function tooLate(engine: Engine): FettleError {
  return new FettleError("TIMEOUT", `no answer within ${engine.readTimeoutMs / 1000} s`, {
    next: "see why reading it hangs",
  })
}

function itemOf(work: Work, again: boolean): ReadItem {
  const key: { -readonly [K in keyof Key<unknown, unknown>]: Key<unknown, unknown>[K] } = { address: work.address }
  if (work.id !== undefined) key.id = work.id
  if (work.want !== undefined) key.want = work.want
  if (work.last !== undefined) key.last = work.last
  if (work.open.length > 0) {
    key.open = work.open.map((each) => each.token)
    key.progress = Object.fromEntries(
      work.open.flatMap(({ token, progress }) => (progress === undefined ? [] : [[token, progress]])),
    )
  }
  const timeout = work.declaration?.options.timeout
  return {
    provider: work.provider,
    key,
    ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout as Duration) }),
    ...(again ? { again } : {}),
  }
}

function silent(work: Work): Seen<unknown> {
  return { failed: new FettleError("READ_SILENT", `${work.provider.kind} gave no answer for ${work.address}`) }
}
