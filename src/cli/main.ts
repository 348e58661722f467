#!/usr/bin/env node
// What must be fast or must work on any Node stands here: nothing of ours is imported before the command line was looked at.
import { readFileSync } from "node:fs"
import module from "node:module"

/** The oldest Node that runs a user's TypeScript by itself and has node:sqlite. */
const OLDEST = [22, 18] as const

const args = process.argv.slice(2)
if (args[0] === "--version" || args[0] === "-V") printVersion()
else if (isTooOld()) await refuseNode()
else await start()

function printVersion(): void {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
  }
  process.stdout.write(`${version}\n`)
}

function isTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
}

async function refuseNode(): Promise<void> {
  const { explain } = await import("../errors.ts")
  const entry = explain("NODE_TOO_OLD")
  process.stderr.write(
    `NODE_TOO_OLD  this is Node ${process.versions.node}. ${entry?.means}\n  next: ${entry?.next} (https://nodejs.org)\n`,
  )
  process.exitCode = 1
}

async function start(): Promise<void> {
  keepCompiled()
  silenceSqlite()
  const { runLine } = await import("./line.ts")
  const { leave } = await import("./leave.ts")
  const code = await runLine(args)
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))))
  // What a program left running, a timer or a kept connection, must not keep the command from ending.
  leave(code)
}

/** Compiled code is kept in the user's own cache folder: Node's default lies in /tmp, where others could put theirs. */
function keepCompiled(): void {
  const { XDG_CACHE_HOME, HOME } = process.env
  const cache = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : HOME?.startsWith("/") ? `${HOME}/.cache` : undefined
  if (cache !== undefined) module.enableCompileCache(`${cache}/fettle`)
}

/** node:sqlite is what state lies in; that Node 22 calls it experimental tells a user nothing. Every other warning stays. */
function silenceSqlite(): void {
  const emit = process.emitWarning.bind(process) as (...all: unknown[]) => void
  process.emitWarning = (...all: unknown[]): void => {
    if (all[1] === "ExperimentalWarning" && String(all[0]).startsWith("SQLite ")) return
    emit(...all)
  }
}
