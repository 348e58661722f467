import type { ScheduleFound } from "../events/survey.ts"
import { textHoldsSecret } from "./looks-secret.ts"
import type { Rows, Section } from "./section.ts"

/** Most entries that are told one by one. */
const LIST_MAX = 2_000

/** What runs by the clock: timers of systemd, and cron. */
export const schedules: Section<readonly ScheduleFound[]> = {
  about: "schedules",
  script: String.raw`
if [ -d /run/systemd/system ] && has systemctl; then
  soon env TZ=UTC systemctl show '*.timer' -p Id,Unit,TimersCalendar,TimersMonotonic,NextElapseUSecRealtime,FragmentPath --no-pager 2>/dev/null | sed 's/^$/--/' | tagged timer
elif [ -d /etc/systemd/system/timers.target.wants ]; then
  for f in /etc/systemd/system/timers.target.wants/*.timer; do
    [ -r "$f" ] || continue
    printf 'timer\tId=%s\n' "$(basename "$f")"
    printf 'timer\tFragmentPath=%s\n' "$(readlink "$f")"
    sed -n 's/^On\(Calendar\|BootSec\|UnitActiveSec\)=/timer	On=/p;s/^Unit=/timer	Unit=/p' "$f"
    printf 'timer\t--\n'
  done
fi
for f in /etc/crontab /etc/cron.d/*; do
  [ -f "$f" ] || continue
  if [ -r "$f" ]; then sed "s|^|system	$f	|" <"$f"; else unseen "the schedule $f: only root may read it"; fi
done
for d in /var/spool/cron/crontabs /var/spool/cron /etc/crontabs; do
  [ -d "$d" ] || continue
  if [ -r "$d" ] && [ -x "$d" ]; then
    for f in "$d"/*; do [ -f "$f" ] && [ -r "$f" ] && sed "s|^|user	$f	|" <"$f"; done
  else unseen 'schedules of users: only root may read them'; fi
done
for p in hourly daily weekly monthly; do
  for d in /etc/cron.$p /etc/periodic/$p; do for f in "$d"/*; do [ -f "$f" ] && printf 'folder\t%s\t%s\n' "$p" "$f"; done; done
done
[ ! -d /var/lib/dpkg/info ] || grep -hE '^(/etc/crontab|/etc/cron[^/]*/[^/]+|/(usr/)?lib/systemd/system/[^/]+\.timer)$' /var/lib/dpkg/info/*.list 2>/dev/null | sort -u | tagged list
:
`,
  read: (rows) => {
    const owned = new Set(rows.lines("list"))
    const from = (path: string): string | undefined => {
      const other = path.startsWith("/usr/lib/") ? path.slice(4) : `/usr${path}`
      return owned.has(path) || owned.has(other) ? "a package" : undefined
    }
    return [...timers(rows, from), ...cronLines(rows, from), ...folders(rows, from)].slice(0, LIST_MAX)
  },
}

type From = (path: string) => string | undefined

function timers(rows: Rows, from: From): readonly ScheduleFound[] {
  return blocksOf(rows.lines("timer")).flatMap((block): ScheduleFound[] => {
    const name = block.get("Id") ?? ""
    if (name === "") return []
    const spec = (text: string | undefined): string[] =>
      [...(text ?? "").matchAll(/On(?:\w+?)(?:USec)?=([^;}]+)/g)].map(([, when = ""]) => when.trim())
    const when =
      block.get("On") ?? [...spec(block.get("TimersCalendar")), ...spec(block.get("TimersMonotonic"))].join(", ")
    return [
      {
        by: "timer",
        name,
        when,
        runs: block.get("Unit") ?? name.replace(/\.timer$/, ".service"),
        next: utcOf(block.get("NextElapseUSecRealtime")),
        from: from(block.get("FragmentPath") ?? ""),
      },
    ]
  })
}

/** `Tue 2026-06-02 03:00:00 UTC`, as systemctl writes times. */
function utcOf(text: string | undefined): string | undefined {
  const [, day, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text ?? "") ?? []
  const at = new Date(`${day}T${time}Z`)
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}

/** `Key=value` lines, parted by a line of dashes. Of a key that comes twice the values stand beside each other. */
function blocksOf(lines: readonly string[]): readonly ReadonlyMap<string, string>[] {
  const blocks: Map<string, string>[] = [new Map()]
  for (const line of lines) {
    const at = line.indexOf("=")
    const block = blocks.at(-1)
    if (line === "--") blocks.push(new Map())
    else if (at > 0 && block !== undefined) {
      const key = line.slice(0, at)
      const before = block.get(key)
      block.set(key, before === undefined ? line.slice(at + 1) : `${before}, ${line.slice(at + 1)}`)
    }
  }
  return blocks
}

const FIELDS = /^((?:\S+\s+){4}\S+|@\w+)\s+(.*)$/

function cronLines(rows: Rows, from: From): readonly ScheduleFound[] {
  const entry = (file: string, line: string, isSystem: boolean): readonly ScheduleFound[] => {
    const text = line.trim()
    if (text === "" || text.startsWith("#") || /^[A-Za-z_]\w*\s*=/.test(text)) return []
    const [, when = "", rest = ""] = FIELDS.exec(text) ?? []
    if (when === "") return []
    const [user, ...words] = isSystem ? rest.split(/\s+/) : [file.slice(file.lastIndexOf("/") + 1), rest]
    return [
      { by: "cron", name: file, when: when.replace(/\s+/g, " "), user, runs: shown(words.join(" ")), from: from(file) },
    ]
  }
  const lines = (tag: string, isSystem: boolean): readonly ScheduleFound[] =>
    rows.all(tag).flatMap(([file = "", ...words]) => entry(file, words.join("\t"), isSystem))
  return [...lines("system", true), ...lines("user", false)]
}

/** A command without its words where one of them looks like a secret: its length alone is told and compared. */
function shown(command: string): string {
  return textHoldsSecret(command) ? `(looks like a secret, ${Buffer.byteLength(command)} bytes)` : command
}

function folders(rows: Rows, from: From): readonly ScheduleFound[] {
  return rows
    .all("folder")
    .flatMap(([when = "", path = ""]): ScheduleFound[] =>
      path.includes("/.") ? [] : [{ by: "cron", name: path, when, user: "root", runs: path, from: from(path) }],
    )
}
