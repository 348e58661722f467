import type { ConfigFile, ConfigFound } from "../events/survey.ts"
import { isGenerated } from "./etc-rules.ts"
import { pathHoldsSecret } from "./looks-secret.ts"
import { numberOf, type Rows, type Section, timeOf } from "./section.ts"
import { linkOf } from "./services.ts"

/** What `find` leaves out: thousands of links that packages make. */
const NOT_LOOKED_AT = /^\/etc\/(alternatives|rc[0-6S]\.d|ssl\/certs)\//
/** Most files that are told one by one. */
const FILES_MAX = 5_000

/**
 * What stands below /etc and is not as a package put it there. On Debian the packages' own lists and hashes tell; on Alpine `apk
 * audit` does; elsewhere `rpm -V` of what is configuration.
 */
export const config: Section<ConfigFound> = {
  about: "configuration files",
  script: String.raw`
find /etc -name '*
*' -prune -exec sh -c 'for p; do printf "!\tconfiguration files: %s is left out: its name holds a newline\n" "$(printf %s "$p" | sed ":a
N
\$!ba
s/\n/\\\\n/g;s/\t/\\\\t/g")"; done' sh \{\} + 2>/dev/null
find /etc \( -path /etc/alternatives -o -path '/etc/rc[0-6S].d' -o -path /etc/ssl/certs -o -name '*
*' \) -prune -o -exec stat -c 'stat	%f	%s	%u	%g	%Y	%n' \{\} + 2>&1 | sed 's/^[a-z]*: /!	/;s/^find: /!	/'
find /etc \( -path /etc/alternatives -o -path '/etc/rc[0-6S].d' -o -path /etc/ssl/certs -o -name '*
*' \) -prune -o -type l -exec env QUOTING_STYLE=literal stat -c %N \{\} + 2>/dev/null | tagged link
if has dpkg-query; then
  printf 'by\tdpkg\n'
  find /etc \( -path /etc/ssl/certs -o -name '*
*' \) -prune -o -type f -size -2048 -exec md5sum \{\} + 2>&1 | tagged sum
  dpkg-query -W -f='@$\{Package}\n$\{Conffiles}\n' 2>/dev/null | sed -n '/^@/p;s/^ \(\/etc\/\)/\1/p' | tagged conf
  cat /var/lib/dpkg/info/*.list 2>/dev/null | grep '^/etc/' | sort -u | tagged list
  [ ! -r /var/lib/ucf/hashfile ] || tagged ucf </var/lib/ucf/hashfile
  cat /usr/share/pam/*.md5sums 2>/dev/null | tagged like
  find /usr/share/base-files /usr/share/base-passwd /usr/share/libc-bin /usr/share/libpam-runtime /usr/share/debconf /usr/share/adduser /usr/share/unattended-upgrades /usr/share/openssh /usr/share/readline -type f -exec md5sum \{\} + 2>/dev/null | tagged like
elif has apk; then
  printf 'by\tapk\n'
  soon apk audit /etc 2>/dev/null | tagged audit || unseen 'configuration: apk audit fails'
elif has rpm; then
  printf 'by\trpm\n'
  rpm -qal 2>/dev/null | grep '^/etc/' | sort -u | tagged list
  soon rpm -Va --configfiles --nodeps --noscripts 2>/dev/null | tagged verify
else unseen 'which files below /etc are whose: there is no dpkg, rpm or apk'; fi
:
`.replaceAll(/\\([{}])/g, "$1"),
  read: (rows) => {
    const by = rows.one("by")
    if (by === "") return undefined
    const judge = by === "dpkg" ? debian(rows) : by === "apk" ? alpine(rows) : redHat(rows)
    const links = new Map(rows.lines("link").flatMap(linkOf))
    const own: ConfigFile[] = []
    let generated = 0
    for (const [raw = "", size, uid, gid, changed, path = ""] of rows.all("stat")) {
      const why = path === "/etc" ? undefined : judge.why(path)
      if (why === undefined) continue
      if (why.why === "unowned" && isGenerated(path)) generated += 1
      else if (own.length < FILES_MAX) {
        const file = fileOf(path, raw, why, links.get(path))
        if (file !== undefined)
          own.push({
            ...file,
            uid: numberOf(uid),
            gid: numberOf(gid),
            sizeBytes: numberOf(size),
            changedAt: timeOf(changed) ?? "",
          })
      }
    }
    return { own: own.sort((a, b) => (a.path < b.path ? -1 : 1)), removed: judge.removed, generated }
  },
}

interface Why {
  readonly why: "changed" | "unowned"
  readonly from?: string | undefined
  readonly md5?: string | undefined
}

interface Judge {
  /** Undefined for a file that is as its package put it there. */
  why(path: string): Why | undefined
  readonly removed: readonly string[]
}

type Basics = Pick<ConfigFile, "path" | "type" | "why" | "mode" | "secret" | "from" | "to" | "md5">

/** Undefined for what is no file, folder or link: sockets and pipes are of whoever runs. */
function fileOf(path: string, raw: string, { why, from, md5 }: Why, to: string | undefined): Basics | undefined {
  const bits = Number.parseInt(raw, 16)
  const type = ({ 32768: "file", 16384: "directory", 40960: "link" } as const)[bits & 0o170000]
  if (type === undefined || (type === "link" && to === undefined)) return undefined
  const mode = (bits & 0o7777).toString(8).padStart(4, "0")
  const secret = type === "file" && pathHoldsSecret(path, mode)
  return {
    path,
    type,
    why,
    mode,
    secret,
    from,
    to: type === "link" ? to : undefined,
    md5: type === "file" && !secret ? md5 : undefined,
  }
}

function debian(rows: Rows): Judge {
  const sums = new Map(rows.lines("sum").flatMap(sumOf))
  const conf = new Map<string, { md5: string; from: string; obsolete: boolean }>()
  let from = ""
  for (const line of rows.lines("conf")) {
    if (line.startsWith("@")) from = line.slice(1)
    const match = /^(\/.*) ([0-9a-f]{32})((?: obsolete| remove-on-upgrade)*)$/.exec(line)
    if (match !== null) conf.set(match[1] as string, { md5: match[2] as string, from, obsolete: match[3] !== "" })
  }
  const listed = new Set(rows.lines("list"))
  const ucf = new Map(rows.lines("ucf").flatMap(sumOf))
  const like = new Set(rows.lines("like").map((line) => line.slice(0, 32)))
  const present = new Set(rows.all("stat").map(([, , , , , path = ""]) => path))
  const why = (path: string): Why | undefined => {
    const md5 = sums.get(path)
    const known = conf.get(path)
    if (known !== undefined)
      return md5 === undefined || md5 === known.md5 ? undefined : { why: "changed", from: known.from, md5 }
    const made = ucf.get(path)
    if (made !== undefined) return md5 === undefined || md5 === made ? undefined : { why: "changed", md5 }
    if (listed.has(path) || (md5 !== undefined && like.has(md5))) return undefined
    return { why: "unowned", md5 }
  }
  const removed = [...conf]
    .filter(([path, { obsolete }]) => !obsolete && !present.has(path) && !NOT_LOOKED_AT.test(path))
    .map(([path]) => path)
  return { why, removed: present.size === 0 ? [] : removed.slice(0, FILES_MAX) }
}

/** `hash  path`; what md5sum could not read is no hash. */
function sumOf(line: string): readonly (readonly [string, string])[] {
  const match = /^([0-9a-f]{32}) [ *](\/.*)$/.exec(line)
  return match === null ? [] : [[match[2] as string, match[1] as string]]
}

/** `U etc/hosts`: A added, U changed, D and X gone. */
function alpine(rows: Rows): Judge {
  const told = new Map(
    rows.lines("audit").flatMap((line): (readonly [string, string])[] => {
      const match = /^([AUXDMdm])\s+\/?(.*?)\/?$/.exec(line)
      return match === null ? [] : [[`/${match[2]}`, match[1] as string]]
    }),
  )
  return {
    why: (path) => {
      const sign = told.get(path)
      return sign === "A" || sign === "d"
        ? { why: "unowned" }
        : sign === "U" || sign === "M"
          ? { why: "changed" }
          : undefined
    },
    removed: [...told].filter(([, sign]) => sign === "X" || sign === "D").map(([path]) => path),
  }
}

/** `S.5....T.  c /etc/hosts`, or `missing   c /etc/x`. */
function redHat(rows: Rows): Judge {
  const told = new Map(
    rows.lines("verify").flatMap((line) => {
      const match = /^(\S+)\s+(?:[a-z]\s+)?(\/etc\/.*)$/.exec(line)
      return match === null ? [] : [[match[2] as string, match[1] as string] as const]
    }),
  )
  const listed = new Set(rows.lines("list"))
  return {
    why: (path) =>
      told.get(path)?.includes("5") === true ? { why: "changed" } : listed.has(path) ? undefined : { why: "unowned" },
    removed: [...told].filter(([, sign]) => sign === "missing").map(([path]) => path),
  }
}
