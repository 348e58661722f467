import { type Answer, inconclusive, type Question } from "../answer.ts"
import { doubtOf, type FarPattern, farPattern, lineOf, readSorted, runFar } from "./log-far.ts"
import { JOURNAL_MARK_SCRIPT, JOURNAL_SCRIPT } from "./log-journal-script.ts"
import { severityOf } from "./log-levels.ts"
import type { LogPlace, Looked, Since, Sought } from "./log-place.ts"
import { ENDED } from "./log-script.ts"

/**
 * The journal of a unit, counted by journalctl and grep where it is. A level is that of the entry, or of its text where that says one that is worse:
 * what a program prints has the priority "info" whatever it says.
 */
export function journalOf(unit: string, sought: Sought, question: Question): LogPlace | Answer {
  const pattern = farPattern(sought)
  if ("verdict" in pattern) return pattern
  const { where, tools, signal } = question
  const name = `the journal of ${unit}${where.type === "host" ? ` on ${where.name}` : ""}`
  const priority = sought.level === undefined ? "" : String(severityOf(sought.level))
  return {
    name,
    look: async (since, knowsFirst) => {
      const script = `${pattern.shell}\nknown=${knowsFirst ? "1" : ""}\n${JOURNAL_SCRIPT}`
      const said = await runFar(["sh", "-c", script, "sh", unit, ...wordsOf(since), priority], name, question)
      return typeof said === "string" ? read(said, since, name, pattern, sought) : said
    },
    mark: async () => {
      const words = ["sh", "-c", JOURNAL_MARK_SCRIPT]
      const { exitCode, stdout } = await tools.run(words, { check: false, signal, env: tools.baseEnv })
      if (exitCode === ENDED.denied) return inconclusive(`the log cannot be read: permission denied: ${name}`)
      if (exitCode === ENDED.noJournal) return inconclusive(`${name}: there is no journalctl`)
      const cursor = cursorIn(stdout)
      const time = stdout.trim().split("\n").at(-1) ?? ""
      if (cursor !== undefined) return { cursor }
      return Number.isNaN(Date.parse(time)) ? inconclusive(`${name} cannot be read`) : { time }
    },
  }
}

function wordsOf(since: Since): readonly [string, string, string] {
  if (typeof since !== "object") return ["", "", ""]
  if ("time" in since) return ["", "", String(Date.parse(since.time) / 1_000)]
  return "cursor" in since ? [since.cursor, since.worse ?? since.cursor, ""] : ["", "", ""]
}

const CURSOR = /-- cursor: ([\w=;-]+)$/m

function cursorIn(text: string): string | undefined {
  return CURSOR.exec(text)?.[1]
}

/** What the script printed beside what journalctl complained of. */
const WORDS = /^(?:lost|size|worse|all|matched|first|sorted)\b/

function read(said: string, since: Since, name: string, pattern: FarPattern, sought: Sought): Looked | Answer {
  const lines = said.split("\n").filter((line) => line !== "")
  const complaint = lines.find((line) => !WORDS.test(line))
  if (complaint !== undefined) return inconclusive(`${name} cannot be read: ${complaint.slice(0, 200)}`)
  const of = (word: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  if (of("lost").length === 0 || !lines.some((line) => line.startsWith("sorted")))
    return inconclusive(`${name}: what was said there is cut short`)
  const sizes = of("size").map((line) => line.split(" ").map(Number))
  const sorted = readSorted(of("sorted")[0] ?? "", pattern)
  const worseLines = sought.level === undefined ? 0 : (sizes[0]?.[0] ?? 0)
  const matched = Number(of("matched")[0] ?? 0)
  const firstWorse = of("first")[0] ?? ""
  return {
    count: sorted.count + worseLines - matched,
    first: firstWorse === "" ? sorted.first : lineOf(firstWorse),
    restMatches: false,
    lost: of("lost")[0] === "1",
    scannedBytes: sizes.at(-1)?.[1] ?? 0,
    next: nextOf(since, cursorIn(of("all")[0] ?? ""), cursorIn(of("worse")[0] ?? "")),
    again: false,
    doubt: doubtOf(sorted.unsent, name, sought),
  }
}

/** Where nothing was shown no cursor was: it goes on from where it began. */
function nextOf(since: Since, all: string | undefined, worse: string | undefined): Since {
  const [known, knownWorse] = wordsOf(since)
  const cursor = all ?? (known || undefined)
  if (cursor === undefined) return since
  const other = worse ?? (knownWorse || undefined)
  return other === undefined ? { cursor } : { cursor, worse: other }
}
