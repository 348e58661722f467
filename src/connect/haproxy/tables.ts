import { FettleError } from "../../errors.ts"

/** One row of a table that HAProxy prints, by the names of its head. */
export type Row = ReadonlyMap<string, string>

/** The lines of `show servers state`: separated by single blanks, `-` for nothing. */
export function stateRows(text: string): readonly Row[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  const head = lines.find((line) => line.startsWith("# be_id "))
  if (lines[0] !== "1" || head === undefined) throw notATable("show servers state", text)
  const names = head.slice(2).split(" ")
  return lines.slice(lines.indexOf(head) + 1).map((line) => rowOf(names, line.split(" ")))
}

/** The lines of `show stat`, as CSV. */
export function statRows(text: string): readonly Row[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  const head = lines[0]
  if (head === undefined || !head.startsWith("# pxname,")) throw notATable("show stat", text)
  const names = head.slice(2).split(",")
  return lines.slice(1).map((line) => rowOf(names, cellsOf(line)))
}

function rowOf(names: readonly string[], cells: readonly string[]): Row {
  return new Map(names.map((name, at) => [name, cells[at] ?? ""]))
}

/** What stands in quotes may hold commas, and a quote twice. */
function cellsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'),
  )
}

function notATable(command: string, text: string): FettleError {
  const said = text.trim().slice(0, 200)
  return new FettleError("HAPROXY_PROTOCOL", `what answers ${command} is no table of HAProxy: ${JSON.stringify(said)}`)
}
