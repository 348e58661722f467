import type { Subscriber } from "../../events/events.ts"
import { runPage } from "./run-page.ts"
import { RunRecord } from "./run-record.ts"

/**
 * Makes one HTML file of a run when it ends.
 * @example events.subscribe(htmlReporter((page) => writeFileSync("run.html", page)))
 */
export function htmlReporter(write: (page: string) => void, root?: string): Subscriber {
  const record = new RunRecord()
  return (event) => {
    record.take(event)
    if (event.type === "run.finished") write(runPage(record, root))
  }
}
