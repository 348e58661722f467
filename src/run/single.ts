import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ErrorCode, FettleError } from "../errors.ts"
import type { PlannedChange, PropDiff } from "../events/plan.ts"
import { program } from "../program/program.ts"
import { resource } from "../program/resource.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import type { RunResult } from "./context.ts"
import { localSetup } from "./local.ts"
import { applyProgram, planProgram } from "./run.ts"

/** One resource that is made so, without a program of its own and without anything remembered. */
export interface Single {
  readonly provider: AnyProvider
  readonly props: Readonly<Record<string, unknown>>
  readonly on: Connection<unknown>
  /** Tells what would change, and changes nothing. */
  readonly check: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Relative paths begin here. */
  readonly folder: string
}

/** What came of it. */
export interface SingleResult {
  readonly changed: boolean
  /** In words, as a plan says it; what a secret is in stands by its name. */
  readonly before: string
  readonly after: string
  /** The difference of a text, as unified lines. */
  readonly text?: string | undefined
  readonly error?: FettleError | undefined
}

/** Its name in the program that is made around it. */
const NAME = "it"

/**
 * Makes one resource so. What is there already is taken over as it is declared; nothing is remembered, so nothing is ever removed, and
 * what was cut off is settled by the next call, as far as its kind settles by looking.
 */
export async function applySingle(single: Single): Promise<SingleResult> {
  const { provider, props, on, check, env } = single
  const state = await mkdtemp(join(tmpdir(), "fettle-single-"))
  try {
    const around = program("single", {}, () => {
      resource(provider, NAME, props as never, { on, adopt: true } as never)
    })
    const setup = {
      ...localSetup(around, {
        folder: single.folder,
        env: { ...env, FETTLE_STORE: "" },
        command: "ansible",
        pid: process.pid,
      }),
      stateFolder: state,
      key: { given: undefined, file: join(state, "key"), isGiven: false },
    }
    const ended = check ? await planProgram(setup) : await applyProgram(setup, {}, async () => true)
    return resultOf(ended, props)
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

function resultOf({ plan, applied, error }: RunResult, props: Single["props"]): SingleResult {
  const change = plan?.changes.find(({ type }) => type === "resource")
  const outcome = applied?.outcomes.find(({ address }) => address === change?.address)
  const creates = change?.action === "create"
  return {
    changed: change !== undefined && !["none", "adopt", "refresh", "blocked"].includes(change.action),
    before: creates ? "" : linesOf(change?.props, "from"),
    // Of what is not there yet a plan tells no differences: all of it is new.
    after: creates ? Object.entries(props).map(lineOf).join("") : linesOf(change?.props, "to"),
    text: change?.text,
    error: error ?? applied?.fatal ?? outcome?.error ?? blocked(change),
  }
}

function linesOf(props: readonly PropDiff[] = [], side: "from" | "to"): string {
  return props.flatMap((each) => (each[side] === undefined ? [] : [`${each.name}: ${each[side]}\n`])).join("")
}

function lineOf([name, value]: readonly [string, unknown]): string {
  return `${name}: ${JSON.stringify(value)}\n`
}

/** A plan that cannot be carried out fails a check as it fails a run. */
function blocked(change: PlannedChange | undefined): FettleError | undefined {
  if (change?.error === undefined) return undefined
  const { code, fact, next, cause } = change.error
  return new FettleError(code as ErrorCode, fact, { next, ...(cause !== undefined && { cause }) })
}
