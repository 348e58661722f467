import { asFettleError, FettleError } from "../errors.ts"
import type { Connection, Driver } from "../provider.ts"
import type { Engine } from "./engine.ts"

/** The open connections of a run: each is opened once, at first need, and checked to be the target that state remembers. */
export class Sessions {
  readonly #engine: Engine
  readonly #pinned: ReadonlyMap<string, string>
  readonly #open = new Map<Connection, Promise<Driver>>()
  readonly #drivers = new Map<Connection, Driver>()
  readonly #identities = new Map<string, string>()
  readonly #expected: ReadonlySet<string>
  #isClosed = false

  /** @param expected names of connections whose target may be another one than state remembers */
  constructor(engine: Engine, pinned: ReadonlyMap<string, string>, expected: readonly string[] = []) {
    this.#engine = engine
    this.#pinned = pinned
    this.#expected = new Set(expected)
  }

  /** @throws FettleError `CONNECTION_FAILED`, `TARGET_CHANGED`, and what opening its secrets throws */
  driver(connection: Connection): Promise<Driver> {
    const known = this.#open.get(connection)
    if (known !== undefined) return known
    const opening = this.#openOne(connection)
    this.#open.set(connection, opening)
    return opening
  }

  /** The driver of a connection that is open by now. */
  opened(connection: Connection | undefined): Driver | undefined {
    return connection === undefined ? undefined : this.#drivers.get(connection)
  }

  /** Identities that are not as state remembers them: first seen in this run, more fully known, or meant to change. To be pinned. */
  get unpinned(): readonly { readonly connection: string; readonly identity: string }[] {
    return [...this.#identities]
      .filter(([name, identity]) => this.#pinned.get(name) !== identity)
      .map(([connection, identity]) => ({ connection, identity }))
  }

  /** What stands behind each connection that was opened, as it is to be remembered. */
  get identities(): ReadonlyMap<string, string> {
    return this.#identities
  }

  /** Closes what is open. What still hangs while it opens is not waited for; it is closed should it open after all. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const opening of this.#open.values()) opening.catch(() => {})
    await Promise.allSettled([...this.#drivers.values()].map((driver) => driver.close()))
    this.#drivers.clear()
    this.#open.clear()
  }

  async #openOne(connection: Connection): Promise<Driver> {
    const { box, signal, emit, redact } = this.#engine
    await Promise.all(connection.secrets.map((secret) => box.open(secret)))
    let driver: Driver
    try {
      driver = await connection.open({
        signal,
        reveal: (secret) => box.value(secret) as never,
        hide: redact,
        log: (text) => emit({ type: "note", level: "info", text }),
        env: (name) => box.env(name),
        ...(box.ask === undefined ? {} : { ask: box.ask }),
      })
    } catch (thrown) {
      throw asFettleError(thrown, "CONNECTION_FAILED", `${connection.name} (${connection.target}) cannot be opened`)
    }
    const known = driver.identity === "" ? undefined : this.#recognize(connection, driver)
    if (known !== undefined && "other" in known) {
      await driver.close()
      throw targetChanged(connection, driver.identity, known)
    }
    if (this.#isClosed) {
      await driver.close()
      throw new FettleError("CANCELLED", `${connection.name} opened after the run had ended`)
    }
    if (known !== undefined) this.#identities.set(connection.name, known.remember)
    this.#drivers.set(connection, driver)
    return driver
  }

  #recognize(
    { name }: Connection,
    driver: Driver,
  ): { readonly remember: string } | { readonly other: string; readonly pinned: string } {
    const pinned = this.#pinned.get(name)
    if (pinned === undefined || pinned === driver.identity) return { remember: driver.identity }
    const known = driver.recognize?.(pinned) ?? { other: "" }
    if ("remember" in known) return known
    return this.#expected.has(name) ? { remember: driver.identity } : { ...known, pinned }
  }
}

function targetChanged(
  { name, target }: Connection,
  identity: string,
  { other, pinned }: { readonly other: string; readonly pinned: string },
): FettleError {
  const why = other === "" ? "" : `: ${other}`
  return new FettleError("TARGET_CHANGED", `${name} (${target}) is ${identity}; state remembers ${pinned}${why}`, {
    next: `check the target; if it is meant: --expect-target ${JSON.stringify(name)}`,
  })
}
