import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "../measure.ts"
import { Fleet } from "./fleet.ts"
import type { Job, Ready, Tool } from "./job.ts"
import { endLingering, type Figures, measured } from "./measured.ts"

/** The round trip of the slow line. */
export const RTT_MS = 50

/** What the tools are to bring about, before they are made ready for it. */
export interface Scene {
  readonly hosts: number
  readonly files: number
  readonly rttMs: number
  readonly mixed?: boolean
}

/** Figures of one tool in one scene, a first apply and one that finds nothing to do. */
export interface Taken {
  readonly first: Figures[]
  readonly again: Figures[]
}

/** The hosts, the contents, and a folder for each tool in each scene. */
export class Rounds {
  readonly fleet: Fleet
  readonly #folder: string
  readonly #contents: ReadonlyMap<string, Buffer>
  #jobs = 0

  private constructor(fleet: Fleet, folder: string, contents: ReadonlyMap<string, Buffer>) {
    this.fleet = fleet
    this.#folder = folder
    this.#contents = contents
  }

  static async start(hosts: number, files: number): Promise<Rounds> {
    const folder = mkdtempSync(join(tmpdir(), "fb-")) // short: a socket's path has 108 bytes at most
    mkdirSync(join(folder, "from"))
    const contents = Array.from({ length: files }, (_, at) => {
      const content = Buffer.from(`# file ${at}\n${`value = ${at}\n`.repeat(80)}`)
      writeFileSync(join(folder, "from", `f${at}.conf`), content)
      return [`f${at}.conf`, content] as const
    })
    return new Rounds(await Fleet.start(hosts, RTT_MS, folder), folder, new Map(contents))
  }

  async stop(): Promise<void> {
    await endLingering()
    await this.fleet.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** A tool with a folder and state of its own for a scene. */
  turn(tool: Tool, scene: Scene): Turn {
    const contents = new Map([...this.#contents].slice(0, scene.files))
    const job: Job = {
      folder: join(this.#folder, String(this.#jobs++)),
      reached: scene.mixed === true ? this.fleet.reachedMachine() : this.fleet.reached(scene.hosts, scene.rttMs),
      from: join(this.#folder, "from"),
      names: [...contents.keys()],
      mixed: scene.mixed ?? false,
    }
    return new Turn(this.fleet, job, contents, tool.ready(job), tool.again?.(job))
  }

  /** Each tool in turn, `rounds` times; none always goes first. What they did is looked at after each run. */
  async interleave(rounds: number, scene: Scene, tools: readonly Tool[]): Promise<readonly Taken[]> {
    const turns = tools.map((tool) => this.turn(tool, scene))
    for (let round = 0; round < rounds; round += 1)
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn.take()
    return turns.map(({ taken }) => taken)
  }
}

/** One tool in one scene. */
export class Turn {
  readonly taken: Taken = { first: [], again: [] }
  readonly #fleet: Fleet
  readonly #ready: Ready
  readonly #again: Ready
  readonly #contents: ReadonlyMap<string, Buffer>
  readonly #job: Job

  constructor(fleet: Fleet, job: Job, contents: ReadonlyMap<string, Buffer>, ready: Ready, again: Ready = ready) {
    this.#fleet = fleet
    this.#job = job
    this.#contents = contents
    this.#ready = ready
    this.#again = again
  }

  /** What its last runs took, for people. */
  get last(): string {
    const [first, again] = [this.taken.first.at(-1), this.taken.again.at(-1)]
    return `first ${first?.seconds.toFixed(2)} s, no-op ${again?.seconds.toFixed(2)} s`
  }

  /** Empty hosts, a first apply, and another one. @throws where a file is not as it should be, or is written a second time */
  async take(): Promise<void> {
    this.taken.first.push(await this.first())
    this.taken.again.push(await this.again())
  }

  async first(): Promise<Figures> {
    this.#fleet.empty(this.#job.reached.hosts.length, this.#job.mixed)
    this.#ready.forget?.()
    const figures = await measured(this.#ready, this.#fleet)
    this.#prints(figures.said)
    return figures
  }

  async again(options: { readonly memory?: boolean } = {}): Promise<Figures> {
    const before = this.#prints()
    const figures = await measured(this.#again, this.#fleet, options)
    if (this.#prints(figures.said) !== before)
      throw new Error(`${this.#again.argv.join(" ")} wrote what was already there`)
    return figures
  }

  /** The same with other words in its environment. */
  with(env: Readonly<Record<string, string>>): Turn {
    const more = (ready: Ready): Ready => ({ ...ready, env: { ...ready.env, ...env } })
    return new Turn(this.#fleet, this.#job, this.#contents, more(this.#ready), more(this.#again))
  }

  /** @throws where it did not do what it was to do, though it ended well; with what it said */
  #prints(said = ""): string {
    try {
      return this.#fleet.prints(this.#job.reached.hosts.length, this.#contents, this.#job.mixed)
    } catch (cause) {
      throw new Error(`after ${this.#ready.argv.join(" ")} hosts are not as they should be:\n${said}`, { cause })
    }
  }
}

export type Measure = keyof Omit<Figures, "peakMb" | "said">

export const medianOf = (figures: readonly Figures[], measure: Measure): number =>
  median(figures.map((each) => each[measure]))
