import { posix } from "node:path"
import { chunksOf, type LookChunk, lookLine, whoLine } from "./look.ts"
import { quote, quoteAll } from "./quote.ts"

/** A put or a removal with everything known: what the shell needs of it. */
export interface FileStep {
  readonly path: string
  /** Plain SHA-256 that must stand there before, or "absent", or "any"; behind a slash a hash that is as good. */
  readonly expect: string
  /** Plain SHA-256 of the new content; undefined for a removal. */
  readonly sha256: string | undefined
  /** "user:group", ":group", "user" or "". */
  readonly owner: string
  readonly mode: string
}

/** The script of one item. */
export interface ScriptStep {
  readonly item: number
  readonly script: string
  readonly brief: boolean
  readonly timeoutMs: number
  /** Numbers of the file steps that must have gone well. */
  readonly after: readonly number[]
  /** Whether it has slots, which must have been unpacked whole. */
  readonly slots: boolean
}

/** Steps of one folder that are done by the same commands. */
interface FileChunk {
  readonly folder: string
  /** Where new files wait for their rename; "-" for removals. */
  readonly stage: string
  readonly owner: string
  /** Set by chmod after chown, which clears the special bits; "" where tar has set all. */
  readonly mode: string
  /** Number of its first step; the others follow. */
  readonly first: number
  readonly steps: readonly FileStep[]
}

/** File steps in the order in which the script numbers them. */
export interface Layout {
  readonly steps: readonly FileStep[]
  readonly chunks: readonly FileChunk[]
  /** Where the content of a step is staged, absolute; undefined for a removal. */
  staged(step: number): string | undefined
}

/** Exit code of a change request that stopped before it changed anything, because some folders could not be staged in. */
export const NOT_STAGED = 75
/** Exit code by which a guard, or a script, says that what was read is no longer so. */
export const STALE = 10
/** Exit code of a put whose folder is not there. */
export const NO_FOLDER = 21
/** Stands among the numbers of file steps for "the whole payload was unpacked". */
const UNPACKED = "T"
/** Scripts at work at once on one host. */
const SCRIPTS_AT_ONCE = 8
/** Most bytes of a script: it is one argument of the shell that runs it. */
export const SCRIPT_MAX = 100_000

/** Groups steps that share folder, owner and special mode, at most 500 to a chunk. `session` names the staging folders. */
export function layOut(given: readonly FileStep[], session: string): Layout {
  const groups = new Map<string, FileStep[]>()
  for (const step of given) {
    const key = JSON.stringify([posix.dirname(step.path), step.owner, specialMode(step), step.sha256 === undefined])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [step])
    else known.push(step)
  }
  const steps: FileStep[] = []
  const chunks: FileChunk[] = []
  for (const group of groups.values())
    for (const part of chunksOf(
      group.map(({ path }) => path),
      false,
    )) {
      const own = group.splice(0, part.paths.length)
      const [one] = own as [FileStep, ...FileStep[]]
      const folder = posix.dirname(one.path)
      const stage = one.sha256 === undefined ? "-" : posix.join(folder, `.fettle-${session}-${chunks.length}`)
      chunks.push({ folder, stage, owner: one.owner, mode: specialMode(one), first: steps.length, steps: own })
      steps.push(...own)
    }
  const stageOf = chunks.flatMap((chunk) => chunk.steps.map(() => chunk.stage))
  return {
    steps,
    chunks,
    staged: (at) =>
      stageOf[at] === "-" ? undefined : posix.join(stageOf[at] as string, posix.basename((steps[at] as FileStep).path)),
  }
}

function specialMode(step: FileStep): string {
  return step.owner !== "" && Number.parseInt(step.mode, 8) > 0o777 ? step.mode : ""
}

/** Everything that one request is to do. */
export interface ChangeSteps {
  readonly layout: Layout
  readonly scripts: readonly ScriptStep[]
  /** Whether a tar stream stands on standard input: contents of puts, and slots. */
  readonly payload: boolean
}

/**
 * The script of one request that makes all file steps and then runs all scripts. Nothing is renamed before everything is staged
 * and synced; a step that fails takes no other with it.
 */
export function changeScript({ layout, scripts, payload }: ChangeSteps, has: ReadonlySet<string>): string {
  const stages = layout.chunks.flatMap(({ stage }) => (stage === "-" ? [] : [stage]))
  return [
    "BAD= TAR=\n",
    ...layout.chunks.map(definition),
    stages.length === 0 ? "" : staging(layout, stages),
    payload ? `TAR=$(tar -xpomf - -C / 2>&1) || {\nBAD=1 F_${UNPACKED}=1\n${callsOf(layout, "recheck")}}\n` : "",
    layout.chunks.length === 0 ? "" : placing(layout, stages.length > 0, has),
    ...scriptLines(scripts, has),
  ].join("")
}

/** One line for each chunk of puts, of removals, or of both. */
function callsOf({ chunks }: Layout, call: string, of: "puts" | "removes" | "all" = "puts"): string {
  const wanted = (stage: string): boolean => of === "all" || (of === "removes") === (stage === "-")
  return chunks.map(({ stage }, at) => (wanted(stage) ? `C${at} ${call}\n` : "")).join("")
}

/** Makes the staging folders; where one cannot be made the request ends before anything is changed. */
function staging(layout: Layout, stages: readonly string[]): string {
  return `${list("S", stages)}printf '%s\\n' ${quote(`rm -rf -- ${quoteAll(stages)}`)} >"$D/clean"
S mkdir -m 700 -- 2>/dev/null
${callsOf(layout, "staged")}if [ -n "$BAD" ]; then S rmdir -- 2>/dev/null; exit ${NOT_STAGED}; fi
`
}

/** From staged and removable to synced, in place, and read back. */
function placing(layout: Layout, staged: boolean, has: ReadonlySet<string>): string {
  const syncsFiles = has.has("sync-files")
  return [
    list("Y", [...new Set(layout.chunks.map(({ folder }) => folder))], " && "),
    list(
      "F",
      layout.steps.flatMap((_, at) => layout.staged(at) ?? []),
      " && ",
    ),
    callsOf(layout, "own"),
    staged ? `w=$(${syncsFiles ? "F sync --" : "sync"} 2>&1) || {\n${callsOf(layout, "unsynced")}}\n` : "",
    callsOf(layout, "guard", "all"),
    callsOf(layout, "move"),
    callsOf(layout, "drop", "removes"),
    staged ? 'S rm -rf --\n: >"$D/clean"\n' : "",
    has.has("restorecon") && staged ? restorecon(layout.steps) : "",
    `o=$(${syncsFiles ? "Y sync --" : "sync"} 2>&1); R 0 y $? "$o" ""\n`,
    ...owners(layout).map((chunk) => whoLine(chunk.paths)),
    ...verifyChunks(layout.steps).map(lookLine),
  ].join("")
}

/** The look after the change, whose chunks the client matches again. */
export function verifyChunks(steps: readonly FileStep[]): readonly LookChunk[] {
  return chunksOf(
    steps.map(({ path }) => path),
    true,
  )
}

/** One new file of each chunk: all of a chunk belong to the same user and group. */
function owners({ chunks }: Layout): readonly LookChunk[] {
  const puts = chunks.filter(({ stage }) => stage !== "-")
  return chunksOf(
    puts.map(({ steps }) => (steps[0] as FileStep).path),
    false,
  )
}

function definition(chunk: FileChunk, at: number): string {
  const names = chunk.steps.map(({ path }) => posix.basename(path))
  const words = (of: (step: FileStep) => string): string => chunk.steps.map(of).join(" ")
  return [
    `C${at}() { "$@" ${at} ${chunk.first} ${quoteAll([chunk.folder, chunk.stage])} ${quoteAll(names)}; }\n`,
    `X${at}='${words(({ expect }) => expect)}' O${at}=${quote(chunk.owner)} M${at}='${chunk.mode}'\n`,
    chunk.stage === "-" ? "" : `W${at}='${words(({ sha256 }) => sha256 ?? "")} '\n`,
  ].join("")
}

/** A function that calls what it is given with a list: 500 of them at a time, as an argument list allows. */
function list(name: string, paths: readonly string[], between: "; " | " && " = "; "): string {
  if (paths.length === 0) return ""
  const calls = chunksOf(paths, false).map((chunk) => `"$@" ${quoteAll(chunk.paths)}`)
  return `${name}() { ${calls.join(between)}; }\n`
}

function restorecon(steps: readonly FileStep[]): string {
  const paths = steps.filter(({ sha256 }) => sha256 !== undefined).map(({ path }) => path)
  return `${list("Z", paths)}[ ! -d /sys/fs/selinux ] || Z restorecon -- 2>/dev/null\n`
}

function scriptLines(scripts: readonly ScriptStep[], has: ReadonlySet<string>): string[] {
  const brief = scripts
    .filter((each) => each.brief)
    .map((each) => `brief ${each.item} ${words(each)} ${quote(each.script)}\n`)
  const slow = scripts.filter((each) => !each.brief)
  const waves: string[] = []
  for (let at = 0; at < slow.length; at += SCRIPTS_AT_ONCE) {
    const wave = slow.slice(at, at + SCRIPTS_AT_ONCE)
    waves.push(...wave.map((each) => `${limit(each, has)}begin ${each.item} ${words(each)} - ${quote(each.script)}\n`))
    waves.push(...wave.map((each) => `finish ${each.item}\n`))
  }
  return [...brief, ...waves]
}

function words({ after, slots }: ScriptStep): string {
  return quote([...after, ...(slots ? [UNPACKED] : [])].join(" "))
}

function limit({ timeoutMs }: ScriptStep, has: ReadonlySet<string>): string {
  return has.has("timeout") ? `LIMIT='timeout -k 5 ${Math.max(1, Math.ceil(timeoutMs / 1000))}'\n` : "LIMIT=\n"
}
