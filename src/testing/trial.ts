import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseProps } from "../program/props.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import { createRedactor } from "../secrets/redactor.ts"
import { Far } from "./far.ts"
import { Runs } from "./runs.ts"
import type { World } from "./world.ts"

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
  /** Of the state and the fingerprints of this trial. */
  readonly key = randomBytes(32)
  readonly #next: () => number
  readonly #redactor = createRedactor()
  readonly #open: (() => Promise<void>)[] = []
  readonly #folders: string[] = []

  constructor(provider: AnyProvider, world: World, options: ConformsOptions, next: () => number) {
    this.provider = provider
    this.world = world
    this.options = options
    this.#next = next
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

  count(): Promise<number> {
    return Promise.resolve(this.world.count())
  }

  get connection(): Connection | undefined {
    return this.world.connection as Connection | undefined
  }

  /** The seeds that a rule is to be tried with. */
  get seeds(): readonly number[] {
    const { seeds = 5 } = this.options
    return typeof seeds === "number" ? Array.from({ length: seeds }, (_, at) => at + 1) : [seeds.only]
  }

  /** The far side itself, without the engine. */
  async far(): Promise<Far> {
    const far = await Far.open(this)
    this.#open.push(() => far.close())
    return far
  }

  /** Runs of the real engine, with state in a folder of their own. */
  runs(): Runs {
    const folder = mkdtempSync(join(tmpdir(), "fettle-conforms-"))
    this.#folders.push(folder)
    return new Runs(this, folder)
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
    await Promise.allSettled(this.#open.map((close) => close()))
    await this.world.faults?.clear()
    if (keep) return this.#folders
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
    return []
  }
}
