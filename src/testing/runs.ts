import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { FettleEvent } from "../events/events.ts"
import type { PlanOptions } from "../events/plan.ts"
import type { NodeOptions } from "../program/declaration.ts"
import { on } from "../program/group.ts"
import { type Program, program } from "../program/program.ts"
import { resource } from "../program/resource.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import type { RunResult, RunSetup } from "../run/context.ts"
import { localSetup } from "../run/local.ts"
import { applyProgram, planProgram } from "../run/run.ts"

/** One run, and all that it told. */
export interface Ran extends RunResult {
  readonly events: readonly FettleEvent[]
}

/** How the things of a run are reached: as declared, or with a fault in between. */
export interface Through {
  readonly provider: AnyProvider
  readonly connection: Connection | undefined
}

/** Runs of the real engine over one folder of state, in a program that declares things of one kind. */
export class Runs {
  readonly folder: string
  readonly #through: Through
  readonly #env: Readonly<Record<string, string>>
  /** Everything that any of the runs told, as JSON lines. */
  readonly told: string[] = []

  /** @param env values of `secret.env(NAME)`, and the data key */
  constructor(through: Through, env: Readonly<Record<string, string>>, folder: string) {
    this.#through = through
    this.#env = env
    this.folder = folder
  }

  /** Plans a program of these things. */
  async plan(things: readonly unknown[], options: NodeOptions = {}): Promise<Ran> {
    const events: FettleEvent[] = []
    return this.#keep({ ...(await planProgram(this.#setup(this.#program(things, options), events))), events })
  }

  /** Applies a program of these things. */
  async apply(
    things: readonly unknown[],
    options: NodeOptions = {},
    through?: Through,
    plan: PlanOptions = {},
  ): Promise<Ran> {
    const events: FettleEvent[] = []
    const setup = this.#setup(this.#program(things, options, through), events)
    return this.#keep({ ...(await applyProgram(setup, plan, async () => true)), events })
  }

  /** Deletes what these runs have made. */
  destroy(things: readonly unknown[]): Promise<Ran> {
    return this.apply(things, {}, undefined, { destroy: true })
  }

  /** What lies in the folder, as text. */
  *written(): Iterable<{ readonly file: string; readonly text: string }> {
    for (const file of readdirSync(this.folder, { recursive: true, withFileTypes: true }))
      if (file.isFile()) yield { file: file.name, text: readFileSync(join(file.parentPath, file.name), "latin1") }
  }

  #program(things: readonly unknown[], options: NodeOptions, through?: Through): Program {
    const { provider, connection } = through ?? this.#through
    const declare = (): void => {
      for (const [at, props] of things.entries()) resource(provider, `thing-${at}`, props as never, options as never)
    }
    // With nothing declared, too: what was made through a connection can only be deleted while the program has it.
    const build = connection === undefined ? declare : () => on(connection, declare)
    return program("conforms", {}, build, { providers: [provider] })
  }

  #setup(declared: Program, events: FettleEvent[]): RunSetup {
    const env = { ...this.#env, HOME: this.folder }
    const setup = localSetup(declared, { folder: this.folder, env, who: "conforms", command: "conforms" })
    return { ...setup, subscribers: [(event) => events.push(event)] }
  }

  #keep(ran: Ran): Ran {
    for (const event of ran.events) this.told.push(JSON.stringify(event))
    return ran
  }
}

/** The changes of a run as "action address" words. */
export function changesOf(ran: Ran): string {
  return (ran.plan?.changes ?? []).map((change) => `${change.action} ${change.address} (${change.because})`).join(", ")
}

/** Everything that went wrong in a run, as words. */
export function errorsOf(ran: Ran): string {
  const planned = (ran.plan?.changes ?? []).flatMap((change) =>
    change.error === undefined ? [] : [`${change.error.code}: ${change.error.fact}`],
  )
  const applied = (ran.applied?.outcomes ?? []).flatMap(({ error }) =>
    error === undefined ? [] : [`${error.code}: ${error.fact}`],
  )
  const run = ran.error === undefined ? [] : [`${ran.error.code}: ${ran.error.fact}`]
  return [...new Set([...run, ...planned, ...applied])].join("; ")
}
