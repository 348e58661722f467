import { quote, quoteAll } from "../../connect/host/quote.ts"

/** How the scripts of units end where not well. */
export const ENDS = { refused: 22, noSystemd: 33, notRoot: 41 } as const

/** Tells which units systemd has not read since they changed: a line `NAMES` for each. One process, however many units. */
export const readScript = `[ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 || exit 0
for n; do shift; case $n in *@.*) ;; *) set -- "$@" "$n";; esac; done
[ $# -gt 0 ] || exit 0
systemctl show -p Names -p NeedDaemonReload -- "$@" 2>/dev/null | awk '
  function told() { if (names != "" && due) print names; names = ""; due = 0 }
  /^Names=/ { names = substr($0, 7) } /^NeedDaemonReload=yes/ { due = 1 } /^$/ { told() } END { told() }'`

/** One file of a unit, as a script needs it. */
export interface UnitFile {
  /** Below the folder of units: `shop.service` or `shop.service.d/10-limits.conf`. */
  readonly file: string
  readonly unit: string
  /** Its slot. */
  readonly slot: string
  readonly verify: boolean
  /** SHA-256 that was read, or "absent"; and of what is wanted. */
  readonly expect: string
  readonly wanted: string
}

const FOLDER = "/etc/systemd/system"

export function unitPath(file: string): string {
  return `${FOLDER}/${file}`
}

const HEAD = `[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
command -v systemctl >/dev/null 2>&1 || exit ${ENDS.noSystemd}
reload() { [ ! -d /run/systemd/system ] || systemctl daemon-reload; }
guard() {
  if [ -L "$1" ] || [ -d "$1" ]; then exit 10; fi
  if [ ! -e "$1" ]; then [ "$2" = absent ] || exit 10; return; fi
  h=$(sha256sum <"$1") || exit 20
  case \${h%% *} in "$2"|"$3") ;; *) exit 10;; esac
}
keep() { sync "$@" 2>/dev/null || sync; }
`

/**
 * Shows all to systemd first, then puts all in place, then has systemd read its units once. A command that is not there yet is no
 * reason to refuse a unit: it may come after it.
 */
export function putScript(files: readonly UnitFile[]): string {
  const lines = (of: (file: UnitFile) => string): string => files.map((each) => `${of(each)}\n`).join("")
  const shown = files.filter(({ verify }) => verify)
  return `${HEAD}stage() { mkdir -p -- "$S/v/$2" && rmdir -- "$S/v/$2" && cp -- "$S/$1" "$S/v/$2" || exit 20; }
told() { printf '%s\\n' "$v" | grep -F -e "$1" | grep -v -e 'is not executable' -e ' is marked executable' -e ' is marked world-'; }
put() {
  mkdir -p -- "\${2%/*}" && cp -- "$S/$1" "$2.fettle-new" && chmod 644 "$2.fettle-new" && keep "$2.fettle-new" || exit 20
  mv -f -- "$2.fettle-new" "$2" && keep "\${2%/*}" || exit 20
}
${shown.length === 0 ? "" : verifyLines(shown)}${lines(({ file, expect, wanted }) => `guard ${quoteAll([unitPath(file), expect, wanted])}`)}${lines(({ file, slot }) => `put ${quoteAll([slot, unitPath(file)])}`)}reload || exit 20`
}

function verifyLines(files: readonly UnitFile[]): string {
  const units = [...new Set(files.map(({ unit }) => unit))]
  return `if command -v systemd-analyze >/dev/null 2>&1; then
${files.map(({ slot, file }) => `stage ${quoteAll([slot, file])}\n`).join("")}v=$(SYSTEMD_LOG_LEVEL=warning SYSTEMD_UNIT_PATH="$S/v:" systemd-analyze verify --man=no -- ${quoteAll(units)} 2>&1 | sed "s#$S/v/##g")
w=$(
${files.map(({ file }) => `told ${quote(file)}\n`).join("")})
[ -z "$w" ] || { printf '%s\\n' "$w" | sort -u >&2; exit ${ENDS.refused}; }
fi
`
}

/** Stops what runs of a whole unit, takes its files out, and has systemd read its units once. */
export function removeScript(files: readonly Pick<UnitFile, "file" | "unit" | "expect">[]): string {
  const stop = files.filter(({ file, unit }) => file === unit).map(({ unit }) => unit)
  const patterns = stop.map((unit) => unit.replace(/@\./, "@*."))
  return `${HEAD}${files.map(({ file, expect }) => `[ ! -e ${quote(unitPath(file))} ] || guard ${quoteAll([unitPath(file), expect, expect])}\n`).join("")}${
    stop.length === 0
      ? ""
      : `if [ -d /run/systemd/system ]; then
o=$(systemctl stop -- ${quoteAll(patterns)} 2>&1) || case $o in *'not loaded'*) ;; *) printf '%s\\n' "$o" >&2; exit 20;; esac
fi
systemctl disable -q -- ${quoteAll(stop)} 2>/dev/null
`
  }rm -f -- ${quoteAll(files.map(({ file }) => unitPath(file)))} || exit 20
${files.flatMap(({ file, unit }) => (file === unit ? [] : [`rmdir -- ${quote(unitPath(`${unit}.d`))} 2>/dev/null\n`])).join("")}reload || exit 20`
}
