import { factsOf } from "../apply/outcome.ts"
import { redactAll } from "../events/events.ts"
import { type NotifyRule, sendNotification } from "../policies/notify.ts"
import type { RunContext, RunResult } from "./context.ts"

/** Outcomes that are worth a word where nobody says otherwise. */
const WELL: ReadonlySet<RunResult["outcome"]> = new Set(["done", "unchanged"])

/** Tells everybody whom the program names how a run ended. Never fails: that it could not is a warning of the run. */
export async function tellEnd(
  context: RunContext,
  ended: Pick<RunResult, "outcome" | "exitCode" | "error" | "applied">,
): Promise<void> {
  const { setup, events, engine, stage } = context
  const bad = (ended.applied?.outcomes ?? []).filter((each) => each.error !== undefined && each.outcome !== "skipped")
  const errors = [ended.error, ...bad.map((each) => each.error)].filter((each) => each !== undefined)
  const facts = {
    outcome: WELL.has(ended.outcome) ? ("success" as const) : ("failure" as const),
    program: setup.program.name,
    stage,
    run: events.runId,
    command: setup.command,
    who: setup.who,
    result: ended.outcome,
    exitCode: ended.exitCode,
    errors: errors.map(factsOf),
  }
  const payload = { ...(redactAll(facts, engine.redact) as typeof facts), outcome: facts.outcome }
  await Promise.all((setup.program.options.notify ?? []).map((rule) => tellOne(context, rule, payload)))
}

async function tellOne(
  { engine }: RunContext,
  rule: NotifyRule,
  payload: { outcome: "success" | "failure" },
): Promise<void> {
  await sendNotification(rule, payload, engine.notify)
}
