import type { ConfigFile, Survey } from "../../events/survey.ts"
import { textHoldsSecret } from "../looks-secret.ts"
import type { Rows } from "../section.ts"
import { type CronLine, cronLine, settingOf } from "./cron-line.ts"
import type { Draft, Drafted, DraftNode, LeftOut, PathText } from "./node.ts"

/** Entries of people's crontabs, and files of cron.d that hold one entry and nothing else. */
export const cron: Draft = {
  kinds: ["host.cron"],
  name: "schedules",
  about: "Entries of crontabs, and files of /etc/cron.d with one entry. Other files of cron.d are files like any.",
  look: () => LOOK,
  paths: (survey, told) => [...filesOf(survey), ...crontabsOf(told).map(({ path }) => path)],
  draft: (survey, at, told) => {
    const crontabs = crontabsOf(told).map((each) => ofCrontab(each, at(each.path), told.one("crontab") === "yes"))
    const files = filesOf(survey).map((path) => ofFile(path, at(path)))
    const all = [...crontabs, ...files]
    return { nodes: all.flatMap(({ nodes }) => nodes), leftOut: all.flatMap(({ leftOut }) => leftOut) }
  },
}

/** Where this system keeps crontabs; one of somebody who is gone can be read and not be set. */
const LOOK = String.raw`
! has crontab || printf 'crontab\tyes\n'
for d in /var/spool/cron/crontabs /etc/crontabs /var/spool/cron; do
  [ -d "$d" ] && [ -r "$d" ] && [ -x "$d" ] || continue
  for f in "$d"/*; do
    [ -f "$f" ] && [ "\${f##*/}" != cron.update ] || continue
    if id -u "$(basename "$f")" >/dev/null 2>&1; then k=known; else k=unknown; fi
    printf 'table\t%s\t%s\n' "$f" $k
  done
  break
done
:
`.replaceAll("\\$", "$")

interface Crontab {
  readonly path: string
  readonly user: string
  /** The host knows the user. */
  readonly known: boolean
}

function crontabsOf(told: Rows): readonly Crontab[] {
  return told.all("table").map(([path = "", known]) => {
    return { path, user: path.slice(path.lastIndexOf("/") + 1), known: known === "known" }
  })
}

function filesOf({ config }: Survey): readonly string[] {
  const isFile = ({ path, type }: ConfigFile): boolean => type === "file" && /^\/etc\/cron\.d\/[^/]+$/.test(path)
  return (config?.own ?? []).filter(isFile).map(({ path }) => path)
}

/** Every entry by itself: what stands beside it stays as it is. */
function ofCrontab({ path, user, known }: Crontab, at: PathText | undefined, isInstalled: boolean): Drafted {
  const whole = (why: string): Drafted => ({ nodes: [], leftOut: [{ what: path, why }] })
  if (at?.text === undefined) return whole("could not be read as text")
  const lines = at.text.split("\n")
  const entries = lines.filter((line) => !isNone(line))
  if (entries.length === 0) return { nodes: [], leftOut: [] }
  if (!known) return whole("is the crontab of a user that the host does not know")
  if (!isInstalled) return whole("stands there, and the host has no crontab command")
  const nodes: DraftNode[] = []
  const leftOut: LeftOut[] = []
  const names = new Set<string>()
  const seen = new Set<string>()
  for (const [number, line] of lines.entries()) {
    if (isNone(line)) continue
    const what = `${path}:${number + 1}`
    const entry = fits(line, seen)
    if ("why" in entry) {
      if (entry.why !== "") leftOut.push({ what, why: entry.why })
      continue
    }
    seen.add(`${entry.schedule} ${entry.command}`)
    const marked = /^# fettle: ([A-Za-z0-9_-]{1,100})$/.exec(lines[number - 1] ?? "")?.[1]
    const name = marked ?? nameOf(entry.command, names)
    names.add(name)
    const { schedule, command } = entry
    nodes.push({ kind: "host.cron", id: `${path}: ${name}`, props: { name, schedule, command, user } })
  }
  return { nodes, leftOut }
}

/** Nothing that runs: blank lines and comments, and what every Alpine has. */
function isNone(line: string): boolean {
  return /^\s*(#.*)?$/.test(line) || /^\S+(\s+\S+){4}\s+run-parts \/etc\/periodic\/\w+\s*$/.test(line)
}

/** What a line comes to where one entry can hold all of it. Nothing of what looks like a secret is told. */
function fits(line: string, seen: ReadonlySet<string>): CronLine | { readonly why: string } {
  const setting = settingOf(line)
  if (setting !== undefined) return { why: `sets ${setting.name} for all entries, and stays as it is` }
  if (textHoldsSecret(line)) return { why: "looks like a secret, and stays as it is" }
  const entry = cronLine(line)
  if (entry === undefined) return { why: `is no entry that host.cron can hold: ${line.trim()}` }
  if (/(?<!\\)%/.test(entry.command)) return { why: `gives its command an input after a %: ${line.trim()}` }
  if (seen.has(`${entry.schedule} ${entry.command}`)) return { why: `stands there twice: ${line.trim()}` }
  return entry
}

/** The word that a person would call it by. */
function nameOf(command: string, taken: ReadonlySet<string>): string {
  const words = command
    .replace(/^cd \S+ *(&&|;) */, "")
    .split(/[\s;|&<>()]+/)
    .filter((word) => !/^(\w+=.*|cd|test|nice|ionice|env|\/usr\/bin\/env|sh|bash|sudo|-.*|\d+)?$/.test(word))
  const word = words[0]?.slice(words[0].lastIndexOf("/") + 1).replace(/\.[a-z]{1,4}$/, "") ?? ""
  const base =
    word
      .replace(/[^A-Za-z0-9_-]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 60) || "entry"
  for (let number = 1; ; number++) {
    const tried = number === 1 ? base : `${base}-${number}`
    if (!taken.has(tried)) return tried
  }
}

/** A file of one entry, with settings above it and no comments: writing it anew would lose nothing. */
function ofFile(path: string, at: PathText | undefined): Drafted {
  const stays = (why: string): Drafted => ({ nodes: [], leftOut: [{ what: path, why: `${why}: see its host.file` }] })
  if (at?.type !== "file" || at.text === undefined || textHoldsSecret(at.text)) return { nodes: [], leftOut: [] }
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(name)) return stays("has a name that cron passes over")
  if (at.mode !== "0644" || at.owner !== "root" || at.group !== "root")
    return stays("has a mode or an owner of its own")
  const lines = at.text
    .split("\n")
    .filter((line, number) => line.trim() !== "" && !(number === 0 && line === `# fettle: ${name}`))
  const settings = lines.slice(0, -1).map(settingOf)
  const entry = cronLine(lines.at(-1) ?? "", true)
  if (entry === undefined || !at.text.endsWith("\n") || settings.includes(undefined))
    return stays("holds more than one entry and its settings")
  const env = Object.fromEntries(settings.map((each) => [each?.name ?? "", each?.value ?? ""]))
  if (Object.keys(env).length !== settings.length) return stays("sets a variable twice")
  if (/(?<!\\)%/.test(entry.command)) return stays("gives its command an input after a %")
  const { schedule, command, user = "root" } = entry
  const more = settings.length === 0 ? {} : { env }
  const props = { name, in: "cron.d", schedule, command, user, ...more }
  return { nodes: [{ kind: "host.cron", id: path, props, covers: path }], leftOut: [] }
}
