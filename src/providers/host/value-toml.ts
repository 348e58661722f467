import type { Json } from "../../provider.ts"
import { EditRefused, type ValuePath } from "./value-path.ts"

/** Most lines that one value may have. */
const VALUE_LINES = 500

interface Reader {
  /** @throws where the text is no TOML */
  parse(text: string): unknown
}

/** One line that sets something, and those behind it where its value goes on. */
interface Setting {
  readonly from: number
  readonly to: number
  readonly path: readonly string[]
  /** Key, sign and the space behind it; then the value; then what follows it on its last line. */
  readonly head: string
  readonly tail: string
}

/** Where a table begins, and which one. */
interface Head {
  readonly line: number
  readonly path: readonly string[]
}

/** The text with another value at a path: its own lines only. Whoever calls looks whether it came out as meant. */
export function editToml(text: string, at: ValuePath, value: Json | undefined, reader: Reader): string {
  const names = at.map((name) => {
    if (typeof name === "number") throw new EditRefused("items of a list of TOML are set with their whole list")
    return name
  })
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n")
  const { settings, heads } = survey(lines, reader)
  const found = settings.find(({ path }) => path.join("\0") === names.join("\0"))
  if (value === undefined) {
    if (found !== undefined) lines.splice(found.from, found.to - found.from)
  } else if (found !== undefined)
    lines.splice(found.from, found.to - found.from, `${found.head}${written(value)}${found.tail}`)
  else insert(lines, names, written(value), heads)
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`
}

function survey(
  lines: readonly string[],
  reader: Reader,
): { readonly settings: readonly Setting[]; readonly heads: readonly Head[] } {
  const settings: Setting[] = []
  const heads: Head[] = []
  let table: readonly string[] | undefined = []
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string
    if (/^\s*(#.*)?$/.test(line)) at += 1
    else if (/^\s*\[/.test(line)) {
      table = line.trimStart().startsWith("[[") ? undefined : namesIn(line, reader)
      if (table !== undefined) heads.push({ line: at, path: table })
      else heads.push({ line: at, path: ["\0"] }) // tables of a list have no path of their own
      at += 1
    } else {
      const one = settingAt(lines, at, reader)
      if (one === undefined) throw new EditRefused(`line ${at + 1} cannot be told apart`)
      if (table !== undefined) settings.push({ ...one, path: [...table, ...one.path] })
      at = one.to
    }
  }
  return { settings, heads }
}

/** The one path of names in a text that sets one thing. */
function namesIn(text: string, reader: Reader): readonly string[] {
  const names: string[] = []
  let here = reader.parse(text)
  while (typeof here === "object" && here !== null) {
    const [name] = Object.keys(here)
    if (name === undefined) break
    names.push(name)
    here = (here as Record<string, unknown>)[name]
  }
  return names
}

function settingAt(lines: readonly string[], from: number, reader: Reader): Setting | undefined {
  const line = lines[from] as string
  // A sign in a quoted key is none: the first one with which the key can be read is it.
  for (let sign = line.indexOf("="); sign !== -1; sign = line.indexOf("=", sign + 1)) {
    const head = /^.{0,4000}?=\s*/.exec(line.slice(sign))?.[0] ?? "="
    const key = line.slice(0, sign)
    if (!reads(reader, `${key}=0`)) continue
    const begin = line.slice(sign + head.length)
    for (let to = from + 1; to <= Math.min(lines.length, from + VALUE_LINES); to += 1) {
      const rest = [begin, ...lines.slice(from + 1, to)].join("\n")
      if (!reads(reader, `x=${rest}`)) continue
      const last = lines[to - 1] as string
      const all = to === from + 1 ? begin : last
      return { from, to, path: namesIn(`${key}=0`, reader), head: key + head, tail: commentOf(rest, all, reader) }
    }
  }
  return undefined
}

/** What stands behind the value on its last line: the longest part that begins with # and without which the rest is the same. */
function commentOf(rest: string, last: string, reader: Reader): string {
  for (let at = last.indexOf("#"); at !== -1; at = last.indexOf("#", at + 1)) {
    const comment = last.slice(at)
    const before = rest.slice(0, rest.length - comment.length)
    if (reads(reader, `x=${before}`)) return `${/\s*$/.exec(before)?.[0] ?? ""}${comment}`
  }
  return ""
}

function reads(reader: Reader, text: string): boolean {
  try {
    reader.parse(text)
    return true
  } catch {
    return false
  }
}

/** At the end of its table, before the empty lines and comments of the next; a table that is not there goes to the end. */
function insert(lines: string[], names: readonly string[], value: string, heads: readonly Head[]): void {
  const [table, key] = [names.slice(0, -1), word(names.at(-1) as string)]
  const own = table.length === 0 ? -1 : heads.findIndex(({ path }) => path.join("\0") === table.join("\0"))
  if (table.length > 0 && own === -1) {
    const empty = lines.length === 0 || lines.at(-1) === ""
    lines.push(...(empty ? [] : [""]), `[${table.map(word).join(".")}]`, `${key} = ${value}`)
    return
  }
  const head = own === -1 ? -1 : (heads[own] as Head).line
  let end = heads[own + 1]?.line ?? lines.length
  while (end > head + 1 && /^\s*(#.*)?$/.test(lines[end - 1] as string)) end -= 1
  lines.splice(end, 0, `${key} = ${value}`)
}

function word(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : written(name)
}

function written(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((each: Json) => written(each)).join(", ")}]`
  if (value === null || typeof value === "object")
    throw new EditRefused(
      "a value of TOML is a text, a number, a boolean or a list: set the keys of a table one by one",
    )
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f")
}
