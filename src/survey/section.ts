/** Most lines of one section, and most characters of one of them, that are looked at: a host may say anything. */
const LINES_MAX = 100_000
const LINE_MAX = 4_096
/** Most characters of one section. */
const SECTION_MAX = 16_000_000
/** Most things that one section says it could not see. */
const UNSEEN_MAX = 20

/** What later sections know from earlier ones. */
export interface SectionContext {
  /** Packages that every such system has. Empty where the section of packages saw nothing. */
  readonly base: ReadonlySet<string>
  readonly now: Date
}

/** One thing to look at: what the shell there says, and what that means. */
export interface Section<T> {
  /** As in "open ports". */
  readonly about: string
  /** POSIX sh that only reads, for dash, bash and busybox. Prints rows: a tag, a tab, fields; `!` and words for what it cannot see. */
  readonly script: string
  /** Pure; undefined where there is no such thing on this host. */
  read(rows: Rows, context: SectionContext): T | undefined
}

/** What every script of a section may use. */
export const BEFORE = String.raw`PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH
has() { command -v "$1" >/dev/null 2>&1; }
soon() { if has timeout; then timeout 5 "$@"; else "$@"; fi; }
unseen() { printf '!\t%s\n' "$1"; }
tagged() { sed "s/^/$1	/"; }
`

/** The rows that a script printed, bounded in every direction. */
export class Rows {
  readonly #rows: readonly (readonly string[])[]
  readonly unseen: readonly string[]

  constructor(text: string) {
    const lines = text.slice(0, SECTION_MAX).split("\n", LINES_MAX)
    const rows = lines.filter((line) => line.includes("\t")).map((line) => line.slice(0, LINE_MAX).split("\t"))
    this.#rows = rows
    const unseen = this.all("!").map(([words = ""]) => words)
    const more = text.length > SECTION_MAX || lines.length === LINES_MAX ? ["all that it says: it is too much"] : []
    this.unseen = [...new Set([...unseen, ...more])].slice(0, UNSEEN_MAX)
  }

  /** The fields of all rows with a tag. */
  all(tag: string): readonly (readonly string[])[] {
    return this.#rows.filter((row) => row[0] === tag).map((row) => row.slice(1))
  }

  /** The first field of the first row with a tag; empty where there is none. */
  one(tag: string): string {
    return this.all(tag)[0]?.[0] ?? ""
  }

  /** Rows of several tags in the order in which they came, each with its tag. */
  merged(tags: readonly string[]): readonly (readonly [tag: string, text: string])[] {
    return this.#rows
      .filter(([tag = ""]) => tags.includes(tag))
      .map(([tag = "", ...fields]) => [tag, fields.join("\t")] as const)
  }

  /** What stands behind a tag, with its tabs: lines of files. */
  lines(tag: string): readonly string[] {
    return this.all(tag).map((fields) => fields.join("\t"))
  }
}

/** A whole number, 0 where it is none. */
export function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** Seconds since 1970 as ISO 8601; undefined where they are no time. */
export function timeOf(seconds: string | undefined): string | undefined {
  const whole = numberOf(seconds?.split(".")[0])
  return whole > 0 && whole < 1e11 ? new Date(whole * 1_000).toISOString() : undefined
}

/** A record of names that a host chose: none of them can be a name that objects have anyway. */
export function recordOf<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries))
}
