import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { settlesOf } from "../plan/settle.ts"
import { parseProps } from "../program/props.ts"
import type { AnyProvider, Connection, Settles } from "../provider.ts"
import { DataKey } from "../secrets/key.ts"
import { createRedactor } from "../secrets/redactor.ts"
import { NotAsked } from "./broken.ts"
import { Far } from "./far.ts"
import { impatient } from "./faulty.ts"
import { Runs, type Through } from "./runs.ts"
import type { World } from "./world.ts"

/** Longest horizon that a trial waits for, in milliseconds. */
const WAIT_MAX_MS = 2_000

/** What may be asked of `conforms`. */
export interface ConformsOptions {
  /** How many seeds each rule about late far sides is tried with, or the one seed to repeat. Default 5. */
  readonly seeds?: number | { readonly only: number }
  /** Most calls that a read of 1,000 keys may take. Default 50. */
  readonly callsMax?: number
}

/** One rule looked at: the kind, its world, and everything that has to be cleaned up afterwards. */
export class Trial {
  readonly provider: AnyProvider
  readonly world: World
  readonly options: ConformsOptions
  /** How the engine reaches the far side: without waiting longer than the world's faults last. */
  readonly through: Through
  readonly #key = randomBytes(32)
  readonly #next: () => number
  readonly #redactor = createRedactor()
  readonly #open: (() => Promise<void>)[] = []
  readonly #folders: string[] = []

  constructor(provider: AnyProvider, world: World, options: ConformsOptions, next: () => number) {
    this.provider = provider
    this.world = world
    this.options = options
    this.#next = next
    const connection = world.connection as Connection | undefined
    this.through = { provider: impatient(provider, world.faults?.horizonMs), connection }
    for (const [name, value] of Object.entries(world.secrets ?? {})) this.#redactor.add({ name, value, weak: true })
  }

  /** Props of a thing that no rule has used before, as its program gives them. */
  fresh(): unknown {
    return this.world.props(this.#next())
  }

  /** Props of a thing that the far side refuses; undefined where the world knows of none. */
  refused(): unknown {
    return this.world.refused?.(this.#next())
  }

  /** Props as the kind gets them. */
  parse(given: unknown): unknown {
    return parseProps(this.provider, given, "conforms" as never, undefined)
  }

  /**
   * How an open create of these props settles, as the runs of this trial have it.
   * @throws NotAsked where that takes too long to wait for
   */
  settles(given: unknown): Settles {
    const settles = settlesOf(this.through.provider, this.parse(given))
    if (typeof settles === "object" && settles.horizonMs > WAIT_MAX_MS)
      throw new NotAsked(`its horizon of ${settles.horizonMs} ms is long to wait: give a shorter faults.horizonMs`)
    return settles
  }

  count(): Promise<number> {
    return Promise.resolve(this.world.count())
  }

  /** The seeds that a rule is to be tried with. */
  get seeds(): readonly number[] {
    const { seeds = 5 } = this.options
    return typeof seeds === "number" ? Array.from({ length: seeds }, (_, at) => at + 1) : [seeds.only]
  }

  /** The far side itself, without the engine. */
  async far(): Promise<Far> {
    const { connection } = this.through
    const secrets = this.world.secrets ?? {}
    const far = await Far.open({ provider: this.provider, connection, secrets, key: new DataKey(this.#key) })
    this.#open.push(() => far.close())
    return far
  }

  /** Runs of the real engine, with state in a folder of their own. */
  runs(): Runs {
    const folder = mkdtempSync(join(tmpdir(), "fettle-conforms-"))
    this.#folders.push(folder)
    const env = { ...this.world.secrets, FETTLE_STATE_KEY: this.#key.toString("base64") }
    return new Runs(this.through, env, folder)
  }

  /** True where a text holds a secret of the world, in any usual form. */
  holdsSecret(text: string): boolean {
    return this.#redactor.redactText(text) !== text
  }

  /** Words that may be shown to people. */
  shown(text: string): string {
    return this.#redactor.redactText(text)
  }

  /** Closes and removes all; the folders of a rule that does not hold stay, with their evidence. */
  async end(keep: boolean): Promise<readonly string[]> {
    const clear = async (): Promise<unknown> => this.world.faults?.clear()
    await Promise.allSettled([...this.#open.map((close) => close()), clear()])
    if (keep) return this.#folders
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
    return []
  }
}
