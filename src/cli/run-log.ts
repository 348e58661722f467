import { appendFileSync, closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { FettleEvent, Subscriber } from "../events/events.ts"

/** Logs kept per program and stage: as many as state keeps runs. */
const LOGS_KEPT = 50
/** Characters gathered before they are written, so that ten thousand events are not ten thousand writes. */
const GATHERED = 65_536

/** Folder of the logs of a program's stage. */
export function logFolder(stateFolder: string, program: string, stage: string): string {
  return join(stateFolder, "logs", `${program}.${stage}`)
}

/**
 * Keeps the events of a run, one JSON object a line, in a file that only its owner may read. The file is made when the run
 * has begun: who did not get the lock leaves none. A disk that is full costs the log, never the run.
 */
export function runLog(folder: string): Subscriber {
  let file: number | undefined
  let gathered = ""
  const flush = (): void => {
    if (file === undefined || gathered === "") return
    const text = gathered
    gathered = ""
    try {
      appendFileSync(file, text)
    } catch {
      file = undefined
    }
  }
  process.on("exit", flush)
  return (event: FettleEvent) => {
    if (event.type === "run.started") file = begin(folder, event.runId)
    if (file === undefined) return
    if (gathered === "") setImmediate(flush)
    gathered += `${JSON.stringify(event)}\n`
    if (gathered.length >= GATHERED || event.type === "run.finished") flush()
    if (event.type !== "run.finished" || file === undefined) return
    closeSync(file)
    file = undefined
  }
}

function begin(folder: string, runId: string): number | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    dropOld(folder)
    return openSync(join(folder, `${runId}.jsonl`), "ax", 0o600)
  } catch {
    return undefined
  }
}

/** Keeps the newest, and room for one more. */
function dropOld(folder: string): void {
  const logs = readdirSync(folder).filter((name) => name.endsWith(".jsonl"))
  if (logs.length < LOGS_KEPT) return
  const byAge = logs.map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs })).sort((a, b) => b.at - a.at)
  for (const { name } of byAge.slice(LOGS_KEPT - 1)) rmSync(join(folder, name), { force: true })
}
