import { randomUUID } from "node:crypto"
import { join } from "node:path"
import type { Applied } from "../apply/outcome.ts"
import { plainDriver } from "../connect/plain-driver.ts"
import { causeText, FettleError } from "../errors.ts"
import { type EventBody, EventStream, type Subscriber } from "../events/events.ts"
import type { Plan } from "../events/plan.ts"
import { type Engine, READ_TIMEOUT_MS } from "../plan/engine.ts"
import { rememberedDriver } from "../plan/remembered.ts"
import { DEFAULT_STAGE, type Params, type Program, paramsFor } from "../program/program.ts"
import type { Phase } from "../program/scope.ts"
import type { AnyProvider } from "../provider.ts"
import { releaseRunner } from "../release/runner.ts"
import { type Register, type SecretAccess, SecretBox } from "../secrets/box.ts"
import type { DataKey, KeyPlaces } from "../secrets/key.ts"
import { createRedactor, type Redactor } from "../secrets/redactor.ts"
import type { Snapshot, Store } from "../state/store.ts"
import { runners } from "../verify/runners.ts"
import type { LocalTools } from "../verify/tools.ts"
import { waysOut } from "./ways-out.ts"

/** What a run is given: everything that it may reach for. */
export interface RunSetup {
  readonly program: Program
  readonly stage?: string | undefined
  readonly params?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Folder of state; the CLI takes `.fettle` beside the program. */
  readonly stateFolder: string
  readonly command: string
  readonly who: string
  readonly host: string
  readonly pid: number
  readonly secrets: SecretAccess
  readonly key: KeyPlaces
  readonly tools: LocalTools
  /** Where state lives in the place of `stateFolder`: postgres://…, s3://… or file:FOLDER. Default: as the program says. */
  readonly store?: string | undefined
  /** What CI says of itself: recorded as its claim. */
  readonly ci?: Readonly<Record<string, string>> | undefined
  /** Versions of what runs it, by name, to be told with its start. */
  readonly versions?: Readonly<Record<string, string>> | undefined
  /** Hears for what a run waits before it begins. */
  readonly tellWait?: ((text: string) => void) | undefined
  /** What the store of a run passes through before anything is written to it. */
  readonly wrapStore?: ((store: Store) => Store) | undefined
  /** True where only state is looked at: no connection and no secret is opened. */
  readonly remembers?: boolean
  /** Hash of the files that the program was loaded from; a saved plan is bound to it. */
  readonly sources?: (() => string) | undefined
  /** Kinds that come with Fettle, by name. */
  readonly builtIn: (kind: string) => Promise<AnyProvider | undefined>
  readonly subscribers?: readonly Subscriber[]
  /** Most changes under way at once. Default 100. */
  readonly parallel?: number | undefined
  /** Limit of a read of everything behind one connection, in milliseconds. Default 120,000. */
  readonly readTimeoutMs?: number | undefined
  /** Aborted at once: calls in flight are abandoned and stay open in the journal. */
  readonly signal?: AbortSignal
  /** Nothing new begins; calls in flight finish and are recorded. */
  readonly stopping?: AbortSignal
  /** What was thrown while nobody waited for it, where `signal` was aborted because of it: the run failed of it. */
  readonly crash?: (() => FettleError | undefined) | undefined
}

/** Exit codes as CI reads them. */
export const EXIT = { done: 0, error: 1, changes: 2, no: 3, inconclusive: 4, cancelled: 130 } as const

/** How a run ended. */
export interface RunResult {
  readonly runId: string
  readonly outcome: Extract<EventBody, { type: "run.finished" }>["outcome"]
  readonly exitCode: number
  readonly plan: Plan | undefined
  readonly applied: Applied | undefined
  readonly error: FettleError | undefined
}

/** Most changes under way at once where nobody says. */
const PARALLEL = 100
/** Changes at once of kinds that need no connection: nothing far away has to be spared. */
const UNCONNECTED_WAVE = 100

/** The state file of a stage. */
export function stateFile(
  setup: Pick<RunSetup, "stage" | "stateFolder"> & { readonly program: Pick<Program, "name"> },
): string {
  return join(setup.stateFolder, `${setup.program.name}.${setup.stage ?? DEFAULT_STAGE}.db`)
}

/** One run: what it was given, its stream of events, and the state it began with. */
export class RunContext {
  readonly setup: RunSetup
  readonly stage: string
  readonly events: EventStream
  readonly engine: Engine
  readonly startedAt = Date.now()
  /** What state said when it was last read; the run replaces it as it learns more. */
  snapshot: Snapshot
  /** Which login of a target is used: a run that changes something says so. */
  phase: Phase = "plan"
  /** Hears the name of each secret before it is opened. */
  hears: ((name: string) => Promise<void>) | undefined

  constructor(setup: RunSetup, snapshot: Snapshot, key: DataKey) {
    const redactor = createRedactor()
    const redact = (text: string): string => redactor.redactText(text)
    this.setup = setup
    this.stage = setup.stage ?? DEFAULT_STAGE
    this.snapshot = snapshot
    this.events = new EventStream(randomUUID(), redact)
    for (const subscriber of setup.subscribers ?? []) this.events.subscribe(subscriber)
    for (const [at, value] of storePasswords(setup).entries())
      hide(redactor, `password ${at} of the store`, value, { weak: true, whole: false })
    const random = { get: (name: string) => this.snapshot.secrets.get(name) }
    const box = new SecretBox({
      access: setup.secrets,
      key,
      random,
      register: (name, value, how) => hide(redactor, name, value, how),
      hide: redact,
      hears: (name) => this.hears?.(name),
      locked: setup.remembers === true,
    })
    this.engine = { ...engineOf(setup, this.events, box, key, redact), redactStream: () => redactor.stream() }
  }

  /** @throws FettleError `STAGE_UNKNOWN`, `PARAM_INVALID` */
  get params(): Params {
    return paramsFor(this.setup.program, this.stage, this.setup.params)
  }
}

/** Shorter ones cannot be hidden without cutting ordinary words. */
const HIDDEN_CHARACTERS = 8

/** What lets somebody into the store: it is told nowhere. */
function storePasswords({ store, secrets: { env } }: RunSetup): readonly string[] {
  const inAddress = /^[^/]*:\/\/[^/?#@:]*:([^/?#@]*)@/.exec(store ?? "")?.[1]
  const given = ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(env)
  const all = [
    inAddress,
    inAddress?.replace(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) =>
      Buffer.from(encoded.replaceAll("%", ""), "hex").toString(),
    ),
    ...given,
  ]
  return all.filter((each) => each !== undefined).filter((each) => each.length >= HIDDEN_CHARACTERS)
}

/** @throws FettleError `SECRET_WEAK` for a value that cannot be hidden */
function hide(redactor: Redactor, name: string, value: string, how: Parameters<Register>[2]): void {
  if (value.trim() === "") return
  try {
    redactor.add({ name, value, ...how })
  } catch (cause) {
    throw new FettleError("SECRET_WEAK", causeText(cause), { cause })
  }
}

function engineOf(
  setup: RunSetup,
  events: EventStream,
  box: SecretBox,
  key: DataKey,
  redact: Engine["redact"],
): Omit<Engine, "redactStream"> {
  const { tools } = setup
  return {
    signal: setup.signal ?? new AbortController().signal,
    emit: events.emit,
    box,
    key,
    redact,
    runners: { ...runners(tools), release: releaseRunner(tools) },
    caller: { who: setup.who, program: setup.program.name, stage: setup.stage ?? DEFAULT_STAGE },
    notify: waysOut(tools, box, events.emit),
    runCommand: async (command, log, onStart) =>
      log(
        (
          await tools.run(command as readonly [string, ...string[]], {
            cwd: tools.cwd,
            env: tools.baseEnv,
            check: true,
            hide: redact,
            onStart,
          })
        ).stdout,
      ),
    unconnected: setup.remembers
      ? rememberedDriver
      : plainDriver(undefined, { identity: "", concurrency: UNCONNECTED_WAVE }),
    remembers: setup.remembers === true,
    builtIn: setup.builtIn,
    now: Date.now,
    readTimeoutMs: setup.readTimeoutMs ?? READ_TIMEOUT_MS,
    parallel: setup.parallel ?? PARALLEL,
  }
}
