import { createReadStream, existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { FettleError } from "../errors.ts"

/** The file of the events of a run in a folder of logs; `last` is the newest. @throws FettleError `RUN_NOT_FOUND` */
export function keptRun(folder: string, run: string): string {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".jsonl")) : []
  const fitting = run === "last" ? newest(folder, names) : names.filter((name) => name.startsWith(run))
  if (run !== "" && fitting.length === 1) return join(folder, fitting[0] as string)
  const fact =
    fitting.length > 1 ? `${fitting.length} runs begin with ${run}` : `there is no log of a run ${JSON.stringify(run)}`
  throw new FettleError("RUN_NOT_FOUND", fact, { next: "fettle runs lists them; changes of state by hand have no log" })
}

function newest(folder: string, names: readonly string[]): readonly string[] {
  const byAge = names.map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs })).sort((a, b) => b.at - a.at)
  return byAge.slice(0, 1).map(({ name }) => name)
}

/** The lines of such a file. */
export function keptLines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file) })
}
