import { createHash } from "node:crypto"
import type { ScriptRecord } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { LINE_MAX, plainExpression } from "./plain-expression.ts"

/** Most files that one `grep` gets, and most bytes of what it gets: an argument list holds 2 MB on Linux, less elsewhere. */
const CHUNK_FILES = 200
const CHUNK_BYTES = 60_000
/** Matching lines of one item that the host tells. */
const MATCHES_MAX = 1_000

/** Plain expressions of one file from which on they are looked for together, and most lines that they may match. */
const GROUP_MIN = 8
const GROUP_LINES_MAX = 5_000

/** What is asked of one file: whether a line is there, and what stands in its place. */
export interface LineAsk {
  readonly path: string
  /** The line that shall be there. */
  readonly line?: string | undefined
  /** The one that we left there. */
  readonly own?: string | undefined
  readonly pattern?: string | undefined
  /** True where matching lines count although the line is there. */
  readonly strict: boolean
}

/** What a host told of one. */
export interface LineFound {
  readonly there: boolean
  /** What stands in its place, as `NUMBER:TEXT`, in their order. */
  readonly lines: readonly string[]
  /** What kept the host from looking. */
  readonly failed?: string | undefined
}

/** Undefined where a path cannot stand in a list of lines: such an item asks alone. */
export function lineWord(ask: LineAsk): string | undefined {
  return ask.path.includes("\n") ? undefined : JSON.stringify(ask)
}

/**
 * Looks for all lines of all files with a few processes: one `grep` for the lines of up to 200 files, one for which of those have a
 * match at all, one `awk` that tells what belongs to whom; and one `grep` for each item in whose place something may stand.
 * Answers are told by the hash of the word, so that what stands in files is never taken for more than text.
 */
export function lookAtLines(words: readonly string[]): string {
  const asks = words.map((word): Item => ({ id: idOf(word), ask: JSON.parse(word) as LineAsk }))
  const chunks = chunksOf(asks)
  const patterns = asks.filter(({ ask }) => ask.pattern !== undefined)
  const groups = groupsOf(patterns)
  const groupOf = new Map(groups.flatMap((items, at) => items.map(({ id }) => [id, at] as const)))
  const mark = ({ id, ask }: Item): string =>
    ask.pattern === undefined ? "0" : groupOf.has(id) ? `2${groupOf.get(id)}` : "1"
  return `NL='
'
${chunks.map(chunkText).join("")}${patterns.map(patternText).join("")}${groups.map(groupText).join("")}t=$({
cat <<'fettle-items'
${asks
  .flatMap((item) => {
    const { id, ask } = item
    return [
      `I${id}${ask.strict || ask.line === undefined ? "1" : "0"}${mark(item)}`,
      ask.path,
      `=${ask.line ?? ""}`,
      `=${ask.own ?? ""}`,
    ]
  })
  .join("\n")}
-
fettle-items
${chunks.map((_, at) => `c${at}\n`).join("")}echo -
${chunks.map((_, at) => `l${at}\n`).join("")}} | awk ${quote(JUDGE)})
printf '%s\\n' "$t"
printf '%s\\n' "$t" | sed -n 's/^N//p' | { while read -r i; do m$i; done; }
:`
}

interface Item {
  readonly id: string
  readonly ask: LineAsk
}

function idOf(word: string): string {
  return createHash("sha256").update(word).digest("hex").slice(0, 16)
}

/** Neighbours by file. One whose lines alone are too many stands in several chunks. */
function chunksOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const chunks: Item[][] = []
  let [bytes, files] = [Number.POSITIVE_INFINITY, new Set<string>()]
  for (const own of Map.groupBy(items, ({ ask }) => ask.path).values())
    for (const item of own) {
      const { path, line = "", own: left = "", pattern = "" } = item.ask
      const size = Buffer.byteLength(line) + Buffer.byteLength(left) + Buffer.byteLength(pattern) + 12
      const more = files.has(path) ? size : size + Buffer.byteLength(path)
      if (bytes + more > CHUNK_BYTES || (files.size === CHUNK_FILES && !files.has(path))) {
        chunks.push([])
        ;[bytes, files] = [0, new Set()]
      }
      chunks.at(-1)?.push(item)
      files.add(path)
      bytes += more
    }
  return chunks
}

/** `cN` tells exact lines as `grep -H` prints them, `lN` the files in which an expression matches. Where one file spoils it, each alone. */
function chunkText(items: readonly Item[], at: number): string {
  const paths = [...new Set(items.map(({ ask }) => ask.path))]
  const exact = [...new Set(items.flatMap(({ ask }) => [ask.line ?? [], ask.own ?? []].flat()))]
  const patterns = [...new Set(items.flatMap(({ ask }) => ask.pattern ?? []))]
  const options = (texts: readonly string[]): string => texts.map((each) => `-e ${quote(each)}`).join(" ")
  const all = paths.map(quote).join(" ")
  return `f${at}() { k=$1; shift; for p in ${all}; do [ ! -f "$p" ] || if [ -r "$p" ]; then set -- "$@" "$p"; else [ $k = l ] || printf '!%s\\nPermission denied\\n' "$p"; fi; done
[ $# = 0 ] || g${at}$k "$@"; }
g${at}c() { ${
    exact.length === 0
      ? ":"
      : `o=$(grep -anxFH ${options(exact)} -- "$@" 2>&1)
case $? in 0) printf '%s\\n' "$o";; 1) ;; *) for p; do o=$(grep -anxFH ${options(exact)} -- "$p" 2>&1)
case $? in 0) printf '%s\\n' "$o";; 1) ;; *) printf '!%s\\n%s\\n' "$p" "\${o%%$NL*}";; esac; done;; esac`
  }
}
g${at}l() { ${
    patterns.length === 0
      ? ":"
      : `o=$(grep -alE ${options(patterns)} -- "$@" 2>/dev/null)
case $? in 0) printf '%s\\n' "$o";; 1) ;; *) printf '%s\\n' "$@";; esac`
  }
}
c${at}() { f${at} c; }
l${at}() { f${at} l; }
`
}

/** `mID` tells what matches the expression of one item. */
function patternText({ id, ask: { path, pattern = "" } }: Item): string {
  return `m${id}() { o=$(grep -anE -m ${MATCHES_MAX} -e ${quote(pattern)} -- ${quote(path)} 2>&1)
case $? in 0) printf 'M${id}\\n%s\\n' "$o";; 1) ;; *) printf 'X${id}\\n%s\\n' "\${o%%$NL*}";; esac; }
`
}

/** Expressions of one file that mean the same here, where they are many: what any of them matches is told once, and judged here. */
function groupsOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const plain = items.filter(({ ask: { pattern = "" } }) => plainExpression(pattern) !== undefined)
  return [...Map.groupBy(plain, ({ ask }) => ask.path).values()]
    .filter((own) => own.length >= GROUP_MIN)
    .flatMap((own) => chunksOf(own))
}

/** `mgN` tells all lines that an expression of a group matches; where they cannot be judged here, each expression is looked for. */
function groupText(items: readonly Item[], at: number): string {
  const options = [...new Set(items.map(({ ask: { pattern = "" } }) => `-e ${quote(pattern)}`))].join(" ")
  return `mg${at}() { u=$(grep -anE ${options} -- ${quote((items[0] as Item).ask.path)} 2>/dev/null | head -n ${GROUP_LINES_MAX + 1})
if printf '%s\n' "$u" | grep -qaE -e '[^ -~	]' -e '.{${LINE_MAX}}' || [ "$(printf '%s\n' "$u" | wc -l)" -gt ${GROUP_LINES_MAX} ]; then
${items.map(({ id }) => `m${id}`).join("\n")}
else printf 'U${at}\n%s\n' "$u"; fi; }
`
}

/**
 * Reads items, exact lines, and files with a match, parted by `-`. Tells of each item: `T` it is there, `O` and numbers where our
 * own stands, `N` its expression is to be looked for, `G` and the group of it; and of files that could not be read.
 */
const JUDGE = `
part == 0 && $0 == "-" { part = 1; next }
part == 0 {
  id = substr($0, 2, 16); strict[id] = substr($0, 18, 1); has[id] = substr($0, 19, 1); group[id] = substr($0, 20); order[++count] = id
  getline; path[id] = $0; known[$0] = 1
  getline; line[id] = substr($0, 2)
  getline; own[id] = substr($0, 2)
  next
}
part == 1 && $0 == "-" { part = 2; next }
part == 1 && /^!/ { bad = substr($0, 2); getline; why[bad] = $0; next }
part == 1 {
  for (at = index($0, ":"); at > 0; at += step) {
    p = substr($0, 1, at - 1); rest = substr($0, at + 1)
    if ((p in known) && match(rest, /^[0-9]+:/)) {
      text = substr(rest, RLENGTH + 1); key = p SUBSEP text
      seen[key] = seen[key] " " substr(rest, 1, RLENGTH - 1); break
    }
    step = index(rest, ":"); if (step == 0) break
  }
  next
}
{ matched[$0] = 1 }
END {
  for (i = 1; i <= count; i++) {
    id = order[i]; p = path[id]
    if (p in why) { print "X" id; print why[p]; continue }
    there = line[id] != "" && ((p SUBSEP line[id]) in seen)
    if (there) print "T" id
    if (own[id] != "" && ((p SUBSEP own[id]) in seen)) print "O" id seen[p SUBSEP own[id]]
    if (has[id] == 0 || !(p in matched) || (there && strict[id] != 1)) continue
    if (has[id] == 1) { print "N" id; continue }
    print "G" id group[id]
    if (!(group[id] in told)) { told[group[id]] = 1; print "Ng" group[id] }
  }
}`

/** One answer serves all items of a read: its text is taken apart once. */
const taken = new WeakMap<ScriptRecord, ReadonlyMap<string, Told>>()

interface Told {
  readonly there: boolean
  readonly own: readonly number[]
  readonly matches: readonly string[]
  readonly failed: string | undefined
  /** Lines that an expression of its group matches; filled once all is read. */
  readonly group: readonly string[]
}

const NOTHING: Told = { there: false, own: [], matches: [], failed: undefined, group: [] }

/** What the answer of `lookAtLines` says of one word. */
export function lineFound(record: ScriptRecord, word: string): LineFound {
  const all = taken.get(record) ?? parse(record.out)
  taken.set(record, all)
  const ask = JSON.parse(word) as LineAsk
  const { there, own, matches: given, group, failed } = all.get(idOf(word)) ?? NOTHING
  if (failed !== undefined || (there && !ask.strict && ask.line !== undefined)) return { there, lines: [], failed }
  const expression = group.length === 0 ? undefined : plainExpression(ask.pattern ?? "")
  const isMatch = (each: string): boolean => expression?.test(each.slice(each.indexOf(":") + 1)) === true
  const matches = [...given, ...group.filter(isMatch).slice(0, MATCHES_MAX)]
  const numbered = new Map(matches.map((each) => [Number(each.slice(0, each.indexOf(":"))), each]))
  for (const number of own) numbered.set(number, `${number}:${ask.own ?? ""}`)
  const lines = [...numbered].sort(([a], [b]) => a - b).map(([, each]) => each)
  return { there, lines: ask.strict ? lines.filter((each) => each.slice(each.indexOf(":") + 1) !== ask.line) : lines }
}

function parse(out: string): ReadonlyMap<string, Told> {
  const told = new Map<string, { -readonly [K in keyof Told]: Told[K] }>()
  let matches: string[] = []
  let expectsWhy: string | undefined
  const groups = new Map<string, string[]>()
  const groupOf = (number: string): string[] => {
    const known = groups.get(number) ?? []
    groups.set(number, known)
    return known
  }
  const at = (id: string): { -readonly [K in keyof Told]: Told[K] } => {
    const known = told.get(id) ?? { ...NOTHING }
    told.set(id, known)
    return known
  }
  for (const text of out.split("\n")) {
    const [, kind, id = "", rest = ""] = /^([TONMXG])([0-9a-f]{16})(.*)$/.exec(text) ?? []
    if (expectsWhy !== undefined) {
      at(expectsWhy).failed = text
      expectsWhy = undefined
    } else if (kind === "T") at(id).there = true
    else if (kind === "O") at(id).own = rest.trim().split(" ").map(Number)
    else if (kind === "X") expectsWhy = id
    else if (kind === "M") at(id).matches = matches = []
    else if (kind === "G") at(id).group = groupOf(rest)
    else if (/^U\d+$/.test(text)) matches = groupOf(text.slice(1))
    else if (/^Ng\d+$/.test(text)) continue
    else if (kind === undefined && text !== "") matches.push(text)
  }
  return told
}
