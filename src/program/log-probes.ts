import type { Probe } from "./check.ts"
import type { Input } from "./output.ts"
import { escaped, plain, probe } from "./probes.ts"

/** A place in a log, as `markLog` gives it: bytes before it are not looked at. */
export interface LogMark {
  readonly inode: number
  readonly offsetBytes: number
  /** A hash of what stands before it: a log that was truncated and has grown again is known by it. */
  readonly tail?: string | undefined
}

/**
 * From where on a log is looked at: its beginning; a byte offset or a mark (files); a cursor (journals); a time (journals, containers); or
 * the beginning of the release whose check it is, with the mark that was taken before the version got any traffic.
 */
export type LogSince =
  | "start"
  | "release"
  | number
  | LogMark
  | { readonly cursor: string; readonly worse?: string | undefined }
  | { readonly time: string }
  | { readonly untaken: string }

/** Which log: a file, the journal of a systemd unit, or what a container writes. */
export type LogPlaceOptions =
  | { readonly path: string }
  /** The name of a unit: "nginx.service". */
  | { readonly journal: string }
  /** The name or id of a container; the check is asked `on` the connection of its Engine. */
  | { readonly container: string }

/** Which lines count: what a pattern or a text finds, or those of a level and worse. */
export type LogLines =
  | { readonly pattern: string | RegExp }
  /** See docs/log-checks.md for what is of a level. */
  | { readonly level: "fatal" | "error" | "warn" }

interface LogOptions {
  /** Default: "start". */
  readonly since?: Exclude<LogSince, { readonly untaken: string }>
  /** Most lines that may match. Default 0. */
  readonly max?: number
  /** Default 300,000. */
  readonly timeoutMs?: number
}

/** What a log says. With `{ on: host }` it is counted on that host, by the host's own grep. */
export const log = {
  /**
   * No more than `max` (default 0) lines match. Looks from `since`: "start" (default), a byte offset, or a mark; goes on
   * in `PATH.1` and the new file where the log was rotated meanwhile.
   * @example log.without("/srv/shop/shop.log", /\b(error|fatal)\b/i, { since: mark.result })
   */
  without: (path: Input<string>, match: string | RegExp, options: Input<LogOptions> = {}): Probe =>
    probe("log", "log.without", { ...plain(options), path, pattern: asPattern(match) }, log.without),
  /**
   * The same for every log: a file, a journal, a container; by a pattern or a level.
   * @example log.quiet({ path: "/var/log/shop.log", level: "error", since: "release" })
   * @example log.quiet({ journal: "nginx.service", pattern: "upstream timed out", max: 5 })
   */
  quiet: (settings: Input<LogPlaceOptions & LogLines & LogOptions>): Probe => {
    const { pattern, ...rest } = plain(settings)
    return probe(
      "log",
      "log.quiet",
      { ...rest, ...(pattern === undefined ? {} : { pattern: asPattern(pattern) }) },
      log.quiet,
    )
  },
} as const

function asPattern(match: unknown): unknown {
  return typeof match === "string" ? { regex: escaped(match) } : match
}
