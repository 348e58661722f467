import { FettleError } from "../errors.ts"
import { settlesOf } from "../plan/settle.ts"
import type { AnyProvider, ChangeItem, ChangeResult, Connection, Driver, Settles } from "../provider.ts"
import type { Through } from "./runs.ts"

/**
 * What becomes of one create whose client dies meanwhile. "lost": it is made, and the reply never comes. "late": it is
 * made only after its client is gone. "never": it does not reach the far side.
 */
export type Fault = "lost" | "late" | "never"

/** A way to the far side on which one create, counted from 0, meets a fault. The journal sees what a crash leaves. */
export class Faulty {
  readonly #fault: Fault
  readonly #victim: number
  readonly #delayMs: number
  readonly #late: Promise<unknown>[] = []
  #creates = 0
  /** For the run that meets the fault. */
  readonly through: Through

  constructor({ provider, connection }: Through, fault: Fault, victim: number, delayMs: number) {
    this.#fault = fault
    this.#victim = victim
    this.#delayMs = delayMs
    this.through =
      connection === undefined
        ? { provider: this.#provider(provider), connection }
        : { provider, connection: this.#connection(connection) }
  }

  /** Resolves when nothing is under way any more. */
  async arrived(): Promise<void> {
    await Promise.allSettled(this.#late)
  }

  #isVictim(): boolean {
    this.#creates += 1
    return this.#creates - 1 === this.#victim
  }

  /** What the client sees of the faulty create: a failure that proves nothing. */
  async #meet(effect: () => Promise<unknown>): Promise<FettleError> {
    if (this.#fault === "lost") await effect()
    if (this.#fault === "late") this.#late.push(new Promise((done) => setTimeout(done, this.#delayMs)).then(effect))
    return new FettleError("TIMEOUT", `the reply was lost (fault "${this.#fault}" of a test)`)
  }

  /** For kinds without a connection: their own `ensure` meets the fault. */
  #provider(provider: AnyProvider): AnyProvider {
    const ensure: AnyProvider["ensure"] = async (want, seen, change, call) => {
      const effect = (): Promise<unknown> => provider.ensure(want, seen, change, call)
      if (this.#isVictim()) throw await this.#meet(effect)
      return effect()
    }
    return derived(provider, { ensure })
  }

  #connection(connection: Connection): Connection {
    const { type, name, target, secrets, limits } = connection
    const open: Connection["open"] = async (context) => this.#driver(await connection.open(context))
    return { type, name, target, secrets, ...(limits === undefined ? {} : { limits }), open }
  }

  #driver(driver: Driver): Driver {
    const change = async (
      item: ChangeItem,
      settle: (item: ChangeItem, result: ChangeResult) => void,
    ): Promise<void> => {
      const failed = await this.#meet(() => driver.change([item], () => {}))
      settle(item, { failed, maybe: true })
    }
    return {
      identity: driver.identity,
      guards: driver.guards,
      ...(driver.wave === undefined ? {} : { wave: driver.wave }),
      read: (items, call) => driver.read(items, call),
      change: async (items, settle) => {
        const victims = items.filter((item) => item.action === "ensure" && this.#isVictim())
        const others = items.filter((item) => !victims.includes(item))
        if (others.length > 0) await driver.change(others, settle)
        await Promise.all(victims.map((item) => change(item, settle)))
      },
      close: async () => void this.#late.push(this.arrived().then(() => driver.close())),
    }
  }
}

/** The kind with a shorter horizon, where its world says how short the faults are. */
export function impatient(provider: AnyProvider, horizonMs: number | undefined): AnyProvider {
  if (horizonMs === undefined) return provider
  const settles = (want: unknown): Settles => {
    const declared = settlesOf(provider, want)
    return typeof declared === "object" ? { ...declared, horizonMs } : declared
  }
  return derived(provider, { settles })
}

function derived(provider: AnyProvider, changes: Partial<AnyProvider>): AnyProvider {
  return Object.create(provider, Object.getOwnPropertyDescriptors(changes)) as AnyProvider
}
