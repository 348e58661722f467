import { FettleError } from "../errors.ts"
import { settlesOf } from "../plan/settle.ts"
import type { AnyProvider, ChangeItem, ChangeResult, Connection, Driver, Settles } from "../provider.ts"
import type { Through } from "./runs.ts"

/**
 * What becomes of one create whose client dies meanwhile. "lost": it is made, and the reply never comes. "late": it is
 * made only when `release` says so. "never": it does not reach the far side.
 */
export type Fault = "lost" | "late" | "never"

/** A way to the far side on which one create, counted from 0, meets a fault. The journal sees what a crash leaves. */
export class Faulty {
  readonly #fault: Fault
  readonly #victim: number
  readonly #late: (() => Promise<unknown>)[] = []
  readonly #open: Driver[] = []
  #creates = 0
  /** For the run that meets the fault. */
  readonly through: Through
  /** For a run that sees the far side as it is before the late create arrives, and changes it afterwards. */
  readonly meanwhile: Through

  constructor({ provider, connection }: Through, fault: Fault, victim: number) {
    this.#fault = fault
    this.#victim = victim
    if (connection === undefined) {
      this.through = { provider: derived(provider, { ensure: this.#ensure(provider) }), connection }
      this.meanwhile = {
        provider: derived(provider, { read: this.#thenRelease(provider.read.bind(provider)) }),
        connection,
      }
    } else {
      this.through = { provider, connection: opening(connection, (driver) => this.#driver(driver)) }
      const reading = (driver: Driver): Driver => ({
        ...parts(driver),
        read: this.#thenRelease(driver.read.bind(driver)),
      })
      this.meanwhile = { provider, connection: opening(connection, reading) }
    }
  }

  /** Lets what is late arrive, if anything is; resolves when it has. */
  async release(): Promise<void> {
    await Promise.allSettled(this.#late.splice(0).map((effect) => effect()))
  }

  /** Closes what was kept open for what is late. */
  async end(): Promise<void> {
    await this.release()
    await Promise.allSettled(this.#open.splice(0).map((driver) => driver.close()))
  }

  #isVictim(): boolean {
    this.#creates += 1
    return this.#creates - 1 === this.#victim
  }

  /** What the client sees of the faulty create: a failure that proves nothing. */
  async #meet(effect: () => Promise<unknown>): Promise<FettleError> {
    if (this.#fault === "lost") await effect()
    if (this.#fault === "late") this.#late.push(effect)
    return new FettleError("TIMEOUT", `the reply was lost (fault "${this.#fault}" of a test)`)
  }

  /** For kinds without a connection: their own `ensure` meets the fault. */
  #ensure(provider: AnyProvider): AnyProvider["ensure"] {
    return async (want, seen, change, call) => {
      const effect = (): Promise<unknown> => provider.ensure(want, seen, change, call)
      if (this.#isVictim()) throw await this.#meet(effect)
      return effect()
    }
  }

  #thenRelease<A extends readonly unknown[], R>(read: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const answers = await read(...args)
      await this.release()
      return answers
    }
  }

  #driver(driver: Driver): Driver {
    this.#open.push(driver)
    const meet = async (item: ChangeItem, settle: (item: ChangeItem, result: ChangeResult) => unknown): Promise<void> =>
      void settle(item, { failed: await this.#meet(() => driver.change([item], () => {})), maybe: true })
    return {
      ...parts(driver),
      change: async (items, settle) => {
        const victims = items.filter((item) => item.action === "ensure" && this.#isVictim())
        const others = items.filter((item) => !victims.includes(item))
        if (others.length > 0) await driver.change(others, settle)
        await Promise.all(victims.map((item) => meet(item, settle)))
      },
      close: async () => {},
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

/** The same kind with some parts replaced; it stays what it is where its driver knows it by itself. */
function derived(provider: AnyProvider, changes: Partial<AnyProvider>): AnyProvider {
  return Object.create(provider, Object.getOwnPropertyDescriptors(changes)) as AnyProvider
}

function opening(connection: Connection, wrap: (driver: Driver) => Driver): Connection {
  const { type, name, target, secrets, limits } = connection
  const open: Connection["open"] = async (context) => wrap(await connection.open(context))
  return { type, name, target, secrets, ...(limits === undefined ? {} : { limits }), open }
}

/** All parts of a driver, also of one that is an instance of a class. */
function parts(driver: Driver): Driver {
  const { identity, guards, wave } = driver
  return {
    identity,
    guards,
    ...(wave === undefined ? {} : { wave }),
    read: (items, call) => driver.read(items, call),
    change: (items, settle) => driver.change(items, settle),
    close: () => driver.close(),
  }
}
