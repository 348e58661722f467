// Runs behind a wall, on a program that nobody trusts: it has no environment, no network, and nothing but the project to
// read. What it is asked comes on standard input, what it found goes out on the fourth stream, and is believed by nobody.
import { createWriteStream } from "node:fs"
import { createRequire, syncBuiltinESMExports } from "node:module"
import { createInterface } from "node:readline"
import { factsOf } from "../apply/outcome.ts"
import { asFettleError } from "../errors.ts"
import { builtInKind } from "../run/built-in.ts"
import { localTools } from "../run/local.ts"
import { proposeProgram } from "../run/propose.ts"
import { leave } from "./leave.ts"
import { loadProgram } from "./load.ts"
import type { Surroundings } from "./surroundings.ts"
import { type AskedProposal, type AskedState, snapshotOf } from "./untrusted-words.ts"

/** There is nothing around it. */
const around: Surroundings = {
  env: {},
  cwd: process.cwd(),
  who: "nobody",
  host: "nowhere",
  ci: undefined,
  pid: process.pid,
  key: { given: undefined, file: "/nowhere" },
  color: false,
  columns: () => 80,
  isTTY: false,
  canAsk: false,
}

/** Databases open files that Node's permissions do not know of: they are taken away before the program is loaded, however it asks. */
function takeDatabases(): void {
  const sqlite = createRequire(import.meta.url)("node:sqlite") as Record<string, unknown>
  const refused = class {
    constructor() {
      throw Object.assign(new Error("no database is opened for a program without trust"), { code: "ERR_ACCESS_DENIED" })
    }
  }
  for (const [name, value] of Object.entries(sqlite)) if (typeof value === "function") sqlite[name] = refused
  syncBuiltinESMExports()
}
takeDatabases()

const answers = createWriteStream("", { fd: 3 })
const said = (what: unknown): Promise<void> =>
  new Promise((done, failed) => answers.write(`${JSON.stringify(what)}\n`, (error) => (error ? failed(error) : done())))

try {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => JSON.parse((await lines.next()).value as string) as T
  const { file, stage, params, options } = await next<AskedProposal>()
  const loaded = await loadProgram({ options: { file, color: false }, around })
  await said({ program: loaded.program.name })
  const { plan, error } = await proposeProgram(
    {
      program: loaded.program,
      stage,
      params,
      stateFolder: "/nowhere",
      command: "plan",
      who: around.who,
      host: around.host,
      pid: around.pid,
      secrets: { env: () => undefined, run: () => Promise.reject(new Error("no secret is opened here")) },
      key: around.key,
      tools: localTools(loaded.folder, {}),
      builtIn: builtInKind,
    },
    snapshotOf(await next<AskedState>()),
    options,
  )
  await said(plan === undefined ? { error: factsOf(error ?? asFettleError(undefined, "INTERNAL")) } : { plan })
} catch (thrown) {
  await said({ error: factsOf(asFettleError(thrown, "PROGRAM_THREW")) })
}
leave(0)
