import { asFettleError, FettleError } from "../errors.ts"
import type { Connection, Driver } from "../provider.ts"
import type { Engine } from "./engine.ts"

/** The open connections of a run: each is opened once, at first need, and checked to be the target that state remembers. */
export class Sessions {
  readonly #engine: Engine
  readonly #pinned: ReadonlyMap<string, string>
  readonly #open = new Map<Connection, Promise<Driver>>()
  readonly #identities = new Map<string, string>()

  constructor(engine: Engine, pinned: ReadonlyMap<string, string>) {
    this.#engine = engine
    this.#pinned = pinned
  }

  /** @throws FettleError `CONNECTION_FAILED`, `TARGET_CHANGED`, and what opening its secrets throws */
  driver(connection: Connection): Promise<Driver> {
    const known = this.#open.get(connection)
    if (known !== undefined) return known
    const opening = this.#openOne(connection)
    this.#open.set(connection, opening)
    return opening
  }

  /** Identities first seen in this run: to be pinned. */
  get unpinned(): readonly { readonly connection: string; readonly identity: string }[] {
    return [...this.#identities]
      .filter(([name]) => !this.#pinned.has(name))
      .map(([connection, identity]) => ({ connection, identity }))
  }

  async close(): Promise<void> {
    const drivers = await Promise.allSettled(this.#open.values())
    await Promise.allSettled(drivers.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)))
    this.#open.clear()
  }

  async #openOne(connection: Connection): Promise<Driver> {
    const { box, signal, emit } = this.#engine
    await Promise.all(connection.secrets.map((secret) => box.open(secret)))
    let driver: Driver
    try {
      driver = await connection.open({
        signal,
        reveal: (secret) => box.value(secret) as never,
        log: (text) => emit({ type: "note", level: "info", text }),
      })
    } catch (thrown) {
      throw asFettleError(thrown, "CONNECTION_FAILED", `${connection.name} (${connection.target}) cannot be opened`)
    }
    const pinned = this.#pinned.get(connection.name)
    if (driver.identity !== "") {
      if (pinned !== undefined && pinned !== driver.identity) {
        await driver.close()
        throw new FettleError(
          "TARGET_CHANGED",
          `${connection.name} (${connection.target}) is ${driver.identity}; state remembers ${pinned}`,
        )
      }
      this.#identities.set(connection.name, driver.identity)
    }
    return driver
  }
}
