import { FettleError } from "../errors.ts"
import type { PlanOptions } from "../events/plan.ts"
import type { Surroundings } from "./surroundings.ts"

/** All that may be given after a command's name; which command takes what stands in `line.ts`. */
export interface Options {
  readonly file?: string
  readonly state?: string
  readonly store?: string
  readonly stage?: string
  readonly param?: readonly string[]
  readonly color: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly json?: boolean
  readonly out?: string
  readonly expires?: string
  readonly untrusted?: boolean
  readonly markdown?: string
  readonly ci?: string
  readonly wall?: string
  readonly program?: string
  readonly key?: string
  readonly check?: boolean
  readonly types?: boolean
  readonly target?: readonly string[]
  readonly replace?: readonly string[]
  readonly refreshOnly?: boolean
  readonly expectAbsent?: string
  readonly expectDeletes?: string
  readonly expectTarget?: readonly string[]
  readonly parallel?: string
  readonly fingerprint?: readonly string[]
  readonly unseen?: boolean
  readonly config?: string
  readonly port?: string
  readonly limit?: string
  readonly inventory?: readonly string[]
  readonly shell?: boolean
  readonly stdin?: boolean
  readonly timeout?: string
  /** `exec` takes it as a word of its own; others want to know by what. */
  readonly become?: string | boolean
  readonly becomeUser?: string
  readonly askBecomePassword?: boolean
  readonly user?: string
  readonly local?: boolean
  readonly docker?: boolean
  readonly host?: string
  readonly context?: string
  readonly askPassword?: boolean
  readonly yes?: boolean
  readonly detach?: boolean
  readonly follow?: boolean
  readonly force?: boolean
  readonly made?: string
  readonly notMade?: boolean
  readonly reveal?: boolean
  readonly format?: string
  readonly from?: string
  readonly into?: string
  readonly to?: string
  readonly withoutKey?: boolean
  readonly junit?: string
  readonly report?: string
  readonly sarif?: string
  readonly since?: string
  readonly run?: string
  readonly by?: string
  readonly against?: string
  readonly send?: boolean
  readonly anew?: boolean
  readonly serve?: string | boolean
  readonly for?: string
  readonly url?: string
  readonly linkTo?: string
}

/** One command as it was typed. */
export interface Call {
  /** The words of the command itself, as in `state mv`. */
  readonly command: string
  readonly args: readonly string[]
  readonly options: Options
  readonly around: Surroundings
}

/** What a command's file exports; gives the exit code. */
export type Command = (call: Call) => Promise<number>

/** `--param k=v` as a record. @throws FettleError `PARAM_INVALID` */
export function paramsOf(options: Options): Readonly<Record<string, string>> {
  const params: [string, string][] = []
  for (const each of options.param ?? []) {
    const at = each.indexOf("=")
    if (at <= 0) throw new FettleError("PARAM_INVALID", `--param ${JSON.stringify(each)} is not NAME=VALUE`)
    params.push([each.slice(0, at), each.slice(at + 1)])
  }
  return Object.fromEntries(params)
}

/** What the options ask of a plan. @throws FettleError `USAGE` */
export function planOptionsOf(options: Options): PlanOptions {
  const expectAbsent = countOf("--expect-absent", options.expectAbsent)
  const expectDeletes = countOf("--expect-deletes", options.expectDeletes)
  return {
    ...(options.target === undefined ? {} : { targets: options.target }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.replace === undefined ? {} : { replace: options.replace }),
    ...(options.refreshOnly === true ? { refreshOnly: true } : {}),
    ...(expectAbsent === undefined ? {} : { expectAbsent }),
    ...(expectDeletes === undefined ? {} : { expectDeletes }),
    ...(options.expectTarget === undefined ? {} : { expectTargets: options.expectTarget }),
  }
}

/** Largest number that an option takes: beyond it a typing error is likelier than a wish. */
const COUNT_MAX = 1_000_000

/** A whole number from the command line. @throws FettleError `USAGE` */
export function countOf(name: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined
  const count = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (!(count >= least && count <= COUNT_MAX))
    throw new FettleError("USAGE", `${name} takes a whole number from ${least}, not ${JSON.stringify(text)}`)
  return count
}
