import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Order, Report } from "../fixtures/crash/child.ts"

const CHILD = fileURLToPath(new URL("../fixtures/crash/child.ts", import.meta.url))

export interface Ended {
  readonly signal: string | null
  readonly report: Report | undefined
  readonly stderr: string
}

/** Runs one order in a process of its own, as a user's run is. */
export function runChild(
  order: Order,
  env: Readonly<Record<string, string>> = {},
  onStart: (pid: number) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, JSON.stringify(order)], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    onStart(child.pid ?? 0)
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (bytes) => (stdout += bytes))
    child.stderr.on("data", (bytes) => (stderr += bytes))
    child.on("error", reject)
    child.on("close", (_code, signal) => resolve({ signal, report: reportIn(stdout), stderr }))
  })
}

function reportIn(stdout: string): Report | undefined {
  const line = stdout.trim().split("\n").at(-1)
  return line?.startsWith("{") ? (JSON.parse(line) as Report) : undefined
}
