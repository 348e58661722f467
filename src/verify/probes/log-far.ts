import { type Answer, inconclusive, type Question } from "../answer.ts"
import { regexOf } from "../expectation.ts"
import { Unsayable } from "../posix/parse.ts"
import { say } from "../posix/say.ts"
import type { Sought } from "./log-place.ts"
import { DOUBTFUL_BYTES, ENDED, FIRST_BYTES, octal } from "./log-script.ts"

/** A pattern as scripts on a host have it. */
export interface FarPattern {
  /** Assignments before the script. */
  readonly shell: string
  /** Whether a line matches: of those that grep alone cannot tell. */
  matches(line: string): boolean
}

/** Says a pattern for greps of hosts; an answer where that cannot be done. */
export function farPattern({ regex, flags, words }: Sought): FarPattern | Answer {
  try {
    const said = say(regex, flags)
    const pattern = regexOf({ regex, flags })
    const shell = [
      `lit=${said.isLiteral ? "F" : "E"}`,
      `fold=${said.ignoresCase ? "i" : ""}`,
      `words=${said.hasWords ? "1" : ""}`,
      `p=$(printf '${octal(said.bytes)}x')`,
      "p=${p%x}",
      `q='${inAwk(said.doubtful)}'`,
    ]
    return { shell: shell.join("\n"), matches: (line) => pattern.test(line.replace(/\r$/, "")) }
  } catch (error) {
    if (!(error instanceof Unsayable)) throw error
    const evidence = `${words} cannot be asked there: ${error.message}; a file on this machine can be asked for it`
    return { ...inconclusive(evidence), lasting: true }
  }
}

function inAwk(doubtful: string): string {
  return doubtful.replace("\x80-\xff", "\\200-\\377").replace("\r", "\\r")
}

/** What came of lines that were sorted there. */
export interface Sorted {
  readonly count: number
  readonly first: string | undefined
  /** Doubtful lines that were too many to be sent. */
  readonly unsent: number
}

/** Takes in what was sorted there, and judges here what could not be judged there. */
export function readSorted(hex: string, { matches }: FarPattern): Sorted {
  let count = 0
  let unsent = 0
  let first: { readonly at: number; readonly line: string } | undefined
  for (const line of textOf(hex).split("\n")) {
    const [, sign, number, text = ""] = /^([cfn])(\d+) ?(.*)$/s.exec(line) ?? []
    if (sign === "n") {
      count += Number(number)
      unsent = Number(text)
    } else if (sign === "f" || (sign === "c" && matches(text))) {
      if (sign === "c") count += 1
      if (first === undefined || Number(number) < first.at) first = { at: Number(number), line: text }
    }
  }
  return { count, first: first?.line, unsent }
}

/** Why what was not found may be there all the same. */
export function doubtOf(unsent: number, name: string, { words }: Sought): string | undefined {
  return unsent === 0
    ? undefined
    : `${name}: of ${unsent} lines beyond ASCII, more than ${DOUBTFUL_BYTES} bytes, grep cannot tell whether they match ${words}`
}

/** A line as it was sent, without its line break. */
export function lineOf(hex: string): string {
  return textOf(hex).replace(/\n$/, "").slice(0, FIRST_BYTES)
}

function textOf(hex: string): string {
  return Buffer.from(hex, "hex").toString("utf8")
}

/** What a script printed, or an answer where it could not do its work. `name`: what it was to look at. */
export async function runFar(
  words: readonly string[],
  name: string,
  { tools, signal, limitMs, hide }: Question,
): Promise<string | Answer> {
  const { exitCode, stdout, stderr, timedOut } = await tools.run(words, {
    timeoutMs: Math.max(1, limitMs),
    signal,
    check: false,
    env: tools.baseEnv,
  })
  if (timedOut) return inconclusive(`${name} could not be looked at within ${limitMs} ms`)
  if (exitCode === ENDED.absent) return inconclusive(`there is no log at ${name}`)
  if (exitCode === ENDED.noFile) return inconclusive(`the log cannot be read: ${name} is not a file`)
  if (exitCode === ENDED.denied) return inconclusive(`the log cannot be read: permission denied: ${name}`)
  if (exitCode === ENDED.noWords)
    return { ...inconclusive("the grep there knows no \\b: leave it out of the pattern"), lasting: true }
  if (exitCode === ENDED.noJournal) return inconclusive(`${name}: there is no journalctl`)
  if (exitCode === 0) return stdout
  const said = hide(stderr).trim().split("\n").at(-1) ?? ""
  return inconclusive(`${name} could not be looked at: ${said === "" ? `the script ended with ${exitCode}` : said}`)
}
