import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type Detached, startDetached } from "../../connect/detached.ts"
import { FettleError } from "../../errors.ts"
import type { Call } from "../call.ts"
import { crashProgram, STEPS } from "../demo-program.ts"
import { OWN } from "../load.ts"
import { pageFor, print } from "../print.ts"

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url))
/** Longest time for the part of an apply that comes before the kill. */
const BEGINS_WITHIN_MS = 30_000
/** Between two looks at the ledger. */
const LOOK_MS = 20

/** Shows what Fettle does on this machine, in a folder that is removed afterwards. */
export async function demo(call: Call): Promise<number> {
  const name = call.args[0] ?? "crash"
  if (name !== "crash") throw new FettleError("USAGE", `there is no demo ${name}`, { next: "fettle demo crash" })
  const folder = mkdtempSync(join(tmpdir(), "fettle-demo-"))
  try {
    return await crash(folder, call)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** An apply that is killed in the middle, and the next one. */
async function crash(folder: string, call: Call): Promise<number> {
  write(folder)
  tell(
    call,
    `A program with ${STEPS.length} steps; each adds a line to a ledger, and must be made once.`,
    "fettle apply",
  )
  const first = run(folder, call, ["apply", "--yes"])
  const ended = endOf(first)
  await killed(first, folder, ended)
  const before = ledger(folder)
  tell(
    call,
    `Killed with SIGKILL, in the middle of ${before.at(-1)}. The ledger has: ${before.join(", ")}`,
    "fettle state list",
  )
  await endOf(run(folder, call, ["state", "list"]))
  tell(
    call,
    "The journal knows what was under way. The next run looks at what came of it, and goes on.",
    "fettle apply",
  )
  const code = await endOf(run(folder, call, ["apply", "--yes"]))
  tell(call, "Is anything left to do?", "fettle plan")
  await endOf(run(folder, call, ["plan"]))
  const after = ledger(folder)
  const isOnce = code === 0 && after.length === STEPS.length && new Set(after).size === after.length
  tell(
    call,
    `The ledger has: ${after.join(", ")}. ${isOnce ? "Nothing was made twice, and nothing was lost." : "That is not each step once."}`,
  )
  return isOnce ? 0 : 1
}

/** @throws FettleError `INTERNAL` where the run ended by itself */
async function killed({ pid }: Detached, folder: string, ended: Promise<number>): Promise<void> {
  let isOver = false
  void ended.then(() => (isOver = true))
  const untilMs = Date.now() + BEGINS_WITHIN_MS
  while (ledger(folder).length < 2 && !isOver && Date.now() < untilMs) await sleep(LOOK_MS)
  if (isOver || pid === undefined) throw new FettleError("INTERNAL", "the apply of the demo ended before it was killed")
  await sleep(LOOK_MS * 10) // well inside of the step
  process.kill(pid, "SIGKILL")
  await ended
}

function write(folder: string): void {
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(OWN, join(folder, "node_modules", "fettle"))
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n')
  writeFileSync(join(folder, "fettle.ts"), crashProgram)
}

function ledger(folder: string): readonly string[] {
  const file = join(folder, "shop", "ledger")
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []
}

/** A run of this Fettle, with a key of its own; what it says is shown. */
function run(folder: string, { around, options }: Call, words: readonly string[]): Detached {
  const env = { ...around.env, XDG_CONFIG_HOME: join(folder, ".config"), FETTLE_STORE: undefined }
  const child = startDetached(process.execPath, [...process.execArgv, MAIN, ...words], folder, env)
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Uint8Array) => (options.quiet === true ? undefined : process.stdout.write(bytes)))
  return child
}

/** The exit code of a run; -1 where it was killed. */
function endOf(child: Detached): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code) => resolve(code ?? -1))
  })
}

/** What is shown next, and the command that shows it. */
function tell(call: Call, text: string, command?: string): void {
  const page = pageFor(call)
  page.addEmpty()
  page.add([["bold", text]])
  if (command !== undefined) page.add([["cyan", `$ ${command}`]])
  page.addEmpty()
  print(page)
}
