import { asFettleError, FettleError } from "../errors.ts"
import type { NotifyRule } from "../policies/notify.ts"
import type { AnyProvider } from "../provider.ts"
import { checkName } from "./address.ts"
import { here, LazyPlace } from "./place.ts"
import { inScope, newScope, type Scope } from "./scope.ts"

/** Parameters of a program: plain values with defaults. */
export type Params = Readonly<Record<string, string | number | boolean>>

export interface ProgramOptions<P extends Params> {
  /** Instances with parameters of their own. Without any there is one stage, "dev". */
  readonly stages?: Readonly<Record<string, Partial<P>>>
  /** Kinds that state may hold although no declaration uses them any more. */
  readonly providers?: readonly AnyProvider[]
  /** Who is told how an apply ended: notify({ webhook: "https://…" }), notify({ command: ["page", "me"], on: "always" }). */
  readonly notify?: readonly NotifyRule[]
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
 * @throws FettleError `NAME_INVALID`
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
    checkName(name, "program")
    for (const stage of Object.keys(options.stages ?? {})) checkName(stage, "stage")
  } catch (thrown) {
    throw asFettleError(thrown, "NAME_INVALID").at(undefined, place)
  }
  const stages = (options.stages ?? {}) as Readonly<Record<string, Params>>
  return Object.freeze({
    [PROGRAM]: true,
    name,
    params: Object.freeze({ ...params }),
    stages,
    options: options as ProgramOptions<Params>,
    place,
    build,
  })
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
  if (typeof value === typeof fallback) return value
  const read =
    typeof fallback === "number"
      ? String(value).trim() === ""
        ? Number.NaN
        : Number(value)
      : typeof fallback === "boolean"
        ? { true: true, false: false }[String(value)]
        : String(value)
  if (read === undefined || Number.isNaN(read))
    throw new FettleError(
      "PARAM_INVALID",
      `parameter ${key} is ${JSON.stringify(value)}, it must be a ${typeof fallback}`,
    )
  return read
}

/** Where the user's code threw, as far as its stack says. */
function placeOfThrow(thrown: unknown): LazyPlace | undefined {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return undefined
  const lazy = new LazyPlace({ stack: thrown.stack })
  return lazy.place.file === "" ? undefined : lazy
}

/** Calls the program's function and gives what it declared. No I/O, no clock. @throws FettleError `PROGRAM_ASYNC`, `PROGRAM_THREW` and those of declarations */
export function declare(program: Program, params: Params): Scope {
  const scope = newScope()
  for (const each of program.options.providers ?? []) scope.providers.set(each.kind, each)
  let result: unknown
  try {
    result = inScope(scope, () => program.build(params as never))
  } catch (thrown) {
    throw asFettleError(thrown, "PROGRAM_THREW").at(undefined, placeOfThrow(thrown) ?? program.place)
  }
  if (typeof (result as { then?: unknown } | undefined)?.then === "function") {
    ;(result as Promise<unknown>).then(undefined, () => {})
    throw new FettleError("PROGRAM_ASYNC", `the function of program ${program.name} returned a promise`, {
      place: program.place,
    })
  }
  return scope
}
