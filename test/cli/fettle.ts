import { type ChildProcess, spawn } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished, vi } from "vitest"

// Each test starts Node many times; on a machine that does much else at once, that takes long.
vi.setConfig({ testTimeout: 60_000 })

/** The repository: its `dist` is what a user would run, and what the programs import as "fettle". */
const root = fileURLToPath(new URL("../..", import.meta.url))
/** The file that npm makes the command `fettle` of. */
export const main = join(root, "dist", "cli", "main.js")

/** How a command line ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Both, as a person sees them. */
  readonly text: string
}

/** A command line that is under way. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits until a text has been printed. */
  saw(text: string | RegExp): Promise<void>
}

/** Compiled code is kept from test to test: a thousand starts of Node would be slow without it. */
const cache = { XDG_CACHE_HOME: join(root, "node_modules", ".cache") }

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly node?: readonly string[]
}

/** A folder of a user: a program, the packages it imports, and a home with no key yet. */
export interface Place {
  readonly folder: string
  path(name: string): string
  /** Lets the program import another package of ours. */
  link(name: string): void
  read(name: string): string
  write(name: string, text: string): void
  has(name: string): boolean
  fettle(args: readonly string[], options?: RunOptions): Promise<Ended>
  start(args: readonly string[], options?: RunOptions): Running
}

/** Makes a folder with a program of test/cli/programs as `fettle.ts`; kept where the test fails. */
export function place(program?: "notes" | "orders" | "prompted"): Place {
  const folder = mkdtempSync(join(tmpdir(), "fettle-cli-"))
  const path = (name: string): string => join(folder, name)
  onTestFinished(({ task }) => {
    if (task.result?.state === "fail") console.error(`evidence: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  })
  mkdirSync(path("node_modules"))
  mkdirSync(path("home"))
  symlinkSync(root, path("node_modules/fettle"))
  const link = (name: string): void => {
    mkdirSync(dirname(path(`node_modules/${name}`)), { recursive: true })
    symlinkSync(join(root, "node_modules", name), path(`node_modules/${name}`))
  }
  for (const name of ["zod", "typescript"]) link(name)
  writeFileSync(path("package.json"), '{ "private": true, "type": "module" }\n')
  if (program !== undefined) copyFileSync(join(root, "test", "cli", "programs", `${program}.ts`), path("fettle.ts"))
  const start = (args: readonly string[], options: RunOptions = {}): Running =>
    startNode([...(options.node ?? []), main, ...args], folder, options)
  return {
    folder,
    path,
    link,
    start,
    read: (name) => readFileSync(path(name), "utf8"),
    write: (name, text) => writeFileSync(path(name), text),
    has: (name) => existsSync(path(name)),
    fettle: (args, options) => start(args, options).ended,
  }
}

function startNode(args: readonly string[], folder: string, { env, cwd }: RunOptions): Running {
  const { PATH = "", CI = "" } = process.env
  const child = spawn(process.execPath, args, {
    cwd: cwd ?? folder,
    env: { PATH, HOME: join(folder, "home"), CI, ...cache, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return watched(child)
}

/** Gives a command a terminal of its own. */
export const TERMINAL = "script"

/** Runs a command line on a terminal of its own, with what is typed on it. Needs `script` of util-linux. */
export function onTerminal(
  at: Place,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running & { type(text: string): void } {
  const words = [process.execPath, main, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")
  const child = spawn(TERMINAL, ["-qefc", words, "/dev/null"], {
    cwd: at.folder,
    env: { PATH: process.env.PATH ?? "", HOME: at.path("home"), TERM: "xterm", COLUMNS: "100", ...cache, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  return { ...watched(child), type: (text) => child.stdin?.write(text) }
}

function watched(child: ChildProcess): Running {
  let [stdout, stderr, text] = ["", "", ""]
  const watchers = new Set<() => void>()
  const take = (chunk: string, isError: boolean): void => {
    text += chunk
    if (isError) stderr += chunk
    else stdout += chunk
    for (const watcher of watchers) watcher()
  }
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => take(chunk, false))
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => take(chunk, true))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr, text }))
  })
  const saw = async (wanted: string | RegExp): Promise<void> => {
    const isThere = (): boolean => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text))
    const shown = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!isThere()) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
    })
    const gone = ended.then(() => {
      if (!isThere()) throw new Error(`it ended without printing ${wanted}:\n${text}`)
    })
    await Promise.race([shown, gone])
  }
  return { child, ended, saw }
}

/** The JSON lines of an output. */
export function linesOf(stdout: string): readonly { readonly type: string; readonly [key: string]: unknown }[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}
