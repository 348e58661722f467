import { posix } from "node:path"
import { chunksOf, type LookChunk, lookLine, whoLine } from "./look.ts"
import type { Note } from "./notes.ts"
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
  /** Its turn: 0 for what waits for nothing, else one more than the latest of what it comes after. */
  readonly turn: number
}

/** A folder that an item needs before its files are staged. */
export interface FolderStep {
  readonly item: number
  readonly path: string
  readonly mode: string
  /** As of a file. */
  readonly owner: string
  readonly turn: number
}

/** The script of one item. */
export interface ScriptStep {
  readonly item: number
  readonly script: string
  readonly brief: boolean
  readonly timeoutMs: number
  /** Numbers of the file steps that must have gone well. */
  readonly files: readonly number[]
  /** Whether it has slots, which must have been unpacked whole. */
  readonly slots: boolean
  readonly turn: number
  /** Scripts with the same word never run at once. */
  readonly exclusive?: string | undefined
  /** How its beginning and its end are noted on the host. */
  readonly noted?: Note | undefined
  /** Folders that are looked at before it begins: see `astray`. */
  readonly writesIn?: readonly string[] | undefined
}

/** What an item comes after, by the numbers of steps and scripts. */
export interface AfterStep {
  readonly item: number
  readonly turn: number
  /** Its own file steps: they are left out where something before it did not go well. */
  readonly files: readonly number[]
  readonly afterFiles: readonly number[]
  readonly afterScripts: readonly number[]
}

/** Steps of one folder that are done by the same commands. */
interface FileChunk {
  readonly folder: string
  /** Where new files wait for their rename; "-" for removals. */
  readonly stage: string
  readonly owner: string
  /** Set by chmod after chown, which clears the special bits; "" where tar has set all. */
  readonly mode: string
  readonly turn: number
  /** Its place among all chunks: the C of the script. */
  readonly at: number
  /** Number of its first step; the others follow. */
  readonly first: number
  readonly steps: readonly FileStep[]
}

/** File steps in the order in which the script numbers them. */
export interface Layout {
  readonly steps: readonly FileStep[]
  readonly chunks: readonly FileChunk[]
  /** The looks after each turn, in the order of their numbers. */
  readonly looks: readonly (LookChunk & { readonly turn: number })[]
  /** Where the content of a step is staged, absolute, and its chunk; undefined for a removal. */
  staged(step: number): { readonly path: string; readonly chunk: number } | undefined
}

/** The contents of one turn on standard input: a tar stream, chunk after chunk, then slots. */
export interface PayloadPart {
  readonly bytes: number
  /** Bytes of each chunk's entries, in their order; those of the slots under "s". */
  readonly chunks: readonly (readonly [number | "s", number])[]
}

/** Exit code by which a guard, or a script, says that what was read is no longer so. */
export const STALE = 10
/** Exit code of a put whose folder is not there. */
export const NO_FOLDER = 21
/** Stands among the numbers of file steps for "the whole payload of this turn was unpacked". */
const UNPACKED = "T"
/** Scripts at work at once on one host. */
const SCRIPTS_AT_ONCE = 8
/** Most bytes of a script: it is one argument of the shell that runs it. */
export const SCRIPT_MAX = 100_000

/** Groups steps that share turn, folder, owner and special mode, at most 500 to a chunk. `session` names the staging folders. */
export function layOut(given: readonly FileStep[], session: string): Layout {
  const groups = new Map<string, FileStep[]>()
  for (const step of [...given].sort((a, b) => a.turn - b.turn)) {
    const { turn, path, owner, sha256 } = step
    const key = JSON.stringify([turn, posix.dirname(path), owner, specialMode(step), sha256 === undefined])
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
      const at = chunks.length
      const stage = one.sha256 === undefined ? "-" : posix.join(folder, `.fettle-${session}-${at}`)
      const { owner, turn } = one
      chunks.push({ folder, stage, owner, mode: specialMode(one), turn, at, first: steps.length, steps: own })
      steps.push(...own)
    }
  const chunkOf = chunks.flatMap((chunk) => chunk.steps.map(() => chunk))
  return {
    steps,
    chunks,
    looks: looksOf(chunks),
    staged: (number) => {
      const { stage, at } = chunkOf[number] as FileChunk
      const name = posix.basename((steps[number] as FileStep).path)
      return stage === "-" ? undefined : { path: posix.join(stage, name), chunk: at }
    },
  }
}

/** The look after each turn, whose chunks the client matches again. */
function looksOf(chunks: readonly FileChunk[]): Layout["looks"] {
  const paths = new Map<number, string[]>()
  for (const { turn, steps } of chunks) {
    const known = paths.get(turn) ?? []
    if (known.length === 0) paths.set(turn, known)
    for (const { path } of steps) known.push(path)
  }
  return [...paths].flatMap(([turn, own]) => chunksOf(own, true).map((chunk) => ({ ...chunk, turn })))
}

function specialMode(step: FileStep): string {
  return step.owner !== "" && Number.parseInt(step.mode, 8) > 0o777 ? step.mode : ""
}

/** Everything that one request is to do. */
export interface ChangeSteps {
  readonly layout: Layout
  /** Parents before what is in them. */
  readonly folders?: readonly FolderStep[]
  readonly scripts: readonly ScriptStep[]
  readonly afters: readonly AfterStep[]
  /** Each turn's part of standard input; undefined where a turn has none. */
  readonly payloads: readonly (PayloadPart | undefined)[]
}

/**
 * The script of one request: turn after turn, all file steps and then all scripts of that turn. Within a turn nothing is renamed
 * before everything is staged and synced; a step that fails takes only those with it that come after it. What later turns will
 * replace is guarded before anything begins: from then on, what differs was made by an earlier turn.
 */
export function changeScript(steps: ChangeSteps, has: ReadonlySet<string>): string {
  const { layout, folders = [], scripts, afters, payloads } = steps
  const later = layout.chunks.filter(({ turn }) => turn > 0)
  const looks = layout.looks.map((look, number) => ({ turn: look.turn, line: lookLine(look, number) }))
  const [chunksOfTurn, looksOfTurn] = [Map.groupBy(layout.chunks, turnOf), Map.groupBy(looks, turnOf)]
  const [scriptsOfTurn, aftersOfTurn] = [Map.groupBy(scripts, turnOf), Map.groupBy(afters, turnOf)]
  const foldersOfTurn = Map.groupBy(folders, turnOf)
  return [
    "BAD= TAR= ASIDE=\n",
    ...layout.chunks.map(definition),
    callsOf(later, "guard", "all"),
    ...payloads.map((payload, turn) =>
      oneTurn(
        {
          turn,
          chunks: chunksOfTurn.get(turn) ?? [],
          looks: (looksOfTurn.get(turn) ?? []).map(({ line }) => line),
          scripts: scriptsOfTurn.get(turn) ?? [],
          afters: aftersOfTurn.get(turn) ?? [],
          folders: foldersOfTurn.get(turn) ?? [],
          payload,
        },
        layout,
        has,
      ),
    ),
  ].join("")
}

/** What a request does in one turn. */
interface Turn {
  readonly turn: number
  readonly chunks: readonly FileChunk[]
  /** The lines that look at what was placed. */
  readonly looks: readonly string[]
  readonly scripts: readonly ScriptStep[]
  readonly afters: readonly AfterStep[]
  readonly folders: readonly FolderStep[]
  readonly payload: PayloadPart | undefined
}

function turnOf({ turn }: { readonly turn: number }): number {
  return turn
}

function oneTurn(now: Turn, layout: Layout, has: ReadonlySet<string>): string {
  const { turn, chunks, scripts, afters, folders, payload } = now
  const stages = chunks.flatMap(({ stage }) => (stage === "-" ? [] : [stage]))
  return [
    `GONE=${turn === 0 ? "" : ` ASIDE=1 F_${UNPACKED}=`}\n`,
    ...afters.map(afterLine),
    ...folderLines(folders),
    stages.length === 0 ? "" : staging(chunks, stages),
    payload === undefined ? "" : `${unpackLine(payload)} || {\nBAD=1 F_${UNPACKED}=1\n${callsOf(chunks, "recheck")}}\n`,
    chunks.length === 0 ? "" : placing(now, layout, stages.length > 0, has),
    ...scriptLines(scripts, has),
  ].join("")
}

function unpackLine({ bytes, chunks }: PayloadPart): string {
  return `unpack ${bytes} '${chunks.map((part) => part.join(":")).join(" ")}'`
}

/** Neighbours that are made alike are made by the same commands. */
function folderLines(folders: readonly FolderStep[]): string[] {
  const runs: FolderStep[][] = []
  for (const each of folders) {
    const last = runs.at(-1)
    const [one] = last ?? []
    if (one?.item === each.item && one.mode === each.mode && one.owner === each.owner) last?.push(each)
    else runs.push([each])
  }
  return runs.flatMap((run) => {
    const { item, mode, owner } = run[0] as FolderStep
    const paths = run.map(({ path }) => path)
    return chunksOf(paths, false).map((chunk) => `folders ${item} ${mode} ${quote(owner)} ${quoteAll(chunk.paths)}\n`)
  })
}

function afterLine({ item, files, afterFiles, afterScripts }: AfterStep): string {
  return `after ${item} ${[files, afterFiles, afterScripts].map((numbers) => quote(numbers.join(" "))).join(" ")}\n`
}

/** One line for each chunk of puts, of removals, or of both. */
function callsOf(chunks: readonly FileChunk[], call: string, of: "puts" | "removes" | "all" = "puts"): string {
  const wanted = (stage: string): boolean => of === "all" || (of === "removes") === (stage === "-")
  return chunks.map(({ stage, at }) => (wanted(stage) ? `C${at} ${call}\n` : "")).join("")
}

/** Makes the staging folders; the contents of one that cannot be made are not unpacked. */
function staging(chunks: readonly FileChunk[], stages: readonly string[]): string {
  return `${callsOf(chunks, "trusted")}${list("S", stages)}printf '%s\\n' ${quote(`rm -rf -- ${quoteAll(stages)}`)} >"$D/clean"
${unlessGone("S mkdir -m 700 -- 2>/dev/null", callsOf(chunks, "made"))}${callsOf(chunks, "staged")}`
}

/** From staged and removable to synced, in place, and read back. */
function placing({ turn, chunks, looks }: Turn, layout: Layout, staged: boolean, has: ReadonlySet<string>): string {
  const syncsFiles = has.has("sync-files")
  return [
    list("Y", [...new Set(chunks.map(({ folder }) => folder))], " && "),
    list(
      "F",
      chunks.flatMap(({ steps, first }) => steps.flatMap((_, at) => layout.staged(first + at)?.path ?? [])),
      " && ",
    ),
    callsOf(chunks, "own"),
    staged ? synced(syncsFiles, "w=$(F sync -- 2>&1)", callsOf(chunks, "unsynced"), callsOf(chunks, "flush")) : "",
    callsOf(chunks, "guard", "all"),
    callsOf(chunks, "move"),
    callsOf(chunks, "drop", "removes"),
    staged ? `${unlessGone("S rm -rf --", callsOf(chunks, "clear"))}: >"$D/clean"\n` : "",
    has.has("restorecon") && staged ? restorecon(chunks) : "",
    synced(
      syncsFiles,
      "o=$(Y here 2>&1)",
      `R ${turn} y 1 "$o" ""\n${callsOf(chunks, "lost", "all")}`,
      callsOf(chunks, "seal", "all"),
    ),
    ...owners(chunks).map((chunk) => whoLine(chunk.paths)),
    ...looks,
    `R ${turn} v 0 "" ""\n`,
  ].join("")
}

/** One command for all; chunk by chunk where one of them is left out. */
function unlessGone(all: string, one: string): string {
  return `if [ -z "$GONE" ]; then ${all}\nelse\n${one}:\nfi\n`
}

/** One sync for all; chunk by chunk where the folder of one is not there. */
function synced(files: boolean, all: string, failed: string, one: string): string {
  if (!files) return `${all.replace(/\((.*) 2/, "(sync 2")} || {\n${failed}}\n`
  return `if [ -z "$GONE" ]; then ${all} || {\n${failed}}\nelse\n${one}:\nfi\n`
}

/** One new file of each chunk: all of a chunk belong to the same user and group. */
function owners(chunks: readonly FileChunk[]): readonly LookChunk[] {
  const puts = chunks.filter(({ stage }) => stage !== "-")
  return chunksOf(
    puts.map(({ steps }) => (steps[0] as FileStep).path),
    false,
  )
}

function definition(chunk: FileChunk): string {
  const { at } = chunk
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

function restorecon(chunks: readonly FileChunk[]): string {
  const paths = chunks.flatMap(({ stage, steps }) => (stage === "-" ? [] : steps.map(({ path }) => path)))
  return `${list("Z", paths)}[ ! -d /sys/fs/selinux ] || Z restorecon -- 2>/dev/null\n`
}

function scriptLines(scripts: readonly ScriptStep[], has: ReadonlySet<string>): string[] {
  const brief = scripts
    .filter((each) => each.brief)
    .map((each) => `brief ${each.item} ${words(each)} ${quote(each.script)}\n`)
  const rounds = roundsOf(scripts.filter((each) => !each.brief)).flatMap((round) => [
    ...round.map(
      (each) =>
        `${limit(each, has)}${writesIn(each)}begin ${each.item} ${words(each)} - ${quote(each.script)}${noted(each, true)}\n`,
    ),
    ...round.map((each) => `finish ${each.item}${noted(each, false)}\n`),
  ])
  return [...brief, ...rounds]
}

function writesIn({ writesIn: folders = [] }: ScriptStep): string {
  return folders.length === 0 ? "" : `astray ${quoteAll(folders)}\n`
}

function noted({ noted: note }: ScriptStep, begins: boolean): string {
  if (note === undefined) return ""
  return ` ${quoteAll([note.token, note.word, ...(begins ? note.supersedes : [])])}`
}

/** Scripts that run at once; of those with the same word, one a round. Linear: each takes the first round that its word is not in. */
function roundsOf(scripts: readonly ScriptStep[]): readonly (readonly ScriptStep[])[] {
  const rounds: ScriptStep[][] = []
  const nextOf = new Map<string, number>()
  let open = 0 // rounds before this one are full
  for (const each of scripts) {
    const from = each.exclusive === undefined ? 0 : (nextOf.get(each.exclusive) ?? 0)
    let at = Math.max(open, from)
    while ((rounds[at]?.length ?? 0) >= SCRIPTS_AT_ONCE) at += 1
    while (rounds.length <= at) rounds.push([])
    rounds[at]?.push(each)
    if (each.exclusive !== undefined) nextOf.set(each.exclusive, at + 1)
    while ((rounds[open]?.length ?? 0) >= SCRIPTS_AT_ONCE) open += 1
  }
  return rounds.filter((round) => round.length > 0)
}

function words({ files, slots }: ScriptStep): string {
  return quote([...files, ...(slots ? [UNPACKED] : [])].join(" "))
}

function limit({ timeoutMs }: ScriptStep, has: ReadonlySet<string>): string {
  return has.has("timeout") ? `LIMIT='timeout -k 5 ${Math.max(1, Math.ceil(timeoutMs / 1000))}'\n` : "LIMIT=\n"
}
