import type { FettleEvent, Subscriber } from "../events/events.ts"
import { jsonLinesReporter } from "../report/json-lines.ts"
import { type TerminalReporter, terminalReporter } from "../report/terminal.ts"
import type { Call } from "./call.ts"

/** Shows a run as the command line asks for: JSON lines, a terminal, a growing log, or only what is wrong. */
export function reporterFor({ options, around, command }: Call): TerminalReporter {
  if (options.json === true) {
    const subscriber = jsonLinesReporter((line) => process.stdout.write(line))
    return { subscriber, say: (text) => process.stderr.write(`${text}\n`), pause: () => () => {}, close: () => {} }
  }
  const reporter = terminalReporter({
    write: (text) => process.stdout.write(text),
    columns: around.columns,
    rows: () => process.stdout.rows ?? 0,
    color: around.color && options.color,
    isTTY: around.isTTY && around.env.TERM !== "dumb",
    verbose: options.verbose === true,
    root: around.cwd,
  })
  if (options.quiet !== true) return reporter
  const asks = options.yes !== true && around.canAsk && command !== "plan"
  return { ...reporter, subscriber: onlyWrong(reporter.subscriber, asks) }
}

/** Lets pass what went wrong, and a plan that somebody is asked about. */
function onlyWrong(next: Subscriber, asks: boolean): Subscriber {
  return (event) => {
    if (isWrong(event) || (asks && event.type === "plan.made")) next(event)
  }
}

function isWrong(event: FettleEvent): boolean {
  if (event.type === "note") return event.level !== "info"
  if (event.type === "node.finished") return event.outcome === "failed" || event.outcome === "maybe"
  if (event.type === "check.finished") return event.verdict !== "yes"
  return event.type === "plan.made" ? event.plan.changes.some((change) => change.action === "blocked") : false
}
