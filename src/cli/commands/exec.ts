import { constants } from "node:os"
import { buffer } from "node:stream/consumers"
import { factsOf } from "../../apply/outcome.ts"
import { FettleError } from "../../errors.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import { escapeText } from "../../report/escape.ts"
import { execLines } from "../../report/exec-lines.ts"
import { type ExecResult, execOnHosts, notes } from "../../run/exec.ts"
import type { Call } from "../call.ts"
import { chosenTargets } from "../exec-targets.ts"
import { safeJson, say } from "../print.ts"
import { setupOf } from "../setup.ts"

/** Limit of a command on one host where nobody says. */
const TIMEOUT_MS = 60_000
/** Most bytes of standard input: they are held in memory, and sent to each host. */
const INPUT_MAX = 64 * 1_048_576
/** As ssh has it, and as timeout has it. */
const UNREACHED = 255
const LATE = 124
const CANCELLED = 130

/** Runs a command on many hosts and shows each different answer once; gives the worst exit code. */
export async function exec(call: Call): Promise<number> {
  const begun = Date.now()
  const command = await commandOf(call)
  const { targets, loaded, remembered } = await chosenTargets(call)
  const stop = new AbortController()
  const abort = (): void => (stop.signal.aborted ? process.exit(CANCELLED) : stop.abort())
  for (const name of ["SIGINT", "SIGTERM"]) process.on(name, abort)
  const progress = progressOn(call, targets.length)
  const setup = setupOf(call, loaded, {
    subscribers: [notes(progress.tell)],
    signal: stop.signal,
    stopping: stop.signal,
    pause: progress.pause,
  })
  try {
    const results = await execOnHosts(setup, targets, { ...command, remembered }, (result) => {
      if (call.options.json === true) say(safeJson(JSON.stringify(asJson(result))))
      progress.done()
    })
    progress.end()
    if (call.options.json !== true)
      show(
        results,
        targets.map(({ name }) => name),
        Date.now() - begun,
        call,
      )
    return stop.signal.aborted ? CANCELLED : Math.max(0, ...results.map(codeOf))
  } finally {
    progress.end()
    for (const name of ["SIGINT", "SIGTERM"]) process.off(name, abort)
  }
}

/** @throws FettleError `USAGE` */
async function commandOf({ args, options }: Call): Promise<{
  readonly argv: readonly [string, ...string[]]
  readonly input: Uint8Array | undefined
  readonly timeoutMs: number
}> {
  const [first, ...more] = args
  if (first === undefined)
    throw new FettleError("USAGE", "there is no command to run", { next: "fettle exec -l web -- uptime" })
  if (options.shell === true && more.length > 0)
    throw new FettleError("USAGE", "with --shell the command is one text", {
      next: `quote it: fettle exec -l web --shell -- 'uptime; df -h'`,
    })
  const timeoutMs = options.timeout === undefined ? TIMEOUT_MS : durationMs(options.timeout as Duration)
  const input = options.stdin === true ? await buffer(process.stdin) : undefined
  if (input !== undefined && input.length > INPUT_MAX)
    throw new FettleError("USAGE", `standard input has ${input.length} bytes; ${INPUT_MAX} are the most`)
  return { argv: options.shell === true ? ["sh", "-c", first] : [first, ...more], input, timeoutMs }
}

function codeOf(result: ExecResult): number {
  if (!("failed" in result)) return result.exitCode
  return result.failed.code === "TIMEOUT" ? LATE : UNREACHED
}

function asJson(result: ExecResult): unknown {
  const { name: host, durationMs: ms, ...rest } = result
  if ("failed" in rest) return { type: "exec.host", host, durationMs: ms, error: factsOf(rest.failed) }
  const signal = Object.entries(constants.signals).find(([, number]) => number === rest.exitCode - 128)?.[0]
  return { type: "exec.host", host, durationMs: ms, ...rest, ...(signal === undefined ? {} : { signal }) }
}

/** In the order in which hosts were chosen, not in that of their answers: two runs then look alike. */
function show(results: readonly ExecResult[], order: readonly string[], durationMs: number, call: Call): void {
  const { around, options } = call
  const place = new Map(order.map((name, at) => [name, at]))
  const sorted = [...results].sort((a, b) => (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0))
  const said = sorted.map((each) => ("failed" in each ? { name: each.name, error: factsOf(each.failed) } : each))
  const look = { color: around.color && options.color, columns: around.columns(), verbose: options.verbose === true }
  say(execLines(said, durationMs, look).join("\n"))
}

/** Counts on standard error while somebody waits at a terminal. */
function progressOn({ options }: Call, total: number) {
  const shows = process.stderr.isTTY === true && options.json !== true && options.quiet !== true
  let done = 0
  let paused = 0
  const clear = (): void => void (shows && process.stderr.write("\r\u001b[K"))
  const draw = (): void => {
    if (shows && paused === 0 && total > 1) process.stderr.write(`\r\u001b[K${done} of ${total} hosts`)
  }
  return {
    done: (): void => {
      done += 1
      draw()
    },
    tell: (text: string): void => {
      clear()
      process.stderr.write(`${escapeText(text)}\n`)
      draw()
    },
    pause: (): (() => void) => {
      paused += 1
      clear()
      return () => {
        paused -= 1
        draw()
      }
    },
    end: clear,
  }
}
