import { basename, resolve } from "node:path"
import { causeText } from "../../errors.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, no, type Question } from "../answer.ts"
import type { Show } from "../expectation.ts"
import { type Claim, judge } from "../judge.ts"
import { CAPTURED_BYTES, type RunResult } from "../tools.ts"

type Settings = ProbeSettings<"command">

/** Runs a command once. One that cannot be started says nothing; one that does not end in time says no. */
export const command: Asker<Settings> = { timeoutMs: 60_000, late: "no", ask }

/** Time that the command gets to end after its limit, before the question gives up on it. */
const MARGIN_MS = 50

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const { tools, where, signal, limitMs, show, hide } = question
  const { command: words, env, input, expect } = settings
  const cwd = where.type === "host" ? settings.cwd : resolve(tools.cwd, settings.cwd ?? ".")
  const timeoutMs = Math.max(1, limitMs - MARGIN_MS)
  let ended: RunResult
  try {
    ended = await tools.run(words, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...tools.baseEnv, ...env },
      timeoutMs,
      signal,
      check: false,
      ...(input === undefined ? {} : { input }),
    })
  } catch (error) {
    if (signal.aborted) throw error
    return inconclusive(causeText(error))
  }
  const { exitCode, stdout, stderr, durationMs, timedOut } = ended
  const named = words.map(hide)
  const measured = { exitCode, durationMs, command: named.join(" ") }
  if (timedOut) return no(`${shortName(named)} did not end within ${limitMs} ms`, measured)
  const wrong = await judge(claimsOn(ended, expect, show), question)
  const failed = wrong.some((each) => each !== undefined)
  const last = failed ? lastLine(stderr) || lastLine(stdout) : ""
  return judged(
    [...wrong, last === "" ? undefined : `it said ${show(last)}`],
    `${shortName(named)} ended with ${exitCode} in ${durationMs} ms`,
    measured,
  )
}

/** What an interpreter is given to run, by its ending. */
const SCRIPT = /^[^\s-][^\s]*\.([cm]?[jt]s|py|rb|pl|sh|php)$/

/** A command as a line has room for: its program and its script, without their folders. All of it stands in what was measured. */
function shortName(words: readonly string[]): string {
  const [file = "", ...args] = words
  const first = args.find((word) => !word.startsWith("-")) ?? ""
  return SCRIPT.test(first) ? `${basename(file)} ${basename(first)}` : basename(file)
}

function claimsOn(ended: RunResult, expect: Settings["expect"], show: Show): readonly Claim[] {
  const claims: Claim[] = [{ name: "exit code", value: ended.exitCode, expected: expect.exitCode }]
  for (const name of ["stdout", "stderr"] as const) {
    const [text, expected] = [ended[name].trimEnd(), expect[name]]
    const quote = (value: unknown): string => (value === text ? "too long to be quoted" : show(value))
    if (expected !== undefined)
      claims.push({ name, value: text, expected, ...(isCut(ended[name]) ? { show: quote } : {}) })
  }
  return claims
}

/** Whether the beginning is missing: then it may begin with half a secret, which nobody would know again. */
function isCut(text: string): boolean {
  return Buffer.byteLength(text) >= CAPTURED_BYTES
}

function lastLine(text: string): string {
  const lines = text.trimEnd().split(/\r?\n/)
  return lines.length === 1 && isCut(text) ? "" : (lines.at(-1)?.trim() ?? "")
}
