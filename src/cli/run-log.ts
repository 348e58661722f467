import { appendFileSync, closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { FettleEvent, Subscriber } from "../events/events.ts"
import { makeStateFolder } from "../state/folder.ts"
import { BoundedLog } from "./bounded-log.ts"

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
 * has begun: who did not get the lock leaves none. Of what one node writes the middle is left out where it is too much. A disk that is full or may not
 * be written costs the log, never the run.
 */
export function runLog(stateFolder: string, program: string, stage: string): Subscriber {
  const folder = logFolder(stateFolder, program, stage)
  let file: number | undefined
  let gathered = ""
  const log = new BoundedLog()
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
  const cutOff = (): void => {
    gathered += log.rest()
    flush()
  }
  return (event: FettleEvent) => {
    if (event.type === "run.started") {
      file = begin(stateFolder, folder, event.runId)
      process.on("exit", cutOff) // of a run that is cut off
    }
    if (file !== undefined) {
      const text = log.take(event)
      if (gathered === "" && text !== "") setImmediate(flush)
      gathered += text
      if (gathered.length >= GATHERED || event.type === "run.finished") flush()
    }
    if (event.type !== "run.finished") return
    process.off("exit", cutOff)
    if (file !== undefined) closeSync(file)
    file = undefined
  }
}

function begin(stateFolder: string, folder: string, runId: string): number | undefined {
  try {
    makeStateFolder(stateFolder)
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
