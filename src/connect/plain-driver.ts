import { asFettleError, FettleError } from "../errors.ts"
import { Line } from "../policies/line.ts"
import { onAbort } from "../policies/signals.ts"
import { startTimer } from "../policies/timer.ts"
import type { Address } from "../program/address.ts"
import type {
  AnyProvider,
  ChangeItem,
  ChangeResult,
  Driver,
  Json,
  Key,
  Read,
  ReadItem,
  Seen,
  Write,
} from "../provider.ts"

/** Calls at once where a connection does not say: enough to hide the latency of an API, few enough for any of them. */
const CONCURRENCY = 10

export interface PlainDriverOptions {
  /** Who the far side is; pinned in state. Empty where there is nothing to pin. */
  readonly identity: string
  /** Most changes under way at once, all calls of `change` together. Default 10. */
  readonly concurrency?: number | undefined
  readonly close?: (() => Promise<void>) | undefined
}

/**
 * The driver that merges nothing: it calls each provider with the open client.
 *
 * A kind whose read throws fails only its own keys (`READ_FAILED`), a key without an answer fails alone (`READ_SILENT`).
 * A change that fails after its call began counts as perhaps made, unless its error says `details: { notMade: true }`.
 *
 * @example plainDriver(client, { identity: account, close: () => client.end() })
 */
export function plainDriver<C>(client: C, options: PlainDriverOptions): Driver {
  const { identity, concurrency = CONCURRENCY, close = async () => {} } = options
  const lanes = new Lanes(concurrency)
  return {
    identity,
    guards: false,
    wave: concurrency,
    read: (items, call) => readAll(items, { ...readOf(call), connection: client }),
    change: (items, settle) => changeAll(items, client, lanes, settle),
    close,
  }
}

/** Keys of one kind that are asked for in one call. */
interface Batch {
  readonly provider: AnyProvider
  readonly timeoutMs: number | undefined
  readonly keys: Key<unknown, unknown>[]
}

/** One call for each kind; nodes with a limit of their own are asked for apart, so that it holds for them and spares the rest. */
async function readAll(items: readonly ReadItem[], call: Read<unknown>): Promise<ReadonlyMap<Address, Seen<unknown>>> {
  const batches = new Map<AnyProvider, Map<number | undefined, Batch>>()
  for (const { provider, key, timeoutMs } of items) {
    const ofKind = batches.get(provider) ?? new Map<number | undefined, Batch>()
    batches.set(provider, ofKind)
    const batch = ofKind.get(timeoutMs)
    if (batch === undefined) ofKind.set(timeoutMs, { provider, timeoutMs, keys: [key] })
    else batch.keys.push(key)
  }
  const all = new Map<Address, Seen<unknown>>()
  await Promise.all(
    [...batches.values()].flatMap((ofKind) => [...ofKind.values()].map((each) => readKind(each, call, all))),
  )
  return all
}

/** Reads the keys of one kind; whatever goes wrong, each of them gets an answer. */
async function readKind(
  { provider, keys, timeoutMs }: Batch,
  call: Read<unknown>,
  all: Map<Address, Seen<unknown>>,
): Promise<void> {
  const ending = endingOf(call.signal, timeoutMs, keys.length === 1 ? keys[0]?.address : undefined, "read")
  try {
    const answers: unknown = await Promise.race([
      provider.read(keys, { ...call, signal: ending.signal }),
      ending.promise,
    ])
    if (!(answers instanceof Map))
      throw new FettleError("READ_FAILED", `${provider.kind} answered a read with something that is not a map`)
    for (const { address } of keys) all.set(address, seenOr(answers.get(address), provider, address))
  } catch (thrown) {
    const failed = ending.error() ?? asFettleError(thrown, "READ_FAILED")
    for (const { address } of keys) all.set(address, { failed })
  } finally {
    ending.cancel()
  }
}

function seenOr(answer: unknown, provider: AnyProvider, address: Address): Seen<unknown> {
  const isSeen =
    typeof answer === "object" && answer !== null && ("outputs" in answer || "absent" in answer || "failed" in answer)
  if (isSeen) return answer as Seen<unknown>
  return { failed: new FettleError("READ_SILENT", `${provider.kind} gave no answer for ${address}`, { address }) }
}

async function changeAll(
  items: readonly ChangeItem[],
  client: unknown,
  lanes: Lanes,
  settle: (item: ChangeItem, result: ChangeResult) => unknown,
): Promise<void> {
  const inTurn = async (item: ChangeItem): Promise<void> => {
    await lanes.enter()
    try {
      settle(item, await changeOne(item, client))
    } finally {
      lanes.leave()
    }
  }
  await Promise.all(items.map(inTurn))
}

/** Lets so many through at once, first come, first served; shared by all calls of a driver. */
class Lanes {
  readonly #waiting = new Line<() => void>()
  #free: number

  constructor(width: number) {
    this.#free = width
  }

  enter(): Promise<void> | undefined {
    if (this.#free === 0) return new Promise((start) => this.#waiting.join(start))
    this.#free -= 1
    return undefined
  }

  /** Hands the lane on; it is never free in between. */
  leave(): void {
    const first = this.#waiting.first
    if (first === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.leave(first)
    first.item()
  }
}

async function changeOne(item: ChangeItem, client: unknown): Promise<ChangeResult> {
  if (item.signal.aborted) return { failed: cancelled(item.signal, item.address), maybe: false }
  let call: Write<unknown>
  try {
    call = item.call(client)
  } catch (thrown) {
    return { failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: false }
  }
  const ending = endingOf(item.signal, item.timeoutMs, item.address, "done")
  try {
    return await Promise.race([changed(item, writeOf(call, ending.signal)), ending.promise])
  } catch (thrown) {
    const own = asFettleError(thrown, "PROVIDER_THREW")
    return { failed: ending.error() ?? own, maybe: own.details?.notMade !== true }
  } finally {
    ending.cancel()
  }
}

async function changed(
  { provider, action, want, seen, change, last }: ChangeItem,
  call: Write<unknown>,
): Promise<ChangeResult> {
  if (action === "ensure") return { outputs: await provider.ensure(want, seen, change, call) }
  await provider.delete(seen, last, call)
  return { deleted: true }
}

interface Ending {
  /** Rejects when the call must be left to itself; never resolves. */
  readonly promise: Promise<never>
  /** Tells the call so. */
  readonly signal: AbortSignal
  readonly error: () => FettleError | undefined
  readonly cancel: () => void
}

/** The end of a call that does not end by itself: by the signal, or after `timeoutMs`. */
function endingOf(
  parent: AbortSignal,
  timeoutMs: number | undefined,
  address: Address | undefined,
  done: "read" | "done",
): Ending {
  const controller = new AbortController()
  let error: FettleError | undefined
  let reject = (_error: FettleError): void => {}
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse
  })
  promise.catch(() => {}) // nobody races it where the call throws at once
  const end = (why: FettleError): void => {
    error ??= why
    controller.abort(why)
    setImmediate(reject, why) // a call that heeds its signal may first say that nothing was sent
  }
  const stop = onAbort(parent, () => end(cancelled(parent, address)))
  const clear = timeoutMs === undefined ? () => {} : startTimer(timeoutMs, () => end(tooLate(timeoutMs, address, done)))
  return {
    promise,
    signal: controller.signal,
    error: () => error,
    cancel: () => {
      clear()
      stop()
    },
  }
}

function tooLate(timeoutMs: number, address: Address | undefined, done: "read" | "done"): FettleError {
  return new FettleError("TIMEOUT", `${address ?? "all that was asked for"} was not ${done} within ${timeoutMs} ms`, {
    address,
    details: { timeoutMs },
  })
}

/** Why a signal was aborted, as an error of ours. */
function cancelled(signal: AbortSignal, address: Address | undefined): FettleError {
  if (signal.reason instanceof FettleError) return signal.reason
  return new FettleError("CANCELLED", address === undefined ? "the read was cancelled" : `${address} was cancelled`, {
    address,
  })
}

/** A call by its named parts: what the engine passes may be an instance of a class, which a spread would empty. */
function readOf(call: Omit<Read<undefined>, "connection">): Omit<Read<undefined>, "connection"> {
  return {
    signal: call.signal,
    seal: (sha256) => call.seal(sha256),
    secret: (name, value) => call.secret(name, value),
  }
}

function writeOf<C>(call: Write<C>, signal: AbortSignal): Write<C> {
  return {
    connection: call.connection,
    signal,
    address: call.address,
    intent: call.intent,
    ...(call.owner !== undefined && { owner: call.owner }),
    stopping: call.stopping,
    seal: (sha256) => call.seal(sha256),
    secret: (name, value) => call.secret(name, value),
    reveal: (secret) => call.reveal(secret),
    progress: (json) => call.progress(json),
    ...(call.reach === undefined ? {} : { reach: (name) => (call.reach as NonNullable<typeof call.reach>)(name) }),
    log: (text, stream) => call.log(text, stream),
    ...(call.measured && { measured: (facts: Json) => call.measured?.(facts) }),
    ...(call.hide && { hide: (text: string) => call.hide?.(text) ?? text }),
  }
}
