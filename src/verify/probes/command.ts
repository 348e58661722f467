import { resolve } from "node:path"
import { causeText } from "../../errors.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, no, type Question } from "../answer.ts"
import { fault, shown } from "../expectation.ts"
import type { RunResult } from "../tools.ts"

type Settings = ProbeSettings<"command">

/** Runs a command once. One that cannot be started says nothing; one that does not end in time says no. */
export const command: Asker<Settings> = { timeoutMs: 60_000, late: "no", ask }

/** Time that the command gets to end after its limit, before the question gives up on it. */
const MARGIN_MS = 50

async function ask(settings: Settings, { tools, signal, limitMs }: Question): Promise<Answer> {
  const { command: words, env, input, expect } = settings
  const cwd = resolve(tools.cwd, settings.cwd ?? ".")
  const timeoutMs = Math.max(1, limitMs - MARGIN_MS)
  let ended: RunResult
  try {
    ended = await tools.run(words, {
      cwd,
      env: { ...tools.baseEnv, ...env },
      timeoutMs,
      signal,
      check: false,
      ...(input === undefined ? {} : { input }),
    })
  } catch (error) {
    if (signal.aborted) throw error
    return inconclusive(`${words[0]} could not be started: ${causeText(error)}`)
  }
  const { exitCode, stdout, stderr, durationMs, timedOut } = ended
  const measured = { exitCode, durationMs }
  if (timedOut) return no(`${words[0]} did not end within ${limitMs} ms`, measured)
  const wrong = [fault("exit code", exitCode, expect.exitCode), ...streamFaults(ended, expect)]
  const failed = wrong.some((each) => each !== undefined)
  const last = failed ? lastLine(stderr) || lastLine(stdout) : ""
  return judged(
    [...wrong, last === "" ? undefined : `it said ${shown(last)}`],
    `${words[0]} ended with ${exitCode} in ${durationMs} ms`,
    measured,
  )
}

function streamFaults({ stdout, stderr }: RunResult, expect: Settings["expect"]): readonly (string | undefined)[] {
  return [
    expect.stdout === undefined ? undefined : fault("stdout", stdout.trimEnd(), expect.stdout),
    expect.stderr === undefined ? undefined : fault("stderr", stderr.trimEnd(), expect.stderr),
  ]
}

function lastLine(text: string): string {
  return text.trimEnd().split(/\r?\n/).at(-1)?.trim() ?? ""
}
