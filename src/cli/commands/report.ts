import { writeFileSync } from "node:fs"
import { basename, resolve } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import { escapeText } from "../../report/escape.ts"
import { runPage } from "../../report/run-page/run-page.ts"
import { RunRecord } from "../../report/run-page/run-record.ts"
import type { Call } from "../call.ts"
import { eventIn } from "../event-line.ts"
import { keptLines, keptRun } from "../kept-run.ts"
import { say } from "../print.ts"
import { logFolder } from "../run-log.ts"
import { findState } from "../state-place.ts"

/** Characters of a run's id that tell it apart from the others. */
const SHORT = 8

/** Writes a report of a run, also of one that was cut off or still goes on, from the events that were kept of it. */
export async function report(call: Call): Promise<number> {
  const { args, options, around } = call
  const place = await findState(call)
  const kept = keptRun(logFolder(place.folder, place.program, place.stage), args[0] ?? "")
  const record = new RunRecord()
  for await (const line of keptLines(kept)) {
    const event = eventIn(line)
    if (event !== undefined) record.take(event)
  }
  const page = runPage(record, around.cwd)
  if (options.out === "-") {
    process.stdout.write(page)
    return 0
  }
  const file = options.out ?? `fettle-${basename(kept).slice(0, SHORT)}.html`
  write(resolve(around.cwd, file), page)
  if (options.quiet !== true) say(`The report is in ${escapeText(file)}`)
  return 0
}

/** @throws FettleError `USAGE` */
function write(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch (thrown) {
    throw new FettleError("USAGE", `the report cannot be written to ${file}: ${causeText(thrown)}`, { cause: thrown })
  }
}
