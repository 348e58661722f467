import type { PlannedError } from "../events/plan.ts"
import { count, duration, several } from "./amounts.ts"
import { foldNames } from "./fold-names.ts"
import { type Look, Page, type Span } from "./page.ts"

/** What a command came to on one host. */
export type HostSaid = { readonly name: string } & (
  | { readonly exitCode: number; readonly stdout: string; readonly stderr: string; readonly cut: boolean }
  | { readonly error: PlannedError }
)

interface Group {
  readonly first: HostSaid
  readonly names: readonly string[]
}

/** Lines shown of one stream; `--json` gives all. */
const LINES_MAX = 200
const INDENT = "  "

/** What many hosts said, each different answer once: the most common first, what went wrong last, and a line that counts. */
export function execLines(
  all: readonly HostSaid[],
  durationMs: number,
  look: Look & { readonly verbose: boolean },
): string[] {
  const page = new Page(look)
  for (const group of groupsOf(all)) {
    addHead(page, group)
    if ("error" in group.first) addError(page, group.first.error)
    else addStreams(page, group.first, look.verbose)
  }
  addCounts(page, all, durationMs)
  return page.lines
}

function groupsOf(all: readonly HostSaid[]): readonly Group[] {
  const groups = [...Map.groupBy(all, sameness).values()].map(
    (members): Group => ({ first: members[0] as HostSaid, names: members.map(({ name }) => name) }),
  )
  return groups.sort((a, b) => rank(a.first) - rank(b.first) || b.names.length - a.names.length)
}

/** Errors name their host: where nothing else tells two apart, they are one. */
function sameness(said: HostSaid): string {
  if (!("error" in said)) return JSON.stringify([said.exitCode, said.stdout, said.stderr])
  const { code, fact } = said.error
  return JSON.stringify([code, fact.replaceAll(said.name, "")])
}

function rank(said: HostSaid): number {
  return "error" in said ? 2 : said.exitCode === 0 ? 0 : 1
}

function addHead(page: Page, { first, names }: Group): void {
  const how: readonly Span[] =
    "error" in first
      ? [INDENT, ["alarm", first.error.code]]
      : first.exitCode === 0
        ? []
        : [INDENT, ["red", `exit code ${first.exitCode}`]]
  const many: readonly Span[] = names.length === 1 ? [] : [["dim", `  ${several(names.length, "host")}`]]
  page.add([["bold", foldNames(names)], ...many, ...how], 2)
}

function addError(page: Page, { fact, cause, next }: PlannedError): void {
  page.add([INDENT, fact], 2)
  if (cause !== undefined && !fact.includes(cause)) page.add([INDENT, ["dim", "cause  "], cause], 9)
  if (next !== "") page.add([INDENT, ["cyan", "next   "], next], 9)
}

function addStreams(page: Page, said: Extract<HostSaid, { exitCode: number }>, verbose: boolean): void {
  addStream(page, INDENT, said.stdout, verbose)
  addStream(page, ["yellow", "! "], said.stderr, verbose)
  if (said.cut) page.add([INDENT, ["dim", "… more was printed than is kept"]], 2)
}

function addStream(page: Page, mark: Span, text: string, verbose: boolean): void {
  const lines = text.replaceAll("\r\n", "\n").replace(/\n+$/, "").split("\n")
  if (lines.length === 1 && lines[0] === "") return
  const shown = verbose ? lines : lines.slice(0, LINES_MAX)
  for (const line of shown) page.addBehind(mark, line)
  if (shown.length < lines.length)
    page.add([INDENT, ["dim", `… ${count(lines.length - shown.length)} more lines; --json gives all`]], 2)
}

function addCounts(page: Page, all: readonly HostSaid[], durationMs: number): void {
  const codes = Map.groupBy(
    all.flatMap((said) => ("error" in said ? [] : [said.exitCode])),
    (code) => code,
  )
  const failed = all.filter((said) => "error" in said).length
  const parts: Span[] = [...codes]
    .sort(([a], [b]) => a - b)
    .map(
      ([code, { length }]): Span => [
        code === 0 ? "green" : "red",
        `${count(length)} ${code === 0 ? "ok" : `exit code ${code}`}`,
      ],
    )
  if (failed > 0) parts.push(["red", `${count(failed)} failed`])
  const counted = parts.flatMap((part, at): readonly Span[] => (at === 0 ? [part] : [", ", part]))
  page.addEmpty()
  page.add([["bold", several(all.length, "host")], ": ", ...counted, ["dim", ` · ${duration(durationMs)}`]], 2)
}
