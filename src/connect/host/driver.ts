import { FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { ChangeItem, ChangeResult, Driver, OpenContext, Read, ReadItem, Seen } from "../../provider.ts"
import { plainDriver } from "../plain-driver.ts"
import type { Carrier } from "./carrier.ts"
import { changeHostItems } from "./change.ts"
import { Channel } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import { type HostClient, hostKindOf } from "./kind.ts"
import { Names } from "./names.ts"
import type { WaveItem } from "./prepare.ts"
import { readHostItems } from "./read.ts"

/** Most changes of one request: its script and the small contents are held in memory on both sides. */
const ITEMS_MAX = 5_000
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
  const first = await Channel.open(carrier, { signal: context.signal, timeoutMs: OPEN_MS, log: context.log })
  for (const tool of ["stat", "sha256sum", "tar", "mv", "readlink"])
    if (!first.facts.has.has(tool)) {
      await first.close()
      throw new FettleError("HOST_TOOLS", `${carrier.target} has no ${tool}`)
    }
  const host = new Host(carrier, context, first)
  const { machineId, hostname } = first.facts
  return {
    identity: machineId === undefined ? `host:name:${hostname}` : `host:${machineId}`,
    guards: true,
    client: host,
    read: (items, call) => host.read(items, call),
    change: (items, settle) => host.change(items, settle),
    close: () => host.close(),
  }
}

class Host implements HostClient {
  readonly #carrier: Carrier
  readonly #context: OpenContext
  readonly #plain = new Map<string, string>()
  readonly #names = new Names()
  #channel: Promise<Channel>
  readonly #waiting: WaveItem[] = []
  /** For kinds that reach through a host without being host kinds. */
  readonly #others: Driver = plainDriver<HostClient>(this, { identity: "" })
  #working: Promise<void> | undefined

  constructor(carrier: Carrier, context: OpenContext, channel: Channel) {
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
    const seen = new Map(
      ours.length === 0
        ? []
        : await readHostItems(ours, { look: (script) => this.#look(script, call.signal), names: this.#names, seal }),
    )
    const others = items.filter((item) => hostKindOf(item.provider) === undefined)
    if (others.length > 0)
      for (const [address, answer] of await this.#others.read(others, call)) seen.set(address, answer)
    return seen
  }

  async change(items: readonly ChangeItem[], settle: (item: ChangeItem, result: ChangeResult) => void): Promise<void> {
    await Promise.all(
      items.map((item) => {
        const kind = hostKindOf(item.provider)
        if (kind === undefined) return this.#others.change([item], settle)
        const { promise, resolve } = Promise.withResolvers<void>()
        const settled = (result: ChangeResult): void => {
          settle(item, result)
          resolve()
        }
        this.#waiting.push({ item, kind, settle: settled })
        this.#working ??= this.#work()
        return promise
      }),
    )
  }

  async close(): Promise<void> {
    await this.#working
    const channel = await this.#channel.catch(() => undefined)
    await channel?.close()
  }

  /** Takes everything that waits into one request, again and again: what becomes ready during a request shares the next. */
  async #work(): Promise<void> {
    await Promise.resolve() // all items of one call are waiting before the first of them is taken
    while (this.#waiting.length > 0) {
      const items = this.#waiting.splice(0, ITEMS_MAX)
      await changeHostItems(items, {
        client: this,
        channel: () => this.#open(),
        names: this.#names,
        plainOf: (sealed) => this.#plain.get(sealed),
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
    this.#channel = Channel.open(this.#carrier, {
      signal: this.#context.signal,
      timeoutMs: OPEN_MS,
      log: this.#context.log,
    })
    return this.#channel
  }
}
