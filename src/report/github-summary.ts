import type { ErrorFacts, FettleEvent } from "../events/events.ts"
import { count, duration } from "./amounts.ts"
import { nextStep } from "./error-lines.ts"
import { markdown } from "./markdown.ts"
import { verdictSign } from "./outcome-lines.ts"
import { plannedText } from "./plan-markdown.ts"
import { needOf, type Tally } from "./tally.ts"

/** Most rows of the table: GitHub refuses a summary above 1 MiB. */
const ROWS_MAX = 200

/** A summary of one run as Markdown, collected while it goes on. */
export class StepSummary {
  readonly #rows: string[] = []
  #title = "Fettle"
  #planned = ""
  #left = 0

  take(event: FettleEvent, tally: Tally): void {
    if (event.type === "run.started") this.#title = `${event.program} · ${event.stage} · ${event.command}`
    else if (event.type === "plan.made" && !tally.applied) this.#planned = plannedText(event.plan.changes)
    else if (event.type === "note" && event.error !== undefined)
      this.#addError("×", event.error.address, event.error, event.runId)
    else if (event.type === "check.finished") {
      const what = `${event.verdict}: ${event.evidence} (${duration(event.durationMs)})`
      this.#add(verdictSign(event.verdict)[0], event.address, what, "")
    } else if (event.type === "node.finished" && event.error !== undefined && needOf(event) === undefined) {
      const isTold = event.outcome === "done" || event.outcome === "unchanged" || tally.hasAnswered(event.address)
      if (!isTold) this.#addError(event.outcome === "maybe" ? "?" : "×", event.address, event.error, event.runId)
    }
  }

  text(ended: string): string {
    const more = this.#left === 0 ? "" : `\n… and ${count(this.#left)} more\n`
    const head = "| | address | what | next |\n|---|---|---|---|\n"
    const table = this.#rows.length === 0 ? "" : `\n${head}${this.#rows.join("\n")}\n${more}`
    const planned = this.#planned === "" ? "" : `Planned: ${this.#planned}.\n`
    return `### ${markdown(this.#title)}: ${markdown(ended)}\n\n${planned}${table}\n`
  }

  #addError(sign: string, address: string | undefined, error: ErrorFacts, runId: string): void {
    this.#add(sign, address ?? "", `${error.code}: ${error.fact}`, nextStep(error.next, { address, runId }))
  }

  #add(sign: string, address: string, what: string, next: string): void {
    const cells = [sign, `<code>${markdown(address)}</code>`, markdown(what), markdown(next)]
    if (this.#rows.length < ROWS_MAX) this.#rows.push(`| ${cells.join(" | ")} |`)
    else this.#left += 1
  }
}
