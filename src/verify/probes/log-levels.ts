import { regexOf } from "../expectation.ts"

/** How bad a line is. Each includes what is worse. */
export type Level = "fatal" | "error" | "warn"

/** A level in the forms that it has in logs. */
interface Forms {
  /** Words, in lower case. */
  readonly words: readonly string[]
  /** Letters before the date of a klog line. */
  readonly letters: string
  /** Highest severity of syslog. */
  readonly severity: number
  /** Numbers of pino and bunyan, as an expression. */
  readonly numbers: string
}

const FATAL = ["fatal", "critical", "crit", "alert", "emergency", "emerg", "panic"]
const ERROR = [...FATAL, "error", "err", "severe"]

const FORMS: Readonly<Record<Level, Forms>> = {
  fatal: { words: FATAL, letters: "F", severity: 2, numbers: "[6-9][0-9]|[1-9][0-9][0-9]+" },
  error: { words: ERROR, letters: "EF", severity: 3, numbers: "[5-9][0-9]|[1-9][0-9][0-9]+" },
  warn: { words: [...ERROR, "warning", "warn"], letters: "WEF", severity: 4, numbers: "[4-9][0-9]|[1-9][0-9][0-9]+" },
}

/** The highest priority of syslog that a journal keeps for a level. */
export function severityOf(level: Level): number {
  return FORMS[level].severity
}

/**
 * The lines of a level and of worse ones, as a regular expression that POSIX can say too, so that every place gives the same answer. A line
 * is of a level by the first of these that it is:
 *
 * - JSON: it begins with `{`, and a key `level`, `severity` or `lvl` at any depth, in any case, has a word of the level, or a number of
 *   pino (fatal 60, error 50, warn 40 and up) or of syslog (one digit: fatal 0-2, error 0-3, warn 0-4).
 * - logfmt: `level=word`, `severity=word` or `lvl=word`, quoted or not, at the beginning or after a space.
 * - syslog: it begins with `<N>`, where N modulo 8 is such a severity.
 * - klog: `E0101 12:00:00`, and so on.
 * - a word of the level at the head of the line: in capitals, in square brackets, or before a colon. Before it may stand up to eight of:
 *   words with a digit, brackets with a digit, `[main]`, days, months, zones, `AM`, `PM`, `-`, `|`; or the head of a syslog line.
 */
export function levelPattern(level: Level): { readonly regex: string; readonly flags: string } {
  const { words, letters, severity, numbers } = FORMS[level]
  const any = words.map(inAnyCase).join("|")
  const key = ["level", "severity", "lvl"].map(inAnyCase).join("|")
  const json = `[ \\t]*\\{([^\\r\\n]*[{,])?${S}*"(${key})"${S}*:${S}*("(${any})"|(${numbers}|[0-${severity}])([ \\t,}]|$))`
  const syslog = `<(${priorities(severity).join("|")})>`
  const klog = `[${letters}][0-9]{4} [0-9]{2}:[0-9]{2}:`
  const upper = words.map((word) => word.toUpperCase()).join("|")
  const word = `[[(<|*"]?(${upper})([\\t -/:-@[-^\\x60{-~]|$)|\\[([0-9A-Za-z_.-]+:)?(${any})\\]|(${any}):`
  const head = `${S}*(${TAGGED}|(${STAMP}${S}+){0,8})`
  const logfmt = `([^\\r\\n]*[ \\t])?(${key})="?(${any})"?([ \\t]|$)`
  return { regex: `^(${json}|${logfmt}|${syslog}|${klog}|(<[0-9]+>)?${head}(${word}))`, flags: "" }
}

/** Whether one line is of a level or worse. */
export function isOfLevel(line: string, level: Level): boolean {
  return regexOf(levelPattern(level)).test(line)
}

const S = "[ \\t]"
const DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
const MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
const ZONES = "UTC|GMT|[A-Z][A-Z]?[A-Z]T|AM|PM"
const DIGITS = "([0-9]|[!-/:-Z^-~\\\\][^ \\t\\r0-9]*[0-9])[^ \\t\\r]*"
/** A word that may stand before the level. */
const STAMP = `(${DIGITS}|\\[[^\\]\\r0-9]*[0-9][^\\]\\r]*\\]|\\[main\\]|${DAYS}|${MONTHS}|${ZONES}|[|-]+)`
/** As syslog writes it: time, host, program with its process. */
const TAGGED = `((${MONTHS})${S}+)?(${DIGITS}${S}+){1,2}[^ \\t\\r]+${S}+[^ \\t\\r]+\\[[0-9]+\\]:${S}+(${STAMP}${S}+){0,8}`

function inAnyCase(word: string): string {
  return [...word].map((letter) => `[${letter.toUpperCase()}${letter}]`).join("")
}

/** Numbers of syslog, facility and severity together. */
function priorities(severity: number): readonly number[] {
  return Array.from({ length: 192 }, (_, number) => number).filter((number) => number % 8 <= severity)
}
