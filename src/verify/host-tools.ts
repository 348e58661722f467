import type { HostClient } from "../connect/host/kind.ts"
import { quote } from "../connect/host/quote.ts"
import { asFettleError } from "../errors.ts"
import type { LocalTools, Run, RunOptions } from "./tools.ts"

/** Longest a command may take where its question names no limit: that of the question ends it. */
const LIMIT_MS = 600_000

/** The tools of a question that is asked on a host: relative paths start in the home folder of who logged in. */
export function hostTools(host: HostClient): LocalTools {
  return { run: runOn(host), end: async () => false, cwd: "", baseEnv: {} }
}

function runOn(host: HostClient): Run {
  return async (words, { cwd = "", env = {}, input = "", timeoutMs = LIMIT_MS, signal }: RunOptions = {}) => {
    const started = performance.now()
    const given = exports(env)
    const argv = ["sh", "-c", PREPARED, "sh", cwd, ...words] as const
    const bytes = Buffer.from(`${Buffer.byteLength(given)}\n${given}${input}`)
    try {
      const calmly = signal ?? new AbortController().signal
      const { exitCode, stdout, stderr } = await host.run({ argv, input: bytes, timeoutMs, signal: calmly })
      return { exitCode, stdout, stderr, durationMs: tookMs(started), timedOut: false }
    } catch (thrown) {
      if (asFettleError(thrown, "CONNECTION_FAILED").code !== "TIMEOUT") throw thrown
      return { exitCode: 124, stdout: "", stderr: "", durationMs: tookMs(started), timedOut: true }
    }
  }
}

function tookMs(started: number): number {
  return Math.round(performance.now() - started)
}

/** Variables come by standard input, before what the command is given: the arguments of a process can be read by everybody. */
const PREPARED =
  'IFS= read -r n; given=$(dd bs=1 count="$n" 2>/dev/null; printf x); eval "${given%x}"; unset given n; ' +
  'if [ -n "$1" ]; then cd -- "$1" || exit 126; fi; shift; exec "$@"'

function exports(env: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(env)
    .flatMap(([name, value]) => (value === undefined ? [] : [`export ${name}=${quote(value)}\n`]))
    .join("")
}
