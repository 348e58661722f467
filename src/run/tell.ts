import { factsOf } from "../apply/outcome.ts"
import { causeText } from "../errors.ts"
import { redactAll } from "../events/events.ts"
import { type NotifyRule, sendNotification } from "../policies/notify.ts"
import { Secret } from "../secrets/secret.ts"
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
  context: RunContext,
  rule: NotifyRule,
  payload: { outcome: "success" | "failure" },
): Promise<void> {
  const { engine, setup } = context
  const { tools } = setup
  const fail = (because: string): void =>
    engine.emit({ type: "note", level: "warning", text: `a notification could not be sent: ${because}` })
  try {
    if (rule.webhook instanceof Secret) await engine.box.open(rule.webhook)
  } catch (thrown) {
    return fail(causeText(thrown))
  }
  const result = await sendNotification(rule, payload, {
    fetch,
    run: (command, options) =>
      tools.run(command as [string, ...string[]], { ...options, cwd: tools.cwd, env: tools.baseEnv, check: false }),
    reveal: (sealed) => String(engine.box.value(sealed as unknown as Secret<unknown>)),
  })
  if (result.outcome === "failed") fail(result.because)
}
