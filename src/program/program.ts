import { asFettleError, FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import { didYouMean } from "../policies/nearest.ts"
import { isNotifyRule } from "../policies/node-policy.ts"
import type { NotifyRule } from "../policies/notify.ts"
import { isPlanPolicy, type PlanPolicy } from "../policies/plan-policy.ts"
import type { AnyProvider } from "../provider.ts"
import { checkName } from "./address.ts"
import { type ApprovalRule, checkApprovals } from "./approvals.ts"
import { type AuditSinks, checkSinks } from "./audit-sinks.ts"
import { copyOf, isPlain } from "./output.ts"
import { here, type LazyPlace, placeOfThrow } from "./place.ts"
import { freeze } from "./props.ts"
import type { ReleaseMemories } from "./release-memory.ts"
import { inScope, isBuilding, newScope, type Phase, type Scope } from "./scope.ts"
import { refuseAsync } from "./sync.ts"

/** Parameters of a program: plain values with defaults. */
export type Params = Readonly<Record<string, string | number | boolean>>

export interface ProgramOptions<P extends Params> {
  /** Instances with parameters of their own. Without any there is one stage, "dev". */
  readonly stages?: Readonly<Record<string, Partial<P>>>
  /** Kinds that state may hold although no declaration uses them any more. */
  readonly providers?: readonly AnyProvider[]
  /**
   * Where the team's state lives: "postgres://fettle@db.internal/fettle", "s3://bucket/prefix?region=eu-central-1", for all stages or by
   * stage; a password stands in the environment. Default: a file beside the program.
   */
  readonly store?: string | Readonly<Record<string, string>>
  /** Who is told how an apply ended: notify({ webhook: "https://…" }), notify({ command: ["page", "me"], on: "always" }). */
  readonly notify?: readonly NotifyRule[]
  /** Stages whose plans others must say yes to: `{ prod: { from: "approvers", count: 2 } }`. */
  readonly approvals?: Readonly<Record<string, ApprovalRule>>
  /**
   * Whom the record of who did what is sent to besides, for all stages or by stage: `[{ file: "/var/log/fettle.jsonl" }]`,
   * `{ prod: [{ syslog: "tcp://logs.internal:601", required: true }] }`.
   */
  readonly audit?: AuditSinks
  /** Rules for its plans: policy("no open ports", ({ nodes }) => …), and `starterPolicies`. */
  readonly policies?: readonly PlanPolicy[]
}

/** A program: calling it only builds a graph. */
export interface Program {
  readonly name: string
  readonly params: Params
  readonly stages: Readonly<Record<string, Params>>
  readonly options: ProgramOptions<Params>
  readonly place: LazyPlace
  readonly build: (params: never) => unknown
}

const PROGRAM: unique symbol = Symbol.for("fettle.program")

/** Literal defaults widen: `{ port: 8080 }` takes any number. */
type Widen<P> = {
  readonly [K in keyof P]: P[K] extends string
    ? string
    : P[K] extends number
      ? number
      : P[K] extends boolean
        ? boolean
        : P[K]
}

/**
 * A program: a name, its parameters with defaults, and a synchronous function that declares what should be true.
 * @throws FettleError `NAME_INVALID`, `PARAM_INVALID`, `PROPS_INVALID`, `PROGRAM_NESTED`
 * @example export default program("shop", { port: 8080 }, ({ port }) => { … }, { stages: { prod: { port: 80 } } })
 */
export function program<const P extends Params>(
  name: string,
  params: P,
  build: (params: Widen<P>) => unknown,
  options: ProgramOptions<Widen<P>> = {},
): Program {
  const place = here(program)
  try {
    checkProgram(name, params, build, options as ProgramOptions<Params>)
  } catch (thrown) {
    throw asFettleError(thrown, "NAME_INVALID").at(undefined, place)
  }
  const stages = freeze(copyOf(options.stages ?? {})) as Readonly<Record<string, Params>>
  const providers = Object.freeze([...(options.providers ?? [])])
  const notify = Object.freeze([...(options.notify ?? [])])
  const approvals = freeze(copyOf(options.approvals ?? {})) as Readonly<Record<string, ApprovalRule>>
  const audit = options.audit === undefined ? {} : { audit: freeze(copyOf(options.audit)) as AuditSinks }
  const store = typeof options.store === "object" ? { store: Object.freeze({ ...options.store }) } : {}
  return Object.freeze({
    [PROGRAM]: true,
    name,
    params: Object.freeze({ ...params }),
    stages,
    options: Object.freeze({
      ...options,
      ...store,
      ...audit,
      stages,
      providers,
      notify,
      approvals,
      policies: Object.freeze([...(options.policies ?? [])]),
    }) as ProgramOptions<Params>,
    place,
    build,
  })
}

/** What `program(…)` takes besides its name, parameters and function. */
const OPTIONS = ["stages", "providers", "notify", "approvals", "store", "audit", "policies"] as const

/** Refuses what would be found out only on the stage, or in the failure, that it is about. */
function checkProgram(name: string, params: Params, build: unknown, options: ProgramOptions<Params>): void {
  checkName(name, "program")
  if (isBuilding())
    throw new FettleError("PROGRAM_NESTED", `program ${name} is made inside the function of another program`)
  if (typeof build !== "function")
    throw new FettleError(
      "PROPS_INVALID",
      `program ${name}: its third argument must be a function, not ${shown(build)}`,
    )
  if (!isPlain(params) || !isPlain(options))
    throw new FettleError("PROPS_INVALID", `program ${name}: its parameters and its options must be objects`)
  for (const [key, value] of Object.entries(params)) checkParam(key, value, "")
  for (const key of Object.keys(options))
    if (!(OPTIONS as readonly string[]).includes(key))
      throw new FettleError("PROPS_INVALID", `program ${name} has no option ${key}${didYouMean(key, OPTIONS)}`)
  for (const [stage, given] of Object.entries(options.stages ?? {})) {
    checkName(stage, "stage")
    checkStage(stage, given, params)
  }
  const { notify = [], approvals = {}, store = "", audit = [], policies = [] } = options
  const names = [DEFAULT_STAGE, ...Object.keys(options.stages ?? {})]
  checkApprovals(name, approvals, names)
  checkSinks(name, audit, names)
  const addresses = isPlain(store) ? Object.values(store) : [store]
  if (!addresses.every((each) => typeof each === "string"))
    throw new FettleError("PROPS_INVALID", `program ${name}: store must be an address, or an address for each stage`)
  if (!Array.isArray(policies) || !policies.every(isPlanPolicy))
    throw new FettleError("PROPS_INVALID", `program ${name}: policies must be a list of what policy(…) gives`)
  if (!Array.isArray(notify) || !notify.every(isNotifyRule))
    throw new FettleError("PROPS_INVALID", `program ${name}: notify must be a list of what notify(…) gives`)
}

/** What a stage changes must be parameters, and of the type of their defaults. */
function checkStage(stage: string, given: unknown, params: Params): void {
  if (!isPlain(given)) throw new FettleError("PARAM_INVALID", `stage ${stage} must be an object, not ${shown(given)}`)
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(params, key))
      throw new FettleError(
        "PARAM_INVALID",
        `stage ${stage} sets ${JSON.stringify(key)}, which is no parameter${didYouMean(key, Object.keys(params))}`,
        { next: "name it among the parameters of program(…) with its default" },
      )
    checkParam(key, value, ` of stage ${stage}`)
    if (typeof value !== typeof params[key])
      throw new FettleError(
        "PARAM_INVALID",
        `parameter ${key} of stage ${stage} is ${shown(value)}, it must be a ${typeof params[key]}`,
        { next: `correct it in the stage, or give the parameter a ${typeof value} as its default` },
      )
  }
}

function checkParam(key: string, value: unknown, whose: string): void {
  if (typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return
  throw new FettleError(
    "PARAM_INVALID",
    `parameter ${key}${whose} is ${shown(value)}, it must be a string, a finite number or a boolean`,
    { next: "correct it in program(…)" },
  )
}

export function isProgram(value: unknown): value is Program {
  return typeof value === "object" && value !== null && PROGRAM in value
}

/** The stage a program has when it declares none. */
export const DEFAULT_STAGE = "dev"

/** The parameters of a stage with the given values over them. @throws FettleError `STAGE_UNKNOWN`, `PARAM_INVALID` */
export function paramsFor(
  program: Program,
  stage: string,
  given: Readonly<Record<string, string | number | boolean>> = {},
): Params {
  const names = Object.keys(program.stages)
  if (stage !== DEFAULT_STAGE && !Object.hasOwn(program.stages, stage))
    throw new FettleError(
      "STAGE_UNKNOWN",
      `${program.name} has no stage ${JSON.stringify(stage)}; it has ${[...new Set([DEFAULT_STAGE, ...names])].join(", ")}`,
      { place: program.place },
    )
  const params: Record<string, string | number | boolean> = { ...program.params, ...program.stages[stage] }
  for (const [key, value] of Object.entries(given)) {
    const fallback = Object.hasOwn(program.params, key) ? program.params[key] : undefined
    if (fallback === undefined)
      throw new FettleError(
        "PARAM_INVALID",
        `${program.name} has no parameter ${JSON.stringify(key)}; it has ${Object.keys(program.params).join(", ") || "none"}`,
        { place: program.place },
      )
    params[key] = asTypeOf(key, fallback, value)
  }
  return Object.freeze(params)
}

function asTypeOf(
  key: string,
  fallback: string | number | boolean,
  value: string | number | boolean,
): string | number | boolean {
  if (typeof value === typeof fallback && typeof value !== "number") return value
  const read =
    typeof fallback === "number"
      ? String(value).trim() === ""
        ? Number.NaN
        : Number(value)
      : typeof fallback === "boolean"
        ? { true: true, false: false }[String(value)]
        : String(value)
  if (read === undefined || (typeof read === "number" && !Number.isFinite(read)))
    throw new FettleError(
      "PARAM_INVALID",
      `parameter ${key} is ${shown(value)}, it must be a ${typeof read === "number" && !Number.isNaN(read) ? "finite number" : typeof fallback}`,
    )
  return read
}

/**
 * Calls the program's function and gives what it declared. No I/O, no clock.
 * @param releases what state says of its releases; without it each begins anew
 * @param phase which login of a target is meant; without it the one that looks
 * @throws FettleError `PROGRAM_ASYNC`, `PROGRAM_THREW` and those of declarations */
export function declare(program: Program, params: Params, releases?: ReleaseMemories, phase?: Phase): Scope {
  const scope = newScope(releases, phase)
  for (const each of program.options.providers ?? []) scope.providers.set(each.kind, each)
  let result: unknown
  try {
    result = inScope(scope, () => program.build(params as never))
  } catch (thrown) {
    throw asFettleError(thrown, "PROGRAM_THREW").at(undefined, placeOfThrow(thrown) ?? program.place)
  }
  refuseAsync(result, `the function of program ${program.name}`, program.place)
  return scope
}
