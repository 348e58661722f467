import type { Duplex } from "node:stream"
import { FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { ChangeItem, ChangeResult, Driver, OpenContext, Read, ReadItem, Seen } from "../../provider.ts"
import { type DialTo, refuseUndialable } from "../dial.ts"
import { plainDriver } from "../plain-driver.ts"
import type { Carrier } from "./carrier.ts"
import { changeHostItems } from "./change.ts"
import { Channel } from "./channel.ts"
import { type HostCommand, type HostCommandEnd, runOnHost } from "./command.ts"
import { dialThrough } from "./dial-through.ts"
import type { HostRecord } from "./frames.ts"
import { recognize } from "./identity.ts"
import { KeptLook } from "./kept-look.ts"
import { type HostClient, hostKindOf } from "./kind.ts"
import { Names } from "./names.ts"
import { PartTurns } from "./part-turns.ts"
import type { WaveItem } from "./prepare.ts"
import { readHostItems } from "./read.ts"

/** Most changes of one request: its script and the small contents are held in memory on both sides. */
const ITEMS_MAX = 20_000
/** How long a session may take to begin. */
const OPEN_MS = 60_000
/** Longest silence while reading: hashing a very large file is silent. The engine has a limit of its own. */
const READ_SILENCE_MS = 600_000

/**
 * Opens a host: a driver that merges the questions of all host kinds into one request, and the changes that are ready at once into
 * another. Where its session is lost, the next request begins a new one.
 * @throws FettleError `CONNECTION_FAILED`, `HOST_PROTOCOL`, `HOST_TOOLS`
 */
export async function openHost(
  carrier: Carrier,
  context: OpenContext,
): Promise<Driver & { readonly client: HostClient }> {
  const first = await Channel.open(carrier, {
    signal: context.signal,
    timeoutMs: carrier.openMs ?? OPEN_MS,
    log: context.log,
  })
  for (const tool of ["stat", "sha256sum", "tar", "mv", "readlink"])
    if (!first.facts.has.has(tool)) {
      await first.close()
      throw new FettleError("HOST_TOOLS", `${carrier.target} has no ${tool}`)
    }
  const { identity } = first
  const host = new Host(carrier, context, first, identity)
  const driver: Driver & { readonly client: HostClient } = {
    identity,
    recognize: (remembered) => recognize(remembered, identity),
    guards: true,
    chains: true,
    wave: ITEMS_MAX,
    client: host,
    read: (items, call) => host.read(items, call),
    change: (items, settle) => host.change(items, settle),
    close: () => host.close(),
  }
  clients.set(driver, host)
  return driver
}

const clients = new WeakMap<Driver, HostClient>()

/** The host behind a driver, where it is one. */
export function hostOf(driver: Driver): HostClient | undefined {
  return clients.get(driver)
}

class Host implements HostClient {
  readonly #carrier: Carrier
  readonly #context: OpenContext
  readonly #plain = new Map<string, string>()
  readonly #names = new Names()
  /** Of the last read, until something is changed. */
  #kept = new KeptLook()
  #channel: Promise<Channel>
  readonly #waiting: WaveItem[] = []
  /** For kinds that reach through a host without being host kinds. */
  readonly #others: Driver = plainDriver<HostClient>(this, { identity: "" })
  readonly #parts = new PartTurns()
  #working: Promise<void> | undefined
  #identity: string
  readonly #uid: number
  /** Changes that did not end well, for those that come after them. */
  readonly #ill = new WeakSet<ChangeItem>()
  #unclosed = 0
  readonly #ended = new WeakMap<ChangeItem, Promise<void>>()

  constructor(carrier: Carrier, context: OpenContext, channel: Channel, identity: string) {
    this.#identity = identity
    this.#uid = channel.facts.uid
    this.#carrier = carrier
    this.#context = context
    this.#channel = Promise.resolve(channel)
  }

  async read(
    items: readonly ReadItem[],
    call: Omit<Read<undefined>, "connection">,
  ): Promise<ReadonlyMap<Address, Seen<unknown>>> {
    const ours = items.flatMap((item) => {
      const kind = hostKindOf(item.provider)
      return kind === undefined ? [] : [{ item, kind }]
    })
    const seal = (sha256: string): string => {
      const sealed = call.seal(sha256)
      this.#plain.set(sealed, sha256)
      return sealed
    }
    if (!items.some(({ again }) => again === true)) this.#kept = new KeptLook()
    const look = (script: string): Promise<readonly HostRecord[]> => this.#look(script, call.signal)
    const guarded = this.#carrier.strict && this.#uid === 0
    const context = { look, names: this.#names, kept: this.#kept, seal, guarded }
    const seen = new Map(ours.length === 0 ? [] : await readHostItems(ours, context))
    const others = items.filter((item) => hostKindOf(item.provider) === undefined)
    if (others.length > 0)
      for (const [address, answer] of await this.#others.read(others, call)) seen.set(address, answer)
    return seen
  }

  async change(
    items: readonly ChangeItem[],
    settle: (item: ChangeItem, result: ChangeResult) => unknown,
  ): Promise<void> {
    this.#kept = new KeptLook()
    await Promise.all(
      items.map((item) => {
        const kind = hostKindOf(item.provider)
        const { promise, resolve } = Promise.withResolvers<void>()
        const settled = (result: ChangeResult): void => {
          if ("failed" in result || "skipped" in result) this.#ill.add(item)
          const closed = settle(item, result)
          if (kind?.noted !== undefined) this.#remember(closed)
          resolve()
        }
        this.#ended.set(item, promise)
        if (kind === undefined) return this.#changeOther(item, settled)
        this.#waiting.push({ item, kind, settle: settled })
        this.#working ??= this.#work()
        return promise
      }),
    )
  }

  async run(command: HostCommand): Promise<HostCommandEnd> {
    return runOnHost(await this.#open(), this.#carrier.target, command)
  }

  async dial(to: DialTo, signal: AbortSignal): Promise<Duplex> {
    refuseUndialable(to)
    signal.throwIfAborted()
    return this.#carrier.dial?.(to, signal) ?? dialThrough(this.#carrier, to, signal)
  }

  /** Counts what is not closed in the journal, or not yet: its notes must stay on the host. */
  #remember(closed: unknown): void {
    this.#unclosed += 1
    void Promise.resolve(closed).then((is) => {
      if (is === true) this.#unclosed -= 1
    })
  }

  /** A kind that only reaches through the host: in its turn, but not in the same request. */
  async #changeOther(item: ChangeItem, settled: (result: ChangeResult) => void): Promise<void> {
    await Promise.all((item.after ?? []).map((need) => this.#ended.get(need)))
    const by = this.#heldBy(item)
    if (by === undefined) await this.#others.change([item], (_item, result) => settled(result))
    else settled({ skipped: by })
  }

  #heldBy(item: ChangeItem): Address | undefined {
    return item.after?.find((need) => this.#ill.has(need))?.address
  }

  async close(): Promise<void> {
    await this.#working
    const channel = await this.#channel.catch(() => undefined)
    await channel?.close(this.#unclosed === 0)
    await this.#carrier.close?.()
  }

  /** Takes everything that waits into one request, again and again: what becomes ready during a request shares the next. */
  async #work(): Promise<void> {
    await Promise.resolve() // all items of one call are waiting before the first of them is taken
    while (this.#waiting.length > 0) {
      const { now, later } = this.#parts.split(this.#waiting.splice(0, ITEMS_MAX))
      this.#waiting.unshift(...later)
      await changeHostItems(await this.#parts.fresh(now, this), {
        client: this,
        channel: () => this.#open(),
        names: this.#names,
        plainOf: (sealed) => this.#plain.get(sealed),
        heldBy: ({ item }) => this.#heldBy(item),
      })
    }
    this.#working = undefined
  }

  /** A session may have been lost since it was last used, and to look twice does no harm. */
  async #look(script: string, signal: AbortSignal): Promise<readonly HostRecord[]> {
    const channel = await this.#open()
    try {
      return await this.#lookThrough(channel, script, signal)
    } catch (thrown) {
      if (!(thrown instanceof FettleError) || thrown.code !== "CONNECTION_FAILED") throw thrown
      return this.#lookThrough(await this.#open(), script, signal)
    }
  }

  async #lookThrough(channel: Channel, script: string, signal: AbortSignal): Promise<readonly HostRecord[]> {
    const records: HostRecord[] = []
    const onRecord = (record: HostRecord): void => void records.push(record)
    const exitCode = await channel.request({ script, writes: false, silenceMs: READ_SILENCE_MS, signal, onRecord })
    if (exitCode === 0) return records
    throw new FettleError(
      "HOST_PROTOCOL",
      `a read on ${this.#carrier.target} ended with exit code ${exitCode}${channel.complaint}`,
    )
  }

  /** The session, or a new one where it was lost. */
  async #open(): Promise<Channel> {
    const known = await this.#channel.catch(() => undefined)
    if (known?.usable === true) return known
    this.#channel = this.#reopen()
    return this.#channel
  }

  /** Behind one address another machine may answer now than a moment ago. */
  async #reopen(): Promise<Channel> {
    const { signal, log } = this.#context
    const channel = await Channel.open(this.#carrier, { signal, timeoutMs: this.#carrier.openMs ?? OPEN_MS, log })
    const known = recognize(this.#identity, channel.identity)
    if ("other" in known) {
      await channel.close()
      throw new FettleError(
        "TARGET_CHANGED",
        `${this.#carrier.target} is not the machine of a moment ago: ${known.other}`,
      )
    }
    this.#identity = known.remember
    return channel
  }
}
