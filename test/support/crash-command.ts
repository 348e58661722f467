import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Order, Report } from "../fixtures/crash/child.ts"

const CHILD = fileURLToPath(new URL("../fixtures/crash/child.ts", import.meta.url))

/** How a child ended. */
export interface Wrapped {
  readonly report: Report | undefined
  readonly signal: string | null
  readonly stderr: string
}

/**
 * Runs one order below another command that makes its disk fail: `strace …`, `sh -c 'ulimit -f 64; exec "$@"' sh`.
 * @example await runBelow(["strace", "-f", "-o", trace], order)
 */
export function runBelow(wrapper: readonly string[], order: Order): Promise<Wrapped> {
  return startBelow(wrapper, order).ended
}

/** The same, while it runs: to be watched and killed. */
export function startBelow(
  wrapper: readonly string[],
  order: Order,
): { readonly process: ChildProcess; readonly ended: Promise<Wrapped> } {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", CHILD, JSON.stringify(order)]
  const [command = "", ...args] = [...wrapper, ...node]
  const running = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  running.stdout.on("data", (bytes) => (stdout += bytes))
  running.stderr.on("data", (bytes) => (stderr += bytes))
  const ended = new Promise<Wrapped>((resolve, reject) => {
    running.on("error", reject)
    running.on("exit", (_code, signal) => {
      // A process that the child started may outlive it and hold its streams open.
      if (signal !== null) resolve({ report: undefined, signal, stderr })
    })
    running.on("close", (_code, signal) => resolve({ report: reportIn(stdout), signal, stderr }))
  })
  return { process: running, ended }
}

function reportIn(stdout: string): Report | undefined {
  const line = stdout.trim().split("\n").at(-1)
  return line?.startsWith("{") ? (JSON.parse(line) as Report) : undefined
}
