import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { notRoot } from "./not-root.ts"
import { hostPath } from "./props.ts"

const ENDS = { noFolder: 21, refused: 22, notRoot: 41 } as const

const option = z.string().regex(/^[^\s,\p{C}]+$/u, "an option is one word without a comma")

const props = z.strictObject({
  path: hostPath.describe("Where it is mounted: a folder that is there."),
  source: z
    .string()
    .min(1)
    .max(4_000)
    .regex(/^[^\0]+$/)
    .refine((source) => !source.startsWith("#"), "fstab takes what begins with # for a comment")
    .describe('What is mounted: a device, "UUID=…", "server:/share", or "tmpfs".'),
  type: option.describe('Its type: "ext4", "nfs", "tmpfs".'),
  options: z.array(option).default([]).describe('As in ["noatime", "size=1G"]. Default: defaults.'),
  dump: z.int().min(0).max(9).default(0).describe("The fifth field of fstab."),
  pass: z.int().min(0).max(9).default(0).describe("The sixth field of fstab: in which turn it is checked at boot."),
  mounted: z.boolean().default(true).describe("Whether it is mounted now, too; false only writes fstab."),
})

const outputs = z.object({
  path: z.string(),
  /** Its line of /etc/fstab. */
  entry: z.string(),
  mounted: z.boolean(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A file system mounted now and at each boot: a line of /etc/fstab, told by its folder. When it is removed it is unmounted.
 * @example resource(host.mount, { path: "/srv/cache", source: "tmpfs", type: "tmpfs", options: ["size=1G"] }, { on: web })
 */
export const mount = hostKind({
  kind: "host.mount",
  version: 1,
  about: "A file system mounted now and at each boot, with its line of /etc/fstab.",
  props,
  outputs,
  stable: ["path"],
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, entry: entryOf(want), ...(want.mounted ? { mounted: true } : {}) }),
  question: () => ({ shared: { script: READ, words: [] } }),
  answer,
  plan,
  change: changeMount,
  exclusive: () => "fstab",
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeScript(at) }
  },
  result: ({ script }, want) => ({
    path: want.path,
    entry: entryOf(want),
    mounted: (script?.out ?? "").trim().endsWith("mounted"),
  }),
  failure: ({ exitCode, err }) => {
    if (exitCode === ENDS.notRoot) return notRoot("mount file systems")
    return exitCode === ENDS.noFolder || exitCode === ENDS.refused
      ? new FettleError("FILE_REFUSED", err.trim())
      : undefined
  },
})

/** All that is written and all that is mounted: one process, however many mounts. */
const READ = `[ ! -e /etc/fstab ] || cat /etc/fstab || exit 20
printf '\\n//\\n'
cat /proc/self/mounts`

/** As fstab and the kernel write a field: what would end it as an octal number. */
function field(text: string): string {
  return text.replace(/[ \t\n\\]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, "0")}`)
}

function entryOf({ path, source, type, options, dump, pass }: Want): string {
  const words = [source, path, type, options.length === 0 ? "defaults" : options.join(",")]
  return `${words.map(field).join(" ")} ${dump} ${pass}`
}

interface Mounts {
  /** Lines of fstab by the second field. */
  readonly entries: ReadonlyMap<string, string>
  /** Source and type of what is mounted, by its folder; what was mounted last wins. */
  readonly now: ReadonlyMap<string, string>
}

/** One answer serves all mounts of a read. */
const known = new WeakMap<ScriptRecord, Mounts>()

function mountsOf(record: ScriptRecord): Mounts {
  const before = known.get(record)
  if (before !== undefined) return before
  const [written = "", mounted = ""] = record.out.split("\n//\n")
  const wordsOf = (line: string): readonly string[] => line.trim().split(/[ \t]+/)
  const entries = written.split("\n").flatMap((line): [string, string][] => {
    const [source = "#", path, ...rest] = wordsOf(line)
    return source.startsWith("#") || source === "" || path === undefined
      ? []
      : [[path, [source, path, ...rest].join(" ")]]
  })
  const now = mounted.split("\n").flatMap((line): [string, string][] => {
    const [source = "", path, type] = wordsOf(line)
    return path === undefined ? [] : [[path, `${source} ${type}`]]
  })
  const found = { entries: new Map(entries), now: new Map(now) }
  known.set(record, found)
  return found
}

function answer({ id, want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const path = want?.path ?? id ?? last?.outputs.path ?? ""
  const record = found.shared as ScriptRecord
  if (record.exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `mounts cannot be read: ${record.out.trim().slice(-500)}`) }
  const { entries, now } = mountsOf(record)
  const entry = entries.get(field(path))
  if (entry === undefined) return { absent: true }
  return { outputs: { path, entry, mounted: now.has(field(path)) } }
}

/** The two fields that may be left out. */
function normal(entry: string): string {
  const [source = "", path = "", type = "", options = "defaults", dump = "0", pass = "0"] = entry.split(" ")
  return [source, path, type, options, dump, pass].join(" ")
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const entry = entryOf(want)
  if (!("outputs" in seen)) return { action: "create", text: `+${entry}` }
  const { outputs: at } = seen
  const differs = normal(at.entry) !== entry
  const due = want.mounted && !at.mounted
  if (!differs && !due) return { action: "none" }
  const [was, now] = [normal(at.entry).split(" "), entry.split(" ")]
  const fields = ["source", "path", "type", "options", "dump", "pass"] as const
  return {
    action: "update",
    props: [...fields.filter((_, nth) => was[nth] !== now[nth]), ...(due ? (["mounted"] as const) : [])],
    because: [...(differs ? ["its line of fstab differs"] : []), ...(due ? ["it is not mounted"] : [])].join("; "),
    ...(differs ? { text: `-${at.entry}\n+${entry}` } : {}),
  }
}

/**
 * `edit LINE` puts a line in the place of the one that was read, or takes that out; no other line moves. Words that awk gets through
 * its environment keep their backslashes.
 */
const HEAD = (path: string, entry: string | undefined): string => `[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
p=${quote(path)}
AT=${quote(field(path))} OLD=${quote(entry ?? "")}
export AT OLD
on() { while read -r s d x; do [ "$d" != "$AT" ] || return 0; done </proc/self/mounts; return 1; }
edit() {
  LINE=$1; export LINE
  [ ! -L /etc/fstab ] || { printf '/etc/fstab is a symbolic link\\n' >&2; exit ${ENDS.refused}; }
  if [ -e /etc/fstab ]; then cp -p /etc/fstab /etc/fstab.fettle; else ( umask 022; : >/etc/fstab.fettle; : >/etc/fstab ); fi || exit 20
  LC_ALL=C awk '
    { line = $0; one = $1; two = $2; $1 = $1 }
    one ~ /^#/ || two != ENVIRON["AT"] { print line; next }
    $0 != ENVIRON["OLD"] && $0 != ENVIRON["LINE"] { stale = 1; exit 10 }
    !done && ENVIRON["LINE"] != "" { print ENVIRON["LINE"] } { done = 1 }
    END { if (stale) exit 10; if (!done && ENVIRON["LINE"] != "") print ENVIRON["LINE"] }' /etc/fstab >/etc/fstab.fettle
  r=$?
  [ $r = 0 ] || { rm -f /etc/fstab.fettle; [ $r = 10 ] && exit 10; exit 20; }
  sync /etc/fstab.fettle 2>/dev/null || sync
  mv -f /etc/fstab.fettle /etc/fstab || exit 20
}
try() { o=$("$@" 2>&1) || { printf '%s\\n' "$o" >&2; exit 20; }; }
`

function changeMount({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const at = "outputs" in seen ? seen.outputs : undefined
  const entry = entryOf(want)
  const [was, now] = [normal(at?.entry ?? entry).split(" "), entry.split(" ")]
  const another = was[0] !== now[0] || was[2] !== now[2]
  const mounting = `if on; then ${another ? 'try umount "$p"; try mount "$p"' : was[3] === now[3] ? ":" : `try mount -o ${quote(`remount,${now[3]}`)} -- "$p"`}
else try mount "$p"; fi
`
  return {
    script: `${HEAD(want.path, at?.entry)}${
      want.mounted ? `[ -d "$p" ] || { printf 'there is no directory %s\\n' "$p" >&2; exit ${ENDS.noFolder}; }\n` : ""
    }edit ${quote(entry)}
[ ! -d /run/systemd/system ] || systemctl daemon-reload
${want.mounted ? mounting : ""}if on; then echo mounted; else echo not; fi`,
  }
}

function removeScript({ path, entry }: Outputs): string {
  return `${HEAD(path, entry)}if on; then try umount "$p"; fi
[ ! -e /etc/fstab ] || edit ''
[ ! -d /run/systemd/system ] || systemctl daemon-reload`
}
