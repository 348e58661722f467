import type { LogSince } from "../../program/log-probes.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { Answer } from "../answer.ts"
import { type Level, levelPattern } from "./log-levels.ts"

export type LogSettings = ProbeSettings<"log">

/** From where a log is looked at: what a place gives to go on from is one of these too. */
export type Since = Exclude<LogSince, "release">

/** What lines count. */
export interface Sought {
  readonly regex: string
  readonly flags: string
  readonly level: Level | undefined
  /** For evidence. */
  readonly words: string
}

/** What one look at a log has found. */
export interface Looked {
  /** Lines that match and are complete. */
  readonly count: number
  /** The first of them, cut where it is very long; or the last line where only that matches. */
  readonly first: string | undefined
  /** Whether a last line matches that is not complete yet: it is not in `count`, and comes again. */
  readonly restMatches: boolean
  /** Whether a part of the log since the mark is gone. */
  readonly lost: boolean
  /** Why what was not found may be there all the same. */
  readonly doubt?: string | undefined
  readonly scannedBytes: number
  /** Where the next look begins. */
  readonly next: Since
  /** True where more is there already: the log has become another file meanwhile. */
  readonly again: boolean
}

/** Somewhere that a log stands. All of them answer alike. */
export interface LogPlace {
  /** As it is called in evidence. */
  readonly name: string
  /** Looks at what came since. `knowsFirst`: a matching line is known from before, so none is needed. An answer where it cannot be looked at. */
  look(since: Since, knowsFirst: boolean): Promise<Looked | Answer>
  /** Its end as it is now, for `since`. An answer where it has none to be found. */
  mark(): Promise<Since | Answer>
}

/** What of the settings says which lines count. */
export function soughtIn({ pattern, level }: Pick<LogSettings, "pattern" | "level">): Sought {
  if (level !== undefined)
    return { ...levelPattern(level), level, words: `level ${level}${level === "fatal" ? "" : " or worse"}` }
  const { regex, flags } = pattern ?? { regex: "", flags: "" }
  return { regex, flags, level: undefined, words: `/${regex}/${flags}` }
}
