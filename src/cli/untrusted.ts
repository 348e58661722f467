import { randomUUID } from "node:crypto"
import { existsSync, readdirSync, realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative, resolve } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { hasBubblewrap, type Sandboxed, startSandboxed, type Wall } from "../connect/sandbox.ts"
import { Tail } from "../connect/tail.ts"
import { FettleError } from "../errors.ts"
import { EventStream } from "../events/events.ts"
import type { Plan } from "../events/plan.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import { checkName } from "../program/address.ts"
import { EXIT, stateFile } from "../run/context.ts"
import { homeAt } from "../run/home.ts"
import { fileHome } from "../state/file-home.ts"
import type { StateHome } from "../state/home.ts"
import { EMPTY } from "../state/store.ts"
import { type Call, paramsOf, planOptionsOf } from "./call.ts"
import { findFile } from "./load.ts"
import { writeMarkdown } from "./plan-markdown-file.ts"
import { reporterFor } from "./reporter.ts"
import { stateFolderOf, storeOf } from "./setup.ts"
import { answerIn, askedState, planOf } from "./untrusted-words.ts"

const UNTRUSTED =
  "This is what the program says of itself, run without trust: compared with what state remembers, not with the world."

const NOTHING_REMEMBERED =
  "It was compared with nothing: where state was looked for, none of this program is recorded, so all is new, and nothing shows that would be deleted. The store of the program itself is not believed: name it by --store or FETTLE_STORE."

/** Longest time that a program may take to be built and compared. */
const LIMIT_MS = 60_000
const MEMORY_MB = 1_024
/** Of what the program prints, so much of the end is shown. */
const PRINTED_BYTES = 4_096
/** Longest answer: a plan of many thousand changes. */
const ANSWER_BYTES = 64 << 20

/**
 * Shows what a program of somebody who is not trusted says it would change, a pull request say. The program runs behind a wall: with an
 * empty environment, without network, with the project to read and nothing to write. Credentials, data key and connections are not
 * touched at all: it is compared with what state remembers.
 */
export async function planUntrusted(call: Call): Promise<number> {
  refuseOptions(call)
  const file = realpathSync(findFile(call.options.file, call.around.cwd))
  const wall = wallOf(call)
  const reporter = reporterFor(call)
  const events = new EventStream(randomUUID(), (text) => text)
  events.subscribe(reporter.subscriber)
  const started = Date.now()
  const say = (text: string): void => events.emit({ type: "note", level: "warning", text })
  try {
    say(
      `This program was run without trust, by ${wall === "bubblewrap" ? "bubblewrap" : "Node alone: the network is NOT cut off"}. What follows is its own word, compared with what state remembers, not with the world.`,
    )
    const plan = await proposed(call, file, wall, say)
    writeMarkdown(call, plan, UNTRUSTED)
    events.emit({ type: "plan.made", plan })
    const failed = plan.changes.some(({ action }) => action === "blocked")
    const outcome = failed
      ? ("failed" as const)
      : plan.changes.length > 0
        ? ("changes" as const)
        : ("unchanged" as const)
    const exitCode = failed
      ? EXIT.error
      : call.options.check === true && outcome === "changes"
        ? EXIT.changes
        : EXIT.done
    events.emit({ type: "run.finished", outcome, exitCode, durationMs: Date.now() - started, counts: {} })
    return exitCode
  } finally {
    reporter.close()
  }
}

function refuseOptions({ options }: Call): void {
  for (const name of ["out", "types", "refreshOnly", "expectTarget"] as const)
    if (options[name] !== undefined)
      throw new FettleError(
        "USAGE",
        `an untrusted plan takes no --${name.replace(/[A-Z]/g, (each) => `-${each.toLowerCase()}`)}`,
        {
          next: "it is looked at and never carried out: once the program is trusted, plan again",
        },
      )
}

/** @throws FettleError `SANDBOX_MISSING` */
function wallOf({ options, around }: Call): Wall {
  const asked = options.wall ?? "bubblewrap"
  if (asked !== "bubblewrap" && asked !== "node")
    throw new FettleError("USAGE", `--wall is bubblewrap or node, not ${JSON.stringify(asked)}`)
  if (asked === "node" || hasBubblewrap(around.env.PATH ?? "")) return asked
  throw new FettleError("SANDBOX_MISSING", "bubblewrap is missing here, or may not make namespaces")
}

/** What the program says, asked step by step. @throws FettleError `UNTRUSTED_FAILED`, and what the program itself was refused for */
async function proposed(call: Call, file: string, wall: Wall, say: (text: string) => void): Promise<Plan> {
  const project = projectOf(dirname(file))
  const own = packageFor(file)
  const readable = [project, ...(own.startsWith(`${project}/`) ? [] : [own, ...libraries(own)])]
  const child = startSandboxed(
    {
      readable,
      hidden: hiddenIn(project, [stateFolderOf(call, dirname(file)), ...keyFileOf(call)]),
      cwd: dirname(file),
      main: join(own, "dist", "cli", "untrusted-child.js"),
      memoryMb: MEMORY_MB,
      path: call.around.env.PATH ?? "",
    },
    wall,
  )
  const printed = [endOf(child.stdout), endOf(child.stderr)]
  const limitMs = call.options.timeout === undefined ? LIMIT_MS : durationMs(call.options.timeout as Duration)
  const timer = setTimeout(() => child.kill(), limitMs)
  try {
    return await converse(call, file, child, say)
  } finally {
    clearTimeout(timer)
    child.kill()
    await child.ended.catch(() => {})
    for (const each of printed) if (each.text() !== "") say(`The program printed: ${each.text()}`)
  }
}

async function converse(call: Call, file: string, child: Sandboxed, say: (text: string) => void): Promise<Plan> {
  const options = planOptionsOf(call.options)
  const stage = call.options.stage
  const answers = linesOf(child.answers)
  child.stdin.write(`${JSON.stringify({ file, stage, params: paramsOf(call.options), options })}\n`)
  const named = await answerOf(answers, child)
  if (!("program" in named)) throw unexpected("it did not say what it is")
  checkName(named.program, "program")
  const state = await (await homeFor(call, file, named.program)).read((store) => store.load())
  if ((state?.rows.length ?? 0) === 0) say(NOTHING_REMEMBERED)
  child.stdin.write(`${JSON.stringify(askedState(state ?? EMPTY))}\n`)
  const answer = await answerOf(answers, child)
  if (!("plan" in answer)) throw unexpected("it gave no plan")
  return planOf(answer.plan, options)
}

/**
 * Where the state lies that it is compared with. In a store of several programs, it must not choose whose that is.
 * @throws FettleError `USAGE`
 */
async function homeFor(call: Call, file: string, name: string): Promise<StateHome> {
  const { options, around } = call
  const address = storeOf(call)
  const env = (each: string): string | undefined => around.env[each]
  const secrets = { env, run: () => Promise.reject(new FettleError("INTERNAL", "no secret is opened here")) }
  const { program: expected = address === undefined ? name : undefined, stage } = options
  const setup = { program: { name }, stage, stateFolder: stateFolderOf(call, dirname(file)), key: around.key, secrets }
  if (name !== expected)
    throw new FettleError(
      "USAGE",
      expected === undefined
        ? "a store may hold the state of other programs, which this one must not see"
        : `it says that it is the program ${name}, and not ${expected}`,
      { next: "say with --program whose state it is compared with" },
    )
  return address === undefined ? fileHome(stateFile(setup)) : homeAt(address, setup)
}

/** @throws FettleError what the program was refused for, or `UNTRUSTED_FAILED` */
async function answerOf(
  answers: AsyncIterator<string>,
  child: Sandboxed,
): Promise<Exclude<NonNullable<ReturnType<typeof answerIn>>, { error: unknown }>> {
  const { value, done } = await answers.next()
  if (done === true) {
    const code = await child.ended
    throw unexpected(code === null ? "it was ended: it took too long or too much memory" : `it ended with ${code}`)
  }
  const answer = answerIn(value)
  if (answer === undefined) throw unexpected("it answered something that is no plan")
  if (!("error" in answer)) return answer
  const { code, fact, next, place } = answer.error
  throw new FettleError("UNTRUSTED_FAILED", `${code}: ${fact}`, { next, ...(place === undefined ? {} : { place }) })
}

function unexpected(fact: string): FettleError {
  return new FettleError("UNTRUSTED_FAILED", fact)
}

/** Lines, as long as they come to no more than an answer may have. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let bytes = 0
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES) stream.destroy()
  })
  for await (const line of createInterface({ input: stream })) yield line
}

function endOf(stream: Readable): { readonly text: () => string } {
  const tail = new Tail(PRINTED_BYTES)
  stream.on("data", (chunk: Buffer) => tail.add(chunk))
  return { text: () => Buffer.from(tail.bytes()).toString().trim() }
}

/** The folder that belongs to a program: its repository; else the nearest with a package.json; else its own. */
function projectOf(folder: string): string {
  const above: string[] = []
  for (let at = folder; at !== dirname(at); at = dirname(at)) above.push(at)
  return (
    above.find((each) => existsSync(join(each, ".git"))) ??
    above.find((each) => existsSync(join(each, "package.json"))) ??
    folder
  )
}

/** What must not be seen though it lies in the project: state and its key, what git knows to log in, files of secrets. */
function hiddenIn(project: string, known: readonly string[]): readonly string[] {
  const own = known.filter((each) => !relative(project, each).startsWith(".."))
  return [...new Set([...hiddenBelow(project), ...own])]
}

const HIDDEN = /^\.(git|fettle|npmrc|netrc|env|env\..*)$/

function hiddenBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (HIDDEN.test(entry.name)) return [path]
    return entry.isDirectory() && entry.name !== "node_modules" ? hiddenBelow(path) : []
  })
}

/** The file of the data key, by its real path. */
function keyFileOf({ around }: Call): readonly string[] {
  const { FETTLE_STATE_KEY_FILE: named } = around.env
  if (named === undefined || named === "") return []
  const path = resolve(around.cwd, named)
  return existsSync(path) ? [path, realpathSync(path)] : [path]
}

/** The package of Fettle that the program itself imports: another copy would not know its nodes. Only behind the wall is it run. */
function packageFor(file: string): string {
  try {
    return realpathSync(dirname(createRequire(file).resolve("fettle/package.json")))
  } catch {
    return realpathSync(fileURLToPath(new URL("../..", import.meta.url)))
  }
}

/** Where a package finds what it needs. */
function libraries(own: string): readonly string[] {
  const beside = /^(.*\/node_modules)\/fettle$/.exec(own)?.[1]
  return [beside].filter((each) => each !== undefined)
}
