import { expandRanges } from "./ranges.ts"
import { invalid, type RawInventory } from "./raw.ts"

/**
 * Reads Ansible's INI dialect: hosts with variables on their line, `[group]`, `[group:children]`, `[group:vars]`, ranges.
 * No package reads it: it is no INI but for its brackets (words as a shell splits them, hosts without a "=").
 * @throws FettleError `INVENTORY_INVALID` with the line
 */
export function readAnsibleIni(text: string, where: string, into: RawInventory): void {
  let group = "ungrouped"
  let part = "hosts"
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue
    const place = `${where}:${at + 1}`
    const section = /^\[([^:\]]+)(?::(\w+))?\]\s*(?:[#;].*)?$/.exec(line)
    if (section !== null) {
      group = section[1] as string
      part = section[2] ?? "hosts"
      if (part !== "hosts" && part !== "children" && part !== "vars")
        throw invalid(place, `there is no section :${part}`)
      into.group(group)
    } else if (line.startsWith("[") && !/^\[[0-9a-fA-F:]+\]:/.test(line))
      throw invalid(place, `${JSON.stringify(line)} is no section`)
    else if (part === "vars") readVariable(line, place, group, into)
    else if (part === "children") readChild(line, place, group, into)
    else readHosts(line, place, group, into)
  }
}

function readVariable(line: string, place: string, group: string, into: RawInventory): void {
  const at = line.indexOf("=")
  if (at <= 0) throw invalid(place, `${JSON.stringify(line)} is not NAME=VALUE`)
  into.groupVars(group, { [line.slice(0, at).trim()]: literalOf(line.slice(at + 1).trim()) })
}

function readChild(line: string, place: string, group: string, into: RawInventory): void {
  const [child = "", ...more] = wordsOf(line, place)
  if (more.length > 0) throw invalid(place, "a child group stands alone on its line")
  into.group(group).children.add(child)
  into.group(child)
}

function readHosts(line: string, place: string, group: string, into: RawInventory): void {
  const [pattern = "", ...rest] = wordsOf(line, place)
  const vars = Object.fromEntries(
    rest.map((word) => {
      const at = word.indexOf("=")
      if (at <= 0) throw invalid(place, `${JSON.stringify(word)} is not NAME=VALUE`)
      return [word.slice(0, at), literalOf(word.slice(at + 1))]
    }),
  )
  const [names, port] = splitPort(pattern)
  for (const name of namesOf(names, place)) {
    into.host(name, port === undefined ? vars : { ansible_port: port, ...vars })
    into.group(group).hosts.add(name)
  }
}

/** @throws FettleError `INVENTORY_INVALID` */
export function namesOf(pattern: string, place: string): readonly string[] {
  try {
    return expandRanges(pattern)
  } catch (thrown) {
    throw invalid(place, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/** `host:22`, but not the colons of a range or of an IPv6 address. */
export function splitPort(pattern: string): readonly [string, number | undefined] {
  const [, name, port] = /^([^:]*(?:\[[^\]]*\][^:]*)*|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(pattern) ?? []
  if (name === undefined || port === undefined) return [pattern, undefined]
  return [name.replace(/^\[([0-9a-fA-F:]+:[0-9a-fA-F:]+)\]$/, "$1"), Number(port)]
}

/** Words as a POSIX shell splits them; "#" at the beginning of a word begins a comment. */
function wordsOf(line: string, place: string): readonly string[] {
  const words: string[] = []
  const part = /[^\s'"\\]+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(\s+)|(.)/gsy
  let word: string | undefined
  for (const [all, single, double, escaped, space, wrong] of line.matchAll(part)) {
    if (wrong !== undefined) throw invalid(place, `a quote has no end in ${JSON.stringify(line)}`)
    if (space !== undefined) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    if (word === undefined && all.startsWith("#")) return words
    word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? all)
  }
  return word === undefined ? words : [...words, word]
}

/** Ansible reads a value as Python would: numbers and booleans are such, a quoted text loses its quotes. */
function literalOf(text: string): unknown {
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text)
  if (text === "True" || text === "False") return text === "True"
  return /^'([^'\\]*)'$|^"([^"\\]*)"$/.test(text) ? text.slice(1, -1) : text
}
