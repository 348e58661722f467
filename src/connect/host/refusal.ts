import { posix } from "node:path"

/** What the system says where there is no room; GNU tar only counts what it could not write. */
const REASONS: readonly (readonly [said: RegExp, reason: (folder: string) => string, next: string])[] = [
  [
    /No space left on device|Wrote only \d+ of \d+ bytes/i,
    (folder) => `no space left on ${folder}`,
    "free space there, then apply again",
  ],
  [
    /Disk quota exceeded/i,
    (folder) => `the disk quota is used up on ${folder}`,
    "free space there or raise the quota, then apply again",
  ],
]
/** Longest reason in the tools' own words, in characters: a line that a person reads. */
const WORDS_MAX = 300

/** Why a file could not be changed: one line, and the next step where it is plain. */
export interface Refusal {
  readonly reason: string
  readonly next: string | undefined
}

/**
 * What tools said about many files at once, as the reason for one of them: its own line, else the first one.
 * @param path undefined where it is about more than one file
 * @example refusal("tar: srv/.fettle-1-0/a: Cannot write: No space left on device\ntar: Exiting …", "/srv/a").reason // "no space left on /srv"
 */
export function refusal(said: string, path: string | undefined): Refusal {
  const known = REASONS.find(([pattern]) => pattern.test(said))
  if (known !== undefined)
    return { reason: known[1](path === undefined ? "the host" : posix.dirname(path)), next: known[2] }
  const lines = said.split("\n").filter((line) => line.trim() !== "")
  const name = path === undefined ? undefined : `/${posix.basename(path)}`
  const own = lines.find((line) => name !== undefined && (line.includes(`${name}:`) || line.includes(`${name}'`)))
  const words = (own ?? lines[0] ?? "").trim()
  return { reason: words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX - 1)}…`, next: undefined }
}
