import { FettleError } from "../../errors.ts"
import type { HostRecord } from "./frames.ts"
import { quote, quoteAll } from "./quote.ts"

/** Most paths that one `stat` gets, and most bytes of them: an argument list holds 2 MB on Linux, less elsewhere. */
const CHUNK_PATHS = 500
const CHUNK_BYTES = 100_000

/** What a path on a host is. */
export interface PathFacts {
  readonly type: "file" | "directory" | "link" | "other"
  /** As `chmod` takes it, four digits: "0644". */
  readonly mode: string
  readonly sizeBytes: number
  readonly uid: number
  readonly gid: number
  /** Numbers as text until `Names` puts names in their place. */
  readonly owner: string
  readonly group: string
  /** Of a file whose content was asked for: SHA-256 as hex. */
  readonly sha256?: string
  /** Of a link: where it points. */
  readonly to?: string
}

/** What a look at one path came to; silence is not absence, so `failed` says what kept us from looking. */
export type PathSeen = PathFacts | "absent" | { readonly failed: string }

/** Paths asked about in one chunk. */
export interface LookChunk {
  readonly paths: readonly string[]
  readonly hash: boolean
}

/** Cuts paths into chunks that fit an argument list, in their order. A name with a newline, which not every tool escapes, stands alone. */
export function chunksOf(paths: readonly string[], hash: boolean): readonly LookChunk[] {
  const chunks: { paths: string[]; hash: boolean }[] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const path of paths) {
    const alone = path.includes("\n")
    const size = Buffer.byteLength(path) + 1
    const last = chunks.at(-1)
    if (last === undefined || alone || last.paths.length === CHUNK_PATHS || bytes + size > CHUNK_BYTES) {
      chunks.push({ paths: [path], hash })
      bytes = alone ? Number.POSITIVE_INFINITY : size
    } else {
      last.paths.push(path)
      bytes += size
    }
  }
  return chunks
}

function standsAlone(chunk: LookChunk): boolean {
  return chunk.paths.length === 1 && chunk.paths[0]?.includes("\n") === true
}

/** The line of a request that looks at a chunk; its records carry the number of the chunk. */
export function lookLine(chunk: LookChunk, number: number): string {
  if (standsAlone(chunk)) return lookAloneLine(chunk.paths[0] as string, number)
  return `look ${number} ${chunk.hash ? 1 : 0} ${quoteAll(chunk.paths)}\n`
}

/** The line of a request that asks for the names of owners. */
export function whoLine(paths: readonly string[]): string {
  return `who ${quoteAll(paths)}\n`
}

/** The line of a request that looks at one path alone, where a chunk did not add up. */
export function lookAloneLine(path: string, number: number): string {
  return `look1 ${number} ${quote(path)}\n`
}

/**
 * Matches the records of a chunk to its paths: by order alone, names are never parsed. A path whose answer is missing
 * from the result did not add up (something vanished meanwhile, or may not be read) and must be looked at alone.
 */
export function readChunk(chunk: LookChunk, records: readonly HostRecord[]): ReadonlyMap<string, PathSeen> {
  if (standsAlone(chunk)) return new Map([[chunk.paths[0] as string, readAlone(records)]])
  // A tool that failed for one path, or does not take so many, has not answered for any.
  const out = (kind: string): string | undefined =>
    records.find((record) => record.kind === kind && (record.exitCode === 0 || kind === "m"))?.out.toString("utf8")
  const told = out("f") ?? ""
  const flags = told === "+" ? chunk.paths.map(() => "F").join("") : told
  if (flags.length !== chunk.paths.length || /[^LFDO-]/.test(flags))
    throw new FettleError("HOST_PROTOCOL", `the host looked at ${flags.length} of ${chunk.paths.length} paths`)
  const found = new Map<string, PathSeen>()
  const pathsOf = (wanted: string): string[] => chunk.paths.filter((_, at) => wanted.includes(flags[at] as string))
  readStats(pathsOf("LFDO"), out("s"), found)
  readMissing(pathsOf("-"), out("m"), found)
  if (chunk.hash) addHashes(pathsOf("F"), out("h"), found)
  addTargets(pathsOf("L"), out("l"), found)
  return found
}

function readStats(paths: readonly string[], output: string | undefined, found: Map<string, PathSeen>): void {
  const lines = linesOf(output)
  const facts = lines.map(factsOf)
  if (lines.length !== paths.length || facts.includes(undefined)) return
  for (const [at, path] of paths.entries()) found.set(path, facts[at] as PathFacts)
}

/** That a shell finds nothing may also mean that it may not look, so `stat` must have said for each one that there is none. */
function readMissing(paths: readonly string[], output: string | undefined, found: Map<string, PathSeen>): void {
  const lines = linesOf(output)
  if (lines.length !== paths.length || !lines.every(saysAbsent)) return
  for (const path of paths) found.set(path, "absent")
}

function addHashes(paths: readonly string[], output: string | undefined, found: Map<string, PathSeen>): void {
  const hashes = linesOf(output).map(hashOf)
  const match = hashes.length === paths.length && !hashes.includes(undefined)
  for (const [at, path] of paths.entries()) {
    const facts = found.get(path)
    if (match && typeof facts === "object" && "type" in facts)
      found.set(path, { ...facts, sha256: hashes[at] as string })
    else found.delete(path)
  }
}

function addTargets(paths: readonly string[], output: string | undefined, found: Map<string, PathSeen>): void {
  const lines = linesOf(output)
  for (const [at, path] of paths.entries()) {
    const facts = found.get(path)
    const to = lines.length === paths.length ? lines[at] : undefined
    if (to !== undefined && typeof facts === "object" && "type" in facts) found.set(path, { ...facts, to })
    else found.delete(path)
  }
}

/** What `look1` said of one path. */
export function readAlone(records: readonly HostRecord[]): PathSeen {
  const record = (kind: string): HostRecord | undefined => records.find((each) => each.kind === kind)
  const stat = record("1")
  const text = stat?.out.toString("utf8").trim() ?? ""
  if (stat === undefined) return { failed: "the host gave no answer" }
  if (stat.exitCode !== 0) return saysAbsent(text) ? "absent" : { failed: text }
  const facts = factsOf(text)
  if (facts === undefined) return { failed: `stat said ${JSON.stringify(text)}` }
  if (facts.type === "link") return withTarget(facts, record("3"))
  const sum = record("2")
  if (facts.type !== "file" || sum === undefined) return facts
  const sha256 = hashOf(sum.out.toString("utf8"))
  return sum.exitCode === 0 && sha256 !== undefined ? { ...facts, sha256 } : { failed: sum.out.toString("utf8").trim() }
}

function withTarget(facts: PathFacts, link: HostRecord | undefined): PathSeen {
  return link?.exitCode === 0
    ? { ...facts, to: link.out.toString("utf8") }
    : { failed: `its target cannot be read: ${link?.out.toString("utf8").trim() ?? ""}` }
}

function linesOf(output: string | undefined): string[] {
  return output === undefined || output === "" ? [] : output.split("\n")
}

function saysAbsent(line: string): boolean {
  return line.endsWith(": No such file or directory") || line.endsWith(": Not a directory")
}

/** GNU puts a backslash before the line of a name that it had to escape. */
function hashOf(line: string): string | undefined {
  return /^\\?([0-9a-f]{64})\s/.exec(`${line} `)?.[1]
}

/** The file type in the bits of a raw mode. */
const TYPES: ReadonlyMap<number, PathFacts["type"]> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "link"],
])

/** `rawModeHex:size:uid:gid`. */
function factsOf(line: string): PathFacts | undefined {
  const match = /^([0-9a-f]{1,8}):(\d+):(\d+):(\d+)$/.exec(line)
  if (match === null) return undefined
  const [, raw = "", size, owner = "", group = ""] = match
  const mode = Number.parseInt(raw, 16)
  return {
    type: TYPES.get(mode & 0o170000) ?? "other",
    mode: (mode & 0o7777).toString(8).padStart(4, "0"),
    sizeBytes: Number(size),
    uid: Number(owner),
    gid: Number(group),
    owner,
    group,
  }
}
