import { type Account, Trail } from "../audit/trail.ts"
import { asFettleError, FettleError } from "../errors.ts"
import { isPending, type Plan, type PlanOptions, type SavedPlan } from "../events/plan.ts"
import type { Sessions } from "../plan/sessions.ts"
import type { Address } from "../program/address.ts"
import { sinksOf } from "../program/audit-sinks.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Held, StateHome } from "../state/home.ts"
import { refuseUnapproved } from "./approved.ts"
import { EXIT, type RunContext } from "./context.ts"
import { homeOf } from "./home.ts"
import { countsOf, type Ended } from "./running.ts"

/**
 * Asked before a plan with changes is carried out. A text says how consent was given, for the record.
 */
export type Consent = (plan: Plan) => Promise<boolean | string>

/** Whether a plan may be carried out: approved where that is asked for, consented to, and recorded. */
export type Accept = (plan: Plan, saved?: Plan) => Promise<boolean>

/** What a run leaves in the record besides its start and end. */
export interface Recording {
  readonly options: PlanOptions
  readonly consent: Consent
  readonly overtook: Held["overtook"]
}

/**
 * Does the work of a run between its first and its last entry in the record. What cannot be recorded is not begun.
 * @throws FettleError those of the store, `AUDIT_ALTERED`, `AUDIT_ROLLED_BACK`, `AUDIT_SINK`, and what `work` throws
 */
export async function recorded(
  context: RunContext,
  { options, consent, overtook }: Recording,
  work: (acceptIn: (sessions: Sessions) => Accept) => Promise<Ended>,
): Promise<Ended> {
  const { setup } = context
  context.phase = "apply"
  const trail = new Trail(accountIn(context, await homeOf(setup)))
  context.hears = (name) => trail.secretOpened(name)
  const acceptIn = (sessions: Sessions): Accept => accepting(context, trail, consent, sessions)
  try {
    const program = setup.sources?.()
    const [asked, forced] = [askedIn(options, setup.params), forcedIn(options)]
    await trail.note({
      type: "run.started",
      ...(program && { program }),
      ...(asked.length > 0 && { asked }),
      ...(forced.length > 0 && { forced }),
    })
    if (overtook !== undefined) await trail.note({ type: "lock.overtaken", from: overtook })
    await trail.ready()
    return await ended(context, trail, await work(acceptIn))
  } catch (thrown) {
    const { code } = asFettleError(thrown, "INTERNAL")
    const outcome = code === "CANCELLED" ? "cancelled" : "failed"
    const exitCode = code === "CANCELLED" ? EXIT.cancelled : EXIT.error
    await trail
      .end({ type: "run.ended", outcome, exitCode, error: code })
      .catch((failed) => notRecorded(context, failed))
    throw thrown
  }
}

/** Who does something in a run, and what may be used to tell others. */
export function accountIn({ setup, engine, events, stage }: RunContext, home: StateHome): Account {
  const { who, host, pid, command, ci, program, tools } = setup
  return {
    home,
    key: engine.key,
    run: events.runId,
    actor: { who, host, pid, command, ci },
    sinks: sinksOf(program.options.audit, stage),
    folder: tools.cwd,
    base: tools.baseEnv,
    reveal: async (secret: Secret<string>) => {
      await engine.box.open(secret)
      return String(engine.box.value(secret))
    },
    redact: engine.redact,
    warn: (text) => engine.emit({ type: "note", level: "warning", text }),
  }
}

async function ended(context: RunContext, trail: Trail, done: Ended): Promise<Ended> {
  const { outcome, exitCode, plan, applied } = done
  const counts = countsOf(applied)
  const error = context.setup.crash?.()?.code ?? applied?.fatal?.code
  try {
    await trail.end({ type: "run.ended", outcome, exitCode, plan: plan?.hash, counts, error })
    return done
  } catch (thrown) {
    const fatal = asFettleError(thrown, "STATE_WRITE")
    return { plan, applied: { outcomes: [], ...applied, fatal }, outcome: "failed", exitCode: EXIT.error }
  }
}

function notRecorded({ engine }: RunContext, thrown: unknown): void {
  const text = `the end of this run is not in the audit: ${asFettleError(thrown, "INTERNAL").fact}`
  engine.emit({ type: "note", level: "warning", text })
}

function accepting({ setup }: RunContext, trail: Trail, consent: Consent, sessions: Sessions): Accept {
  return async (plan, saved) => {
    refuseDenied(plan)
    const approvals = await refuseUnapproved(setup, plan, saved)
    const changes = plan.changes.filter(isPending)
    if (changes.length === 0) return true
    const given = await consent(plan)
    if (given === false) return false
    const { by: madeBy } = (saved as Partial<SavedPlan> | undefined)?.saved ?? {}
    await trail.accepted(
      { type: "targets.seen", targets: Object.fromEntries(sessions.identities) },
      {
        type: "plan.accepted",
        plan: plan.hash,
        consent: saved !== undefined ? "saved plan" : given === true ? "the caller" : given,
        changes: Object.fromEntries(tally(changes.map(({ action }) => action))),
        ...(madeBy === undefined ? {} : { madeBy }),
        ...(approvals.length === 0 ? {} : { approvals }),
      },
    )
    return true
  }
}

/** @throws FettleError `POLICY_DENIED` */
function refuseDenied({ findings = [] }: Plan): void {
  const denied = findings.filter(({ level }) => level === "deny")
  const [first] = denied
  if (first === undefined) return
  const about = first.address === undefined ? "" : `${first.address}: `
  const more = denied.length > 1 ? `, and ${denied.length - 1} more` : ""
  const { address, place } = first
  throw new FettleError("POLICY_DENIED", `the policy "${first.policy}" denies it: ${about}${first.message}${more}`, {
    ...(address === undefined ? {} : { address: address as Address }),
    ...(place === undefined ? {} : { place }),
  })
}

function tally(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/** So many words of what was asked are recorded. */
const ASKED_MAX = 50

/** Which part of a program is meant, and with which parameters. */
function askedIn({ targets = [], limit }: PlanOptions, params: RunContext["setup"]["params"] = {}): readonly string[] {
  const words = [
    ...targets.map((target) => `--target ${target}`),
    ...(limit === undefined ? [] : [`--limit ${limit}`]),
    ...Object.entries(params).map(([name, value]) => `--param ${name}=${value}`),
  ]
  return words.length > ASKED_MAX ? [...words.slice(0, ASKED_MAX), `… (${words.length})`] : words
}

/** Every option by which a person overrides what a plan would refuse, or has done what nothing asks for. */
export function forcedIn(options: PlanOptions): readonly string[] {
  const { expectAbsent, expectDeletes, expectTargets, replace, force, adopt, backTo } = options
  const named = (flag: string, names: readonly string[] | undefined): readonly string[] =>
    (names ?? []).map((name) => `${flag} ${name}`)
  return [
    ...(expectAbsent === undefined ? [] : [`--expect-absent ${expectAbsent}`]),
    ...(expectDeletes === undefined ? [] : [`--expect-deletes ${expectDeletes}`]),
    ...named("--expect-target", expectTargets),
    ...named("--replace", replace),
    ...named("--force", force),
    ...named("adopt", adopt),
    ...(options.destroy === true ? ["destroy"] : []),
    ...(options.refreshOnly === true ? ["--refresh-only"] : []),
    ...(backTo === undefined ? [] : [`rollback ${backTo.release} ${backTo.version}`]),
  ]
}
