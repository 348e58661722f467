import { quote } from "../../connect/host/quote.ts"
import { ALONE, FEWER_LOGS, givingUp, LAST_WORDS } from "./process-files.ts"

/** Exit code where a process is to be run by systemd, and the host has none that could. */
export const NO_SYSTEMD = 32

/**
 * Where the unit `un` of a process lies (`u`), and how it is reached: the system's units as root, else those of the user.
 *
 * manager  says on standard output why no systemd can be asked.
 * lasting  says why a user's systemd would end with their session, and all that it runs.
 * settle   stops the unit, whatever stands in its file.
 * take     removes it: unit, drop-ins, links. Without a systemd nothing of it can run, so only the files are left to remove.
 */
export function reaching(unit: string): string {
  return `
un=${quote(unit)} i=$(id -u)
if [ "$i" = 0 ]; then u=/etc/systemd/system/$un; else u=$HOME/.config/systemd/user/$un XDG_RUNTIME_DIR=/run/user/$i; export XDG_RUNTIME_DIR; fi
ctl() { if [ "$i" = 0 ]; then systemctl "$@"; else systemctl --user "$@"; fi; }
try() { o=$("$@" 2>&1) || { printf '%s\\n' "$o" >&2; exit 20; }; }
manager() {
  command -v systemctl >/dev/null 2>&1 || { printf 'the host has no systemctl\\n'; return 1; }
  [ -d /run/systemd/system ] || { printf 'systemd does not run on the host: there is no /run/systemd/system\\n'; return 1; }
  [ "$i" = 0 ] || [ -S "$XDG_RUNTIME_DIR/systemd/private" ] || { printf 'no systemd of user %s runs on the host\\n' "$(id -un)"; return 1; }
}
lasting() {
  [ "$i" = 0 ] || [ -e "/var/lib/systemd/linger/$(id -un)" ] || { printf 'the systemd of user %s ends with their last session\\n' "$(id -un)"; return 1; }
}
settle() {
  case $(ctl show -p ActiveState -- "$un" 2>/dev/null) in *=inactive|*=failed) ;; *) try ctl stop -- "$un";; esac
}
take() {
  if manager >/dev/null; then
    settle
    ctl disable -- "$un" >/dev/null 2>&1
    ctl revert -- "$un" >/dev/null 2>&1
  fi
  rm -rf -- "$u" "$u.new" "$u.d" "\${u%/*}"/*.wants/"$un" || exit 20
  if manager >/dev/null; then
    try ctl daemon-reload
    ctl reset-failed -- "$un" >/dev/null 2>&1
  fi
}
`
}

/** Says as `without=…` why no systemd could run a process; where it is wanted, that is why it cannot be had. */
export const WITHOUT = `w=$(manager && lasting) || printf 'without=%s\\n' "$w"`

/** What systemd says of a unit, as lines of \`name=value\`; \`c\` and \`ct\` are pid and start of the command it noted itself. */
export const UNIT_FACTS = `h=$(sha256sum <"$u") || exit 20
printf 'by=systemd\\nunit=%s\\nnoted=%s\\nstarted=%s\\n' "\${h%% *}" "$c" "$ct"
if manager >/dev/null; then
  o=$(ctl show -p ActiveState -p MainPID -p UnitFileState -p NeedDaemonReload -- "$un" 2>&1) || { printf '%s\\n' "$o"; exit 20; }
  printf '%s\\n' "$o"
fi`

/** Puts the unit file in place. Everybody may read it: it holds no secret. */
const UNIT_IN = `
unit() { mkdir -p -- "\${u%/*}" && cp -- "$S/unit" "$u.new" && chmod 644 "$u.new" && mv -f -- "$u.new" "$u" || exit 20; }`

/** Takes in a new unit file and log settings while the command goes on. */
export const unitSettings = `${UNIT_IN}
put settings
${FEWER_LOGS}unit
try ctl daemon-reload
try ctl enable -- "$un"
facts
tell`

export interface UnitStart {
  readonly cwd: string
  readonly readyAfterMs: number
  readonly fingerprint: string
  /** Whether nothing of it was there. */
  readonly isFirst: boolean
}

/**
 * Stops what runs, whoever runs it, and starts the unit anew. Needs \`halting\` and \`reaching\` before it. A first start leaves its
 * fingerprint before any file holds a secret, so that one that was cut off is found. Another leaves it when all is in place: where
 * the host boots meanwhile, the unit runs with what it had, and must not pass for the new one.
 */
export function unitStart({ cwd, readyAfterMs, fingerprint, isFirst }: UnitStart): string {
  return `${UNIT_IN}
mark() { printf '%s\\n' ${fingerprint} >"$d/fingerprint.new" && mv -f -- "$d/fingerprint.new" "$d/fingerprint" || exit 20; }
alive() { since "$c"; [ -n "$c" ] && [ -n "$since" ] && [ "$since" = "$cs" ]; }
[ -d ${quote(cwd)} ] || { printf 'there is no directory %s\\n' ${quote(cwd)} >&2; exit 20; }
${isFirst ? ALONE : ""}[ -d "$d" ] || { mkdir -m 700 -- "$d" && : >"$d/own"; } || exit 20
halt
settle
${isFirst ? "mark\n" : ""}put supervise; put settings; put env
for v in PATH HOME TMPDIR LANG; do
  eval "w=\\$$v"
  printf '%s="%s"\\n' "$v" "$(printf %s "$w" | sed 's/[\\\\"\`$]/\\\\&/g')"
done >"$d/env.host.new" && mv -f -- "$d/env.host.new" "$d/env.host" || exit 20
rm -f -- "$d/start" "$d/pid" "$d/child" "$d/stop" || exit 20
unit
mark
try ctl daemon-reload
ctl reset-failed -- "$un" >/dev/null 2>&1
try ctl enable -- "$un"
${FEWER_LOGS}from=0; [ ! -f "$d/log" ] || from=$(wc -c <"$d/log")
words=; o=$(ctl start -- "$un" 2>&1) || words=$o
n=0; facts
while [ -z "$c$words" ] && [ $n -lt 100 ]; do n=$((n + 1)); nap; facts; done
one=$c n=0
while [ $n -lt ${Math.ceil(readyAfterMs / 100)} ] && alive; do n=$((n + 1)); nap; facts; done
if [ "$one" = "$c" ] && alive && [ "$(ctl show -p MainPID -- "$un")" = "MainPID=$c" ]; then tell; exit 0; fi
take
${LAST_WORDS}
[ -z "$words" ] || printf '%s\\n' "$words"
${givingUp(isFirst)}`
}
