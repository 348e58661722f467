import { readRuns } from "../../run/state-edit.ts"
import type { Run } from "../../state/store.ts"
import type { Call } from "../call.ts"
import { say, sayJson, tableLines } from "../print.ts"
import { findState } from "../state-place.ts"

/** Characters of a run's id that tell it apart from the others. */
const SHORT = 8

const HEAD = ["run", "began", "command", "outcome", "took", "by"]

/** Lists the last runs, newest first. */
export async function runs(call: Call): Promise<number> {
  const place = await findState(call)
  const found = await readRuns(place.home)
  if (call.options.json === true) sayJson(found)
  else if (found.length === 0) say(`There is no run of ${place.program} (${place.stage}) yet.`)
  else for (const line of tableLines([HEAD, ...found.map(cells)])) say(line)
  return 0
}

function cells(run: Run): readonly string[] {
  const outcome = run.outcome ?? (run.endedAt === undefined ? "did not end, or is under way" : "")
  const took = run.endedAt === undefined ? "" : `${((run.endedAt - run.startedAt) / 1000).toFixed(1)} s`
  return [
    run.id.slice(0, SHORT),
    new Date(run.startedAt).toISOString().replace(/\.\d+Z$/, "Z"),
    run.command,
    outcome,
    took,
    run.who,
  ]
}
