import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** What one process took, from before it was started until it had ended. */
export interface Usage {
  readonly seconds: number
  /** Processor time of all its threads, user and system. */
  readonly cpuSeconds: number
  /** Most memory that was resident, in MB of 1,000,000 bytes. */
  readonly peakMb: number
  readonly stdout: string
}

export interface RunOptions {
  readonly cwd?: string
  /** Beside the environment of the bench; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** GNU time: what a child took, memory above all, is not to be had from Node. */
const TIME = process.platform === "darwin" ? "gtime" : "/usr/bin/time"
const TIME_HINT = "needs GNU time: apt-get install time, or brew install gnu-time"

/** Runs a command to its end. @throws where it does not exit with 0: a figure of a failed run means nothing */
export async function run(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<Usage> {
  const folder = mkdtempSync(join(tmpdir(), "fettle-bench-time-"))
  const figures = join(folder, "figures")
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...options.env }).filter(([, value]) => value !== undefined),
  ) as Record<string, string>
  try {
    const begun = performance.now()
    const child = spawn(TIME, ["-q", "-o", figures, "-f", "%U %S %M", ...command], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env,
      stdio: ["ignore", "pipe", "pipe"],
    })
    const text = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (piece: string) => {
        text[name] += piece
      })
    const code = await new Promise<number | null>((ended, failed) => {
      child.once("error", (cause) => failed(new Error(`this benchmark ${TIME_HINT}`, { cause })))
      child.once("close", ended)
    })
    const seconds = (performance.now() - begun) / 1_000
    if (code !== 0)
      throw new Error(`${command.join(" ")} ended with ${code}:\n${(text.stdout + text.stderr).slice(-2_000)}`)
    const [user = Number.NaN, system = Number.NaN, kilobytes = Number.NaN] = readFileSync(figures, "utf8")
      .trim()
      .split(" ")
      .map(Number)
    return { seconds, cpuSeconds: user + system, peakMb: (kilobytes * 1_024) / 1e6, stdout: text.stdout }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The built command line, as npm links it for users. */
export const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url))

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** A folder for one benchmark, gone when it ends. */
export async function withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), `fettle-bench-${name}-`))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A short command, for its text. */
export function textOf(command: readonly [string, ...string[]], options: RunOptions = {}): string {
  const [file, ...args] = command
  const done = spawnSync(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    encoding: "utf8",
    maxBuffer: 1 << 26,
  })
  if (done.status !== 0) throw new Error(`${command.join(" ")} failed: ${done.error?.message ?? done.stderr}`)
  return done.stdout
}

/** The program of N resources for the real command line: state, caches and the file that stands for the world in one folder. */
export function many(folder: string, count: number): { args: readonly string[]; env: Record<string, string> } {
  const fixture = fileURLToPath(new URL("fixtures/many/fettle.ts", import.meta.url))
  const args = [
    "--file",
    fixture,
    "--param",
    `n=${count}`,
    "--param",
    `world=${folder}/world`,
    "--state",
    `${folder}/state`,
  ]
  return { args, env: { HOME: folder, XDG_CACHE_HOME: `${folder}/cache`, XDG_CONFIG_HOME: `${folder}/config` } }
}
