import { createReadStream } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import type { FettleEvent } from "../../events/events.ts"
import { escapeText } from "../../report/escape.ts"
import { terminalReporter } from "../../report/terminal.ts"
import type { StateHome } from "../../state/home.ts"
import type { Call } from "../call.ts"
import { eventIn } from "../event-line.ts"
import { keptLines, keptRun } from "../kept-run.ts"
import { safeJson, say } from "../print.ts"
import { logFolder } from "../run-log.ts"
import { findState } from "../state-place.ts"

/** Prints what a run told, or what one node of it wrote; with `--follow` until it has ended, and then exits as it did. */
export async function logs(call: Call): Promise<number> {
  const [run = "", node] = call.args
  const place = await findState(call)
  const file = keptRun(logFolder(place.folder, place.program, place.stage), run)
  const show = call.options.json === true ? raw : node === undefined ? replay(call) : nodeLines
  const follows = call.options.follow === true
  let met = false
  let exitCode: number | undefined
  for await (const line of follows ? growing(file, place.home) : keptLines(file)) {
    const event = eventIn(line)
    if (event?.type === "run.finished" && follows) exitCode = event.exitCode
    if (event === undefined || (node !== undefined && !isAbout(event, node))) continue
    met = true
    show(event, line)
  }
  if (follows && exitCode === undefined)
    throw new FettleError("RUN_NOT_FOUND", "the run is under way no more and has not told its end: it was killed", {
      next: "fettle apply goes on where it was cut off",
    })
  if (!met && node !== undefined && !follows)
    throw new FettleError("TARGET_UNKNOWN", `the run tells nothing of ${node}`, {
      next: `fettle logs ${run} prints all of it`,
    })
  return exitCode ?? 0
}

type Show = (event: FettleEvent, line: string) => void

/** Time between two looks at a log that grows. */
const LOOK_MS = 200
/** So long it has not grown before it is asked whether anybody still writes it. */
const QUIET_MS = 2_000

/** The lines of a log until its run has ended: it says so, or nobody holds the lock any more. */
async function* growing(file: string, home: StateHome): AsyncGenerator<string> {
  let at = 0
  let rest = Buffer.alloc(0)
  for (let quietMs = 0; ; quietMs += LOOK_MS) {
    // Asked before it is read: what was written before the end is read below.
    const isOver = quietMs >= QUIET_MS && (await home.holder()) === undefined
    if (quietMs >= QUIET_MS) quietMs = 0
    for await (const chunk of createReadStream(file, { start: at }) as AsyncIterable<Buffer>) {
      at += chunk.length
      quietMs = 0
      const all = Buffer.concat([rest, chunk])
      const end = all.lastIndexOf("\n") + 1
      rest = all.subarray(end)
      const lines = all.toString("utf8", 0, end).split("\n")
      yield* lines
      if (lines.some((line) => eventIn(line)?.type === "run.finished")) return
    }
    if (isOver) return
    await sleep(LOOK_MS)
  }
}

/** A node is meant by its address, or by the name in it. */
function isAbout(event: FettleEvent, node: string): boolean {
  return "address" in event && (event.address === node || event.address.endsWith(`[${node}]`))
}

function raw(_event: FettleEvent, line: string): void {
  say(safeJson(line))
}

/** The run as it was told, with everything. */
function replay({ around, options }: Call): Show {
  const reporter = terminalReporter({
    write: (text) => process.stdout.write(text),
    columns: around.columns,
    color: around.color && options.color,
    isTTY: options.follow === true && around.isTTY && around.env.TERM !== "dumb",
    rows: () => process.stdout.rows ?? 0,
    verbose: true,
    root: around.cwd,
  })
  return (event) => reporter.subscriber(event)
}

/** What a node wrote, and how it ended. */
function nodeLines(event: FettleEvent): void {
  const at = new Date(event.at).toISOString().slice(11, 23)
  const tell = (text: string): void => say(`${at}  ${escapeText(text)}`)
  if (event.type === "node.log") for (const line of event.text.replace(/\n$/, "").split("\n")) tell(line)
  else if (event.type === "node.started") tell(`${event.action} begins`)
  else if (event.type === "check.finished") tell(`${event.verdict}: ${event.evidence}`)
  else if (event.type === "node.finished")
    tell(event.error === undefined ? event.outcome : `${event.outcome}  ${event.error.code}  ${event.error.fact}`)
}
