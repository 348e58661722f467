import { resolve } from "node:path"
import type { LogMark } from "../../program/log-probes.ts"
import { type Answer, inconclusive, type Question } from "../answer.ts"
import { doubtOf, type FarPattern, farPattern, lineOf, readSorted, runFar } from "./log-far.ts"
import type { LogPlace, Looked, Since, Sought } from "./log-place.ts"
import { ENDED, FILE_SCRIPT, MARK_SCRIPT } from "./log-script.ts"

/**
 * A file of a host, counted there: by its grep, in one pass, never copied to here. What is asked and how it is answered is as for a file of
 * this machine.
 */
export function fileThere(given: string, sought: Sought, question: Question): LogPlace | Answer {
  const pattern = farPattern(sought)
  if ("verdict" in pattern) return pattern
  const { where, tools } = question
  const path = where.type === "here" ? resolve(tools.cwd, given) : given
  const name = where.type === "host" ? `${path} on ${where.name}` : path
  return {
    name,
    look: async (since, knowsFirst) => {
      const said = await runFar(
        ["sh", "-c", script(pattern, knowsFirst), "sh", path, ...wordsOf(since)],
        name,
        question,
      )
      return typeof said === "string" ? read(said, name, pattern, sought) : said
    },
    mark: async () => {
      const words = ["sh", "-c", `${MARK_SCRIPT}`, "sh", path]
      const { exitCode, stdout } = await tools.run(words, { check: false, signal: question.signal, env: tools.baseEnv })
      if (exitCode === ENDED.absent) return { inode: 0, offsetBytes: 0 }
      return markIn(stdout.trim().split(" ")) ?? inconclusive(`the log cannot be read: ${name}`)
    },
  }
}

function script({ shell }: FarPattern, knowsFirst: boolean): string {
  return `${shell}\nknown=${knowsFirst ? "1" : ""}\n${FILE_SCRIPT}`
}

function wordsOf(since: Since): readonly string[] {
  if (since === "start") return ["start", "0", ""]
  if (typeof since === "number") return ["here", String(since), ""]
  const { inode, offsetBytes, tail = "" } = since as LogMark
  return [String(inode), String(offsetBytes), tail]
}

function markIn([inode, offsetBytes, tail]: readonly string[]): LogMark | undefined {
  if (tail === undefined || !/^[0-9a-f]{64}$/.test(tail)) return undefined
  return { inode: Number(inode), offsetBytes: Number(offsetBytes), tail }
}

/** What the script said of one look. */
function read(said: string, name: string, pattern: FarPattern, sought: Sought): Looked | Answer {
  const all = { count: 0, first: undefined as string | undefined, scannedBytes: 0, restMatches: false, unsent: 0 }
  let next: LogMark | undefined
  let lost: boolean | undefined
  let [isCurrent, isRest] = [false, false]
  for (const line of said.split("\n")) {
    const [word, ...values] = line.split(" ")
    if (word === "part") {
      const [current, inode, from, end, tail, count, rest] = values
      ;[isCurrent, isRest] = [current === "1", rest === "1"]
      all.count += Number(count) - (isRest && isCurrent && !isSorted(pattern) ? 1 : 0)
      all.scannedBytes += Number(end) - Number(from)
      all.restMatches = isRest && isCurrent
      if (isCurrent) next = markIn([inode ?? "", end ?? "", tail ?? ""])
    } else if (word === "first") all.first ??= lineOf(values[0] ?? "")
    else if (word === "sorted") {
      const sorted = readSorted(values[0] ?? "", pattern)
      all.count += sorted.count
      all.first ??= sorted.first
      all.unsent += sorted.unsent
      // The last line is among them; whether it matches is told apart.
    } else if (word === "rest") all.restMatches &&= pattern.matches(lineOf(values[0] ?? ""))
    else if (word === "lost") lost = values[0] === "1"
  }
  if (isSorted(pattern) && all.restMatches) all.count -= 1
  if (next === undefined || lost === undefined) return inconclusive(`${name}: what was said there is cut short`)
  const { unsent, ...found } = all
  return { ...found, lost, next, again: said.includes("\nagain 1"), doubt: doubtOf(unsent, name, sought) }
}

function isSorted({ shell }: FarPattern): boolean {
  return !shell.endsWith("q=''")
}
