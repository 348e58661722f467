import { createHash } from "node:crypto"
import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { whatIsWrongWithSchedule } from "./cron-schedule.ts"
import { notOfType } from "./refused.ts"

const REFUSED = 22
const NO_CRONTAB = 32
/** Most bytes of a file of cron.d that are compared. */
const FILE_MAX = 10_000

const props = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,100}$/, "a name is letters, digits, _ and -, which cron takes in cron.d")
      .describe("Stands in the mark above the entry, or is the name of the file."),
    schedule: z
      .string()
      .superRefine((schedule, context) => {
        const wrong = whatIsWrongWithSchedule(schedule)
        if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong })
      })
      .describe('Five fields, as in "5 4 * * mon-fri", or @daily, @hourly, @reboot …'),
    command: z
      .string()
      .min(1)
      .max(1_500)
      .regex(/^\S[^\0\r\n]*$/, "a command of cron is one line")
      .describe("One line for sh. A % is written as cron wants it."),
    user: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
      .optional()
      .describe(
        "Whose crontab, or as whom in cron.d; another than one's own needs root. Default: whoever fettle works as; root in cron.d.",
      ),
    in: z
      .enum(["crontab", "cron.d"])
      .default("crontab")
      .describe(
        '"crontab": an entry in the crontab of the user, beside those of others. "cron.d": a file of its own in /etc/cron.d.',
      ),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().regex(/^[^\0\r\n"]*$/))
      .default({})
      .describe(
        "In cron.d: variables above the entry, such as PATH and MAILTO. In a crontab they would be everybody's.",
      ),
  })
  .superRefine((given, context) => {
    if (given.in === "crontab" && Object.keys(given.env).length > 0)
      context.addIssue({
        code: "custom",
        path: ["env"],
        message: 'variables of a crontab hold for all its entries: use in: "cron.d"',
      })
  })

const outputs = z.object({
  name: z.string(),
  /** The line of the crontab, or the text of the file. */
  entry: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * An entry of cron: a marked line in a user's crontab, beside those of others, or a file of its own in /etc/cron.d.
 * @example resource(host.cron, { name: "backup", schedule: "5 4 * * *", command: "/srv/shop/backup" }, { on: web })
 */
export const cron = hostKind({
  kind: "host.cron",
  version: 1,
  about: "An entry of cron: a marked line in a user's crontab, or a file in /etc/cron.d.",
  props,
  outputs,
  stable: ["name"],
  id: (want) => (want.in === "cron.d" ? fileOf(want) : `crontab ${want.user ?? "of fettle's user"}: ${want.name}`),
  predict: (want) => ({ name: want.name, entry: entryOf(want) }),
  question: ({ want, last }) => {
    const at = (want ?? last?.props) as Want
    return at.in === "cron.d"
      ? { stat: [fileOf(at)], script: `[ ! -f ${quote(fileOf(at))} ] || head -c ${FILE_MAX} <${quote(fileOf(at))}` }
      : { script: readScript(at, last) }
  },
  answer,
  plan,
  change: changeCron,
  removal,
  result: (_, want) => ({ name: want.name, entry: entryOf(want) }),
  failure: ({ exitCode, out }) => {
    if (exitCode === NO_CRONTAB) return noCrontab()
    return exitCode === REFUSED ? new FettleError("FILE_REFUSED", out.trim()) : undefined
  },
})

function fileOf({ name }: Want): string {
  return `/etc/cron.d/${name}`
}

function markOf({ name }: Want): string {
  return `# fettle: ${name}`
}

/** A % ends the command for cron unless a backslash stands before it. */
function commandOf({ command }: Want): string {
  return command.replaceAll(/(?<!\\)%/g, "\\%")
}

function entryOf(want: Want): string {
  const command = commandOf(want)
  if (want.in === "crontab") return `${want.schedule} ${command}`
  const env = Object.entries(want.env).map(([name, value]) => `${name}="${value}"\n`)
  return `${markOf(want)}\n${env.join("")}${want.schedule} ${want.user ?? "root"} ${command}\n`
}

/** Lists a crontab into a file of its own, empty where there is none. */
function listScript({ user }: Want, into: string): string {
  const of = user === undefined ? "" : ` -u ${quote(user)}`
  return `command -v crontab >/dev/null || exit ${NO_CRONTAB}
t=$(crontab${of} -l 2>/dev/null; r=$?; printf x; exit $r); r=$? t=\${t%x}
[ $r = 0 ] || t=$(crontab${of} -l 2>&1 >/dev/null)
[ $r = 0 ] || case $t in
  (*'no crontab for'*|*"can't open"*"No such file"*) t=;;
  (*) printf '%s\\n' "$t"; exit 20;;
esac
${into}`
}

/**
 * Finds the entry: `l` is its line, `n` the number of it, `m` that of the first line to replace; all empty where there is none. Below
 * our mark stands ours. Without a mark, a line that means exactly one of `entries` is it, however it is spaced: somebody wrote it.
 */
function findScript(want: Want, entries: readonly string[]): string {
  const [one = "", other = ""] = [...new Set(entries)]
  return `set -- $(printf '%s' "$t" | grep -anxF -e ${quote(markOf(want))} | sed 's/:.*//')
[ $# -le 1 ] || { printf 'the crontab has the mark %s times\\n' "$#"; exit ${REFUSED}; }
m=\${1-} n= l=
if [ $# = 1 ]; then n=$(($1 + 1)); l=$(printf '%s' "$t" | sed -n "\${n}p")
else
  l=$(printf '%s' "$t" | ONE=${quote(one)} OTHER=${quote(other)} awk ${quote(UNMARKED)})
  n=\${l%% *} m=$n l=\${l#* }
fi`
}

/** Prints number and text of the first line that means the one or the other and stands below no mark of ours; its fields parted by one blank. */
const UNMARKED = `BEGIN { one = ENVIRON["ONE"]; other = ENVIRON["OTHER"] }
{
  rest = $0; sub(/^[ \t]+/, "", rest); text = ""; k = (rest ~ /^@/) ? 1 : 5
  for (i = 0; i < k; i++) {
    if (!match(rest, /^[^ \t]+[ \t]+/)) { text = ""; break }
    word = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1); sub(/[ \t]+$/, "", word); text = text word " "
  }
  if (text != "" && before !~ /^# fettle: / && (text rest == one || (other != "" && text rest == other))) { print NR " " text rest; exit }
  before = $0
}`

function readScript(want: Want, last: Last<Want, Outputs> | undefined): string {
  const entries = last === undefined ? [entryOf(want)] : [last.outputs.entry, entryOf(want)]
  return `${listScript(want, findScript(want, entries))}
[ -z "$m" ] || { echo there; printf '%s\\n' "$l"; }`
}

function answer({ want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const wanted = (want ?? last?.props) as Want
  const { name } = wanted
  const { exitCode = 1, out = "" } = found.script ?? {}
  if (wanted.in === "cron.d") {
    const at = found.path(fileOf(wanted))
    if (at === "absent") return { absent: true }
    if ("failed" in at || at.type !== "file") return { failed: notOfType(fileOf(wanted), at, "file") }
  } else if (exitCode === NO_CRONTAB) return { failed: noCrontab() }
  if (exitCode === REFUSED) return { failed: new FettleError("FILE_REFUSED", out.trim()) }
  if (exitCode !== 0) return { failed: new FettleError("READ_FAILED", out.trim() || `exit code ${exitCode}`) }
  if (wanted.in === "cron.d") return { outputs: { name, entry: out } }
  return out === "" ? { absent: true } : { outputs: { name, entry: out.slice("there\n".length).replace(/\n$/, "") } }
}

function noCrontab(): FettleError {
  return new FettleError("HOST_TOOLS", "the host has no crontab", {
    next: 'install cron, or use in: "cron.d" or host.timer',
  })
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const entry = entryOf(want)
  const lines = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`)
  if (!("outputs" in seen)) return { action: "create", text: textDiff("", lines(entry)) }
  const at = seen.outputs.entry
  if (at === entry || (want.in === "cron.d" && plainFile(at, want) === plainFile(entry, want)))
    return { action: "none" }
  const names = (["schedule", "command"] as const).filter(
    (name) => !at.includes(name === "command" ? commandOf(want) : want[name]),
  )
  return {
    action: "update",
    props: names.length > 0 ? names : ["command"],
    because: "the entry differs",
    text: textDiff(lines(at), lines(entry)),
  }
}

/** A file of cron.d in one form, however it is spaced and quoted; our mark says nothing. */
function plainFile(text: string, want: Want): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && line !== markOf(want))
  return lines.map(plainLine).join("\n")
}

function plainLine(line: string): string {
  const [, name, value = ""] = /^\s*["']?([A-Za-z_]\w*)["']?\s*=\s*(.*?)\s*$/.exec(line) ?? []
  if (name !== undefined) return `${name}="${value.replace(/^(["'])(.*)\1$/, "$2")}"`
  const [, when = "", user, command] = /^[ \t]*(@\w+|(?:\S+[ \t]+){4}\S+)[ \t]+(\S+)[ \t]+(.*)$/.exec(line) ?? []
  return user === undefined ? line : `${when.replace(/[ \t]+/g, " ")} ${user} ${command}`
}

function changeCron({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const entry = entryOf(want)
  const at = "outputs" in seen ? seen.outputs.entry : undefined
  if (want.in === "cron.d") {
    const expect = at === undefined ? "absent" : at.length < FILE_MAX ? sha256Of(at) : "any"
    return { puts: [{ path: fileOf(want), content: entry, mode: "0644", expect }] }
  }
  // What stands below our mark must be what was read, or what is wanted.
  const known = [...(at === undefined ? [] : [at]), entry].map(quote)
  return {
    brief: true,
    slots: { entry: `${markOf(want)}\n${entry}\n` },
    script: `${listScript(want, findScript(want, at === undefined ? [entry] : [at, entry]))}
printf '%s' "$t" >"$S/old" || exit 20
if [ -z "$m" ]; then cat "$S/old" "$S/entry" >"$S/new"
else
  case $l in ${known.join("|")}) ;; *) exit 10;; esac
  { [ "$m" = 1 ] || head -n $((m - 1)) "$S/old"; cat "$S/entry"; tail -n +$((n + 1)) "$S/old"; } >"$S/new"
fi || exit 20
${putScript(want)}`,
  }
}

/** The program of cron looks at the whole crontab, and refuses it with its own words. Some open a file as the user, who may not read ours. */
function putScript({ user }: Want): string {
  const of = user === undefined ? "" : ` -u ${quote(user)}`
  return `cmp -s "$S/old" "$S/new" || w=$(crontab${of} - 2>&1 <"$S/new") || { printf '%s\\n' "$w"; exit ${REFUSED}; }`
}

function removal(seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): HostChange {
  if (last === undefined || "absent" in seen) return {}
  const want = last.props
  const at = "outputs" in seen ? seen.outputs.entry : last.outputs.entry
  if (want.in === "cron.d")
    return { removes: [{ path: fileOf(want), expect: at.length < FILE_MAX ? sha256Of(at) : "any" }] }
  const of = want.user === undefined ? "" : ` -u ${quote(want.user)}`
  // What stands below our mark may be somebody else's by now: then only the mark is ours to remove.
  const ours = [last.outputs.entry ?? entryOf(want), entryOf(want)]
  return {
    brief: true,
    slots: { entry: "" },
    script: `${listScript(want, findScript(want, ours))}
[ -n "$m" ] || exit 0
[ "$l" = ${quote(at)} ] || exit 10
case $l in ${ours.map(quote).join("|")}) ;; *) n=$m;; esac
printf '%s' "$t" >"$S/old" || exit 20
sed "$m,\${n}d" "$S/old" >"$S/new" || exit 20
[ -s "$S/new" ] || { crontab${of} -r; exit; }
${putScript(want)}`,
  }
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
