// What the examples of docs/questions share: words on the terminal, proofs that end an example where they fail, the fettle command,
// and a small web server. An example works in the folder that run.mjs made for it, and leaves nothing elsewhere.
import { spawn } from "node:child_process"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { localSetup, type Program, type RunSetup } from "fettle"

/** Where the example may write. */
export const folder = process.cwd()

const ROOT = join(import.meta.dirname, "..")
const CLI = join(ROOT, "dist", "cli", "main.js")
/** What automake and others take for "skipped". */
const SKIPPED = 77

/** A step of the story. */
export function say(words: string): void {
  console.log(`\n${words}`)
}

/** What was found, below its step; paths as one would read them. */
export function tell(text: string): void {
  const short = text.replaceAll(`${ROOT}/`, "").replaceAll(folder, "~")
  for (const line of short.split("\n").filter((each) => each.trim() !== "")) console.log(`    ${line}`)
}

/** A fact that the example stands for. Where it is not so, the example has failed. */
export function proven(fact: string, holds: boolean, found: unknown = ""): void {
  if (!holds) throw new Error(`This should be so, and is not: ${fact} ${found === "" ? "" : JSON.stringify(found)}`)
  console.log(`  ✓ ${fact}`)
}

/** Ends the example with words and a code of its own where something is not installed. */
export function needs(what: string, install: string, isThere: boolean): void {
  if (isThere) return
  console.log(`SKIPPED: ${what} is missing on this machine. Install it: ${install}`)
  process.exit(SKIPPED)
}

export interface Ended {
  /** 128 and more: a signal ended it. */
  readonly code: number
  readonly text: string
  readonly signal: NodeJS.Signals | null
}

export interface Started extends PromiseLike<Ended> {
  kill(signal: NodeJS.Signals): void
}

/** Starts a command without a shell; what it wrote comes with its end. */
export function start(command: readonly [string, ...string[]], env: Record<string, string> = {}): Started {
  const [file, ...args] = command
  const child = spawn(file, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  let text = ""
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (more) => (text += more))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => resolve({ code: code ?? 128, text, signal }))
  })
  // biome-ignore lint/suspicious/noThenProperty: it is awaited as a promise, and killed as a process
  return { then: (...both) => ended.then(...both), kill: (signal) => child.kill(signal) }
}

/** The fettle command for a program of the example: says what it runs and shows what it answers. */
export function fettleFor(program: string, params: Record<string, string | number> = {}) {
  const own = ["--file", program, "--state", join(folder, ".fettle")]
  for (const [name, value] of Object.entries(params)) own.push("--param", `${name}=${value}`)
  return async (words: string, env: Record<string, string> = {}): Promise<Ended> => {
    console.log(`\n  $ fettle ${words.replaceAll(folder, "~")}`)
    const ended = await start([process.execPath, CLI, ...words.split(" "), ...own], env)
    tell(ended.text)
    return ended
  }
}

/** The setup of a run of Fettle as a library, with its state in the example's folder. */
export function setupOf(program: Program, env: Record<string, string> = {}): RunSetup {
  return localSetup(program, { folder, env: { PATH: process.env.PATH, HOME: folder, ...env }, pid: process.pid })
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`It was not so within ${withinMs} ms: ${isSo}`)
    await sleep(10)
  }
}

export interface Listening {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** A web server on a free port of this machine. */
export async function listen(handler: RequestListener, port = 0): Promise<Listening> {
  const server = createServer(handler)
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve))
  const { port: got } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${got}`,
    port: got,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
