import { spawn } from "node:child_process"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Program } from "../../src/program/program.ts"
import type { Order, Report } from "../fixtures/crash/child.ts"
import { changesOf, runsIn } from "./runs.ts"

const CHILD = fileURLToPath(new URL("../fixtures/crash/child.ts", import.meta.url))

/** Compiled code is kept from process to process: hundreds of starts would be slow without it. */
export const COMPILED = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/tests", import.meta.url)),
}

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
      env: { ...process.env, ...COMPILED, ...env },
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

/**
 * Runs an order in this process, which must not be killed: what comes before a kill and after the run that mends it. It begins with
 * nothing but what is on the disk, as any other process would.
 */
export async function runHere({ command, module, options, folder }: Order): Promise<Omit<Report, "boundaries">> {
  const { default: build } = (await import(pathToFileURL(module).href)) as {
    readonly default: (options: Record<string, unknown>, mortal: (connection: unknown) => unknown) => Program
  }
  const runs = runsIn(folder)
  const program = build(options, (connection) => connection)
  const run = await (command === "plan"
    ? runs.plan(program)
    : runs.apply(program, command === "destroy" ? { destroy: true } : {}))
  const errors = [
    ...(run.applied?.outcomes ?? []).flatMap((each) => each.error ?? []),
    ...(run.error ? [run.error] : []),
  ]
  return {
    outcome: run.outcome,
    exitCode: run.exitCode,
    changes: changesOf(run),
    errors: errors.map(({ code, address, fact }) => ({ code, address, fact })),
  }
}

/** What an order would still change. */
export async function planHere(order: Order): Promise<Pick<Report, "outcome" | "changes" | "errors">> {
  const { outcome, changes, errors } = await runHere({ ...order, command: "plan" })
  return { outcome, changes, errors }
}

/** What `planHere` gives where nothing is left to change. */
export const NOTHING_LEFT = { outcome: "unchanged", changes: [], errors: [] }
