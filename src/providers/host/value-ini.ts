import type { Json } from "../../provider.ts"
import { EditRefused, type ValuePath } from "./value-path.ts"

/** One line that sets something. */
interface Setting {
  readonly number: number
  readonly section: string
  readonly key: string
  /** What stands before its value: indent, key and sign. */
  readonly head: string
  readonly value: string
}

const SECTION = /^\s*\[([^\]]+)\]\s*(?:[#;].*)?$/
const SETTING = /^(\s*([^\s=:#;[][^=:]*?)\s*[=:]\s*)(.*?)\s*$/

function settingsOf(lines: readonly string[]): readonly Setting[] {
  let section = ""
  return lines.flatMap((line, number): Setting[] => {
    const begins = SECTION.exec(line)
    if (begins !== null) section = (begins[1] as string).trim()
    const [, head, key, value] = begins === null ? (SETTING.exec(line) ?? []) : []
    return head === undefined ? [] : [{ number, section, key: key as string, head, value: value as string }]
  })
}

/** Keys above the first section stand beside the sections; of a key that stands several times in one, all values. */
export function readIni(text: string): Readonly<Record<string, unknown>> {
  const data: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  const lines = text.split("\n")
  for (const line of lines) {
    const section = SECTION.exec(line)?.[1]?.trim()
    if (section !== undefined) data[section] = Object.create(null)
  }
  for (const { section, key, value } of settingsOf(lines)) {
    const into = section === "" ? data : (data[section] as Record<string, unknown>)
    const known = into[key]
    into[key] = known === undefined ? value : [known, value].flat()
  }
  return data
}

/** The text with another value of a key. @throws EditRefused where it stands several times, or cannot stand in such a file */
export function editIni(text: string, at: ValuePath, value: Json | undefined): string {
  const [section, key] = at.length === 1 ? ["", String(at[0])] : [String(at[0]), String(at[1])]
  if (at.length > 2) throw new EditRefused("a value of an INI file has a section and a key at most")
  if (typeof value === "object") throw new EditRefused("a value of an INI file is a text, a number or a boolean")
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n")
  const settings = settingsOf(lines)
  const found = settings.filter((each) => each.section === section && each.key === key)
  if (found.length > 1) throw new EditRefused(`${key} stands ${found.length} times`)
  const [one] = found
  if (one !== undefined)
    lines.splice(
      one.number,
      1,
      ...(value === undefined ? [] : [`${one.head.replace(/\s*$/, spaceOf(one.head))}${value}`]),
    )
  else if (value !== undefined) insert(lines, section, `${key}${styleOf(settings)}${value}`)
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`
}

/** An empty value has lost the space before it. */
function spaceOf(head: string): string {
  return /\s[=:]\s*$/.test(head) ? /[=:](\s*)$/.exec(head)?.[1] || " " : (/[=:](\s*)$/.exec(head)?.[1] ?? "")
}

/** As the file has it: `key=value` or `key = value`. */
function styleOf(settings: readonly Setting[]): string {
  const [one] = settings
  return one === undefined ? " = " : (/\s*[=:]\s*$/.exec(one.head)?.[0] ?? " = ")
}

/** At the end of its section, before the empty lines there. */
function insert(lines: string[], section: string, line: string): void {
  const isHead = (each: string): boolean => SECTION.test(each)
  const head = section === "" ? -1 : lines.findIndex((each) => SECTION.exec(each)?.[1]?.trim() === section)
  if (section !== "" && head === -1) {
    lines.push(...(lines.length === 0 || lines.at(-1) === "" ? [] : [""]), `[${section}]`, line)
    return
  }
  const next = lines.findIndex((each, at) => at > head && isHead(each))
  let end = next === -1 ? lines.length : next
  while (end > head + 1 && lines[end - 1]?.trim() === "") end -= 1
  lines.splice(end, 0, line)
}
