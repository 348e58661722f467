import { quote } from "../../connect/host/quote.ts"

/** How the scripts of services end where not well. */
export const ENDS = {
  died: 31,
  noManager: 32,
  unknown: 33,
  masked: 34,
  notRoot: 41,
} as const

/** Where it is kept what a service was started with, a file each: root's, and for as long as the system. */
const MARKS = "/var/lib/fettle/services"

/** systemd loads each unit that it is asked for; of more than so many, those that it cannot know are found out beforehand. */
const FEW = 20

/** Reads what systemd knows, `-`, and names; tells each name with + where it, or its template, is known, else with -. */
const KNOWN = `
$0 == "-" { names = 1; next }
!names { known[$1 ~ /\\./ ? $1 : $2] = 1; next }
{
  unit = $0 ~ /\\.(service|socket|target|timer|path|mount|automount|swap|slice|scope|device)$/ ? $0 : $0 ".service"
  template = unit; sub(/@.*\\./, "@.", template)
  print ((unit in known) || (template in known) ? "+" : "-") $0
}`

/** Reads these, `.`, and the answers for those with +; tells an answer for each. */
const MERGED = `
$0 == "." && !answers { answers = 1; next }
!answers { name[++names] = $0; next }
$0 == "" { if (text != "") told[++count] = text; text = ""; next }
{ text = text $0 "\\n" }
END {
  if (text != "") told[++count] = text
  for (i = 1; i <= names; i++)
    printf "%s\\n", name[i] ~ /^[+]/ ? told[++at] : "LoadState=not-found\\nActiveState=inactive\\nUnitFileState=\\nNeedDaemonReload=no\\n"
}`

/**
 * Finds what manages services, `m`, and tells of each one named, in their order and in the words of `systemctl show`, with an empty
 * line behind each; before them what each was started with. systemd is asked once for all; OpenRC once for each.
 */
const FACTS = `has() { command -v "$1" >/dev/null 2>&1; }
m=
if [ -d /run/systemd/system ] && has systemctl; then m=systemd
elif { [ -d /run/openrc ] || [ -d /lib/rc/init.d ]; } && has rc-service; then m=openrc
else printf 'neither systemd nor OpenRC runs on the host\\n'; exit ${ENDS.noManager}
fi
show_all() { systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- "$@"; printf '\\n'; }
known_of() {
  systemctl list-unit-files --no-legend --no-pager --full && systemctl list-units --all --plain --no-legend --no-pager --full || return
  echo -; printf '%s\\n' "$@"
}
facts_systemd() {
  [ $# -gt ${FEW} ] && k=$(known_of "$@" 2>/dev/null) || { show_all "$@"; return; }
  k=$(printf '%s\\n' "$k" | awk ${quote(KNOWN)})
  set -- $(printf '%s\\n' "$k" | sed -n 's/^+//p')
  o=; [ $# = 0 ] || o=$(show_all "$@") || return
  printf '%s\\n.\\n%s\\n' "$k" "$o" | awk ${quote(MERGED)}
}
facts_openrc() {
  for w; do
    l=not-found a=inactive f=disabled
    [ ! -e "/etc/init.d/$w" ] || l=loaded
    if [ $l = loaded ]; then
      rc-service "$w" status >/dev/null 2>&1; r=$?
      case $r in 0) a=active;; 32) a=failed;; esac
    fi
    for e in /etc/runlevels/*/"$w"; do [ ! -L "$e" ] && [ ! -e "$e" ] || f=enabled; done
    printf 'LoadState=%s\\nActiveState=%s\\nUnitFileState=%s\\nNeedDaemonReload=no\\n\\n' $l $a $f
  done
}
services() {
  printf 'manager=%s\\n' "$m"
  for w; do
    x= y=
    [ ! -f "${MARKS}/$w" ] || read -r x y <"${MARKS}/$w"
    printf 'service=%s %s %s\\n' "$w" "\${x:--}" "\${y:--}"
  done
  printf '\\n'
  facts_$m "$@"
}
`

export const readScript = `${FACTS}services "$@"`

/**
 * show   sets l, a, f and d from what the manager says of `n`.
 * try    runs a command, and ends the script where it fails.
 * begin  starts or restarts it; where that fails, tells its last words.
 */
const CHANGING = `[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
show() {
  s=$(facts_$m "$n" 2>&1) || { printf '%s\\n' "$s" >&2; exit 20; }
  l= a= f= d=
  while IFS== read -r k v; do
    case $k in LoadState) l=$v;; ActiveState) a=$v;; UnitFileState) f=$v;; NeedDaemonReload) d=$v;; esac
  done <<END
$s
END
}
try() { o=$("$@" 2>&1) || { printf '%s\\n' "$o" >&2; exit 20; }; }
nap() { sleep 0.1 2>/dev/null || sleep 1; }
case $m in
systemd)
  refresh() { try systemctl daemon-reload; show; }
  enable() { case $f in enabled|alias|static|indirect|generated|transient) ;; *) try systemctl enable -- "$n";; esac; }
  disable() { case $f in enabled|enabled-runtime|alias|generated|linked|linked-runtime) try systemctl disable -- "$n";; esac; }
  mask() { [ "$l" = masked ] || try systemctl mask -- "$n"; }
  unmask() { [ "$l" != masked ] || { try systemctl unmask -- "$n"; show; }; }
  begin() {
    systemctl reset-failed -- "$n" >/dev/null 2>&1
    o=$(systemctl "$1" -- "$n" 2>&1) || died "$o"
  }
  reload() { begin reload-or-restart; }
  halt() { try systemctl stop -- "$n"; }
  last() { journalctl -u "$n" -n 20 -o cat --no-pager 2>/dev/null; }
  ;;
openrc)
  refresh() { :; }
  enable() { [ "$f" = enabled ] || try rc-update add "$n" default; }
  disable() { for e in /etc/runlevels/*/"$n"; do [ ! -L "$e" ] && [ ! -e "$e" ] || { e=\${e%/*}; try rc-update del "$n" "\${e##*/}"; }; done; }
  mask() { printf 'OpenRC masks no services\\n' >&2; exit 20; }
  unmask() { :; }
  begin() { [ "$a" != failed ] || rc-service "$n" zap >/dev/null 2>&1; o=$(rc-service "$n" "$1" 2>&1) || died "$o"; }
  reload() { rc-service "$n" reload >/dev/null 2>&1 || begin restart; }
  halt() { try rc-service "$n" stop; }
  last() { :; }
  ;;
esac
died() { last; printf '%s\\n' "$1"; exit ${ENDS.died}; }
runs() { case $a in active|reloading|refreshing) return 0;; esac; return 1; }
busy() { case $a in inactive|failed) return 1;; esac; }
mark=${MARKS}/$n
marked() { x= y=; [ ! -f "$mark" ] || read -r x y <"$mark"; }
note() { ( umask 022; mkdir -p ${MARKS} && printf '%s %s\\n' "$1" "$2" >"$mark.new" && mv -f "$mark.new" "$mark" ) || exit 20; }
show
[ "$l" != not-found ] && [ "$d" != yes ] || refresh
`

export interface EnsureParts {
  readonly name: string
  readonly enabled: boolean | "any"
  readonly running: boolean | "any"
  readonly masked?: boolean | undefined
  /** Fingerprints of what it is restarted and reloaded on; undefined where on nothing. */
  readonly restart: string | undefined
  readonly reload: string | undefined
  readonly readyAfterMs: number
}

/** Brings a service to what is wanted, whatever it is by now: its package may have come earlier in the same request. Then tells it. */
export function ensureScript(parts: EnsureParts): string {
  const { name, enabled, running, masked } = parts
  const on = enabled === true || running === true
  return `${FACTS}n=${quote(name)}
${CHANGING}${masked === false ? "unmask\n" : ""}${
  on
    ? `[ "$l" != not-found ] || exit ${ENDS.unknown}
[ "$l" != masked ] || exit ${ENDS.masked}
`
    : `[ "$l" != not-found ] || { services "$n"; exit 0; }
`
}${enabled === true ? "enable\n" : enabled === false ? "disable\n" : ""}${
  running === true ? started(parts) : running === false ? '! busy || halt\nrm -f "$mark"\n' : ""
}${masked === true ? "mask\n" : ""}services "$n"`
}

/** What is noted goes before a restart and comes after it: a restart that is cut off stays due, whatever is wanted then. */
function started({ restart = "-", reload = "-", readyAfterMs }: EnsureParts): string {
  return `marked
if ! runs; then rm -f "$mark"; begin start
elif [ ${restart} != - ] && [ "$x" != ${restart} ]; then rm -f "$mark"; begin restart
elif [ ${reload} != - ] && [ "$y" != ${reload} ]; then rm -f "$mark"; reload
fi
i=0; show
while { [ $i -lt ${Math.ceil(readyAfterMs / 100)} ] && runs; } || { [ "$a" = activating ] && [ $i -lt 100 ]; }; do i=$((i + 1)); nap; show; done
runs || died "its state is $a"
note ${restart} ${reload}
`
}

export interface RemoveParts {
  readonly name: string
  readonly stop: boolean
  readonly disable: boolean
  readonly unmask: boolean
}

/** Takes back what was asked for; a service that is gone needs nothing. */
export function removeScript({ name, stop, disable, unmask }: RemoveParts): string {
  return `${FACTS}n=${quote(name)}
${CHANGING}rm -f "$mark" || exit 20
[ "$l" != not-found ] || exit 0
${unmask ? "unmask\n" : ""}${stop ? "! busy || halt\n" : ""}${disable ? "disable\n" : ""}exit 0`
}
