import { quote } from "../../connect/host/quote.ts"
import { unlessAstray } from "../../connect/host/unless-astray.ts"
import { ALONE, FEWER_LOGS, givingUp, LAST_WORDS, REMOVING, STARTED_WITH } from "./process-files.ts"
import { NO_SYSTEMD, reaching, UNIT_FACTS, unitSettings, unitStart, WITHOUT } from "./systemd-scripts.ts"
import { unitName } from "./systemd-unit.ts"

/** What keeps a process running. */
export type Supervisor = "sh" | "systemd"

/** How a process is asked to end. */
export interface StopHow {
  readonly signal: string
  readonly graceMs: number
}

/**
 * Pid and start time in a pid file name one process for ever, together with the boot; a zombie is no process. A process may have
 * a line break in its name, which stands before what is looked for.
 */
const LOOKING = `
since() { a=; { while read -r w || [ -n "$w" ]; do a=$a$w; done <"/proc/$1/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a; case \${1-} in ''|Z|X) since=;; *) since=\${20-};; esac; }
up() { [ -n "$1" ] && [ "$b" = "$boot" ] && since "$1" && [ -n "$since" ] && [ "$since" = "$2" ]; }
facts() {
  p= s= b= t= ts= c= cs= ct= boot=
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
  [ ! -f "$d/pid" ] || read -r p s b t ts <"$d/pid"
  [ ! -f "$d/child" ] || read -r c cs ct <"$d/child"
}
`

/** Tells what is there, as lines of `name=value`; nothing where it was never started. A unit may be there without its folder. */
export function readScript(directory: string): string {
  return `d=${quote(directory)}
[ ! -d "$d" ] || { [ -r "$d" ] && [ -x "$d" ]; } || { printf 'it may not be read\\n'; exit 20; }
${LOOKING}${reaching(unitName(directory))}
facts
o=
${STARTED_WITH}${WITHOUT}
[ -n "$f" ] || [ -f "$u" ] || exit 0
[ ! -f "$d/settings" ] || read -r o <"$d/settings"
printf 'fingerprint=%s\\nsettings=%s\\n' "$f" "$o"
if [ -f "$u" ]; then
${UNIT_FACTS}
exit 0
fi
! up "$p" "$s" || printf 'supervisor=alive\\n'
! up "$c" "$cs" || printf 'child=alive\\n'
[ -z "$c" ] || printf 'pid=%s\\nstarted=%s\\n' "$c" "$ct"`
}

/**
 * Ends the command, then what supervises it: `stop` keeps the loop from starting the command again; the signal goes to its whole
 * process group; the loop and the log get a second to take its last words.
 */
function halting({ signal, graceMs }: StopHow): string {
  return `${LOOKING}
nap() { sleep 0.1 2>/dev/null || sleep 1; }
wait_for() { n=0; while up "$1" "$2" && [ $n -lt "$3" ]; do n=$((n + 1)); nap; done; }
halt() {
  facts
  up "$t" "$ts" || up "$c" "$cs" || return 0
  : >"$d/stop"
  for round in 1 2 3; do
    facts
    if up "$c" "$cs"; then
      kill -s ${signal} -- "-$c" 2>/dev/null || kill -s ${signal} "$c" 2>/dev/null
      wait_for "$c" "$cs" ${Math.ceil(graceMs / 100)}
      kill -s KILL -- "-$c" 2>/dev/null
      wait_for "$c" "$cs" 20
    fi
    wait_for "$t" "$ts" 10
    ! up "$t" "$ts" || kill -s KILL -- "-$t" 2>/dev/null
    wait_for "$t" "$ts" 20
    facts
    up "$c" "$cs" || up "$t" "$ts" || return 0
  done
  printf 'it does not end\\n' >&2
  exit 20
}
`
}

export interface StartParts {
  readonly directory: string
  readonly supervisor: Supervisor
  readonly cwd: string
  readonly stop: StopHow
  readonly readyAfterMs: number
  /** The fingerprint that was read; undefined where nothing was there. */
  readonly expect: string | undefined
  readonly fingerprint: string
  /** True where nothing is to be restarted: another log, another way to stop. */
  readonly onlySettings: boolean
}

/** Puts the files of slots in place, stops what runs, starts anew, and waits until it has stayed up. Its output is as of `readScript`. */
export function startScript(parts: StartParts): string {
  const { expect = "", fingerprint } = parts
  // What was already started with the same is as wanted: an earlier attempt may have come through late.
  const guard = `[ "$f" = ${quote(expect)} ] || [ "$f" = ${quote(fingerprint)} ] || { printf 'it was started with something else meanwhile\\n' >&2; exit 10; }`
  return `${unlessAstray}umask 077
d=${quote(parts.directory)}
${halting(parts.stop)}${reaching(unitName(parts.directory))}
${parts.supervisor === "systemd" ? `{ manager && lasting; } >&2 || exit ${NO_SYSTEMD}` : ""}
${STARTED_WITH}${guard}
put() { cp -- "$S/$1" "$d/$1.new" && mv -f -- "$d/$1.new" "$d/$1" || exit 20; }
tell() { printf 'pid=%s\\nstarted=%s\\n' "$c" "$ct"; }
${bySupervisor[parts.supervisor](parts)}`
}

const bySupervisor: { readonly [S in Supervisor]: (parts: StartParts) => string } = {
  sh: (parts) => (parts.onlySettings ? `put settings\n${FEWER_LOGS}facts\ntell` : starting(parts)),
  systemd: (parts) =>
    parts.onlySettings ? unitSettings : unitStart({ ...parts, isFirst: parts.expect === undefined }),
}

/** Secrets are in no file before the fingerprint is there, by which a start that was cut off is found, and no longer than it runs. */
function starting({ stop, readyAfterMs, fingerprint, expect }: StartParts): string {
  const isFirst = expect === undefined
  return `command -v setsid >/dev/null || { printf 'the host has no setsid\\n' >&2; exit 20; }
${isFirst ? ALONE : ""}[ -d "$d" ] || { mkdir -m 700 -- "$d" && : >"$d/own"; } || exit 20
halt
[ ! -f "$u" ] || take
printf '%s\\n' ${fingerprint} >"$d/fingerprint.new" && mv -f -- "$d/fingerprint.new" "$d/fingerprint" || exit 20
put start; put supervise; put settings
rm -f -- "$d/pid" "$d/child" "$d/stop" "$d/env" "$d/env.host" || exit 20
${FEWER_LOGS}from=0; [ ! -f "$d/log" ] || from=$(wc -c <"$d/log")
reset=; ! env --default-signal true 2>/dev/null || reset=--default-signal
setsid env $reset -i PATH="$PATH" HOME="$HOME" TMPDIR="$TMPDIR" LANG="$LANG" sh "$d/supervise" run "$d" </dev/null >/dev/null 2>&1 &
n=0; facts
while [ -z "$c" ] && [ $n -lt 100 ]; do n=$((n + 1)); nap; facts; done
one=$c n=0
while [ $n -lt ${Math.ceil(readyAfterMs / 100)} ] && up "$c" "$cs"; do n=$((n + 1)); nap; facts; done
if [ -n "$c" ] && [ "$one" = "$c" ] && up "$c" "$cs"; then tell; exit 0; fi
${stop.graceMs > 1_000 ? "# It has already ended by itself once: no need to be patient.\n" : ""}halt
${LAST_WORDS}
${givingUp(isFirst)}`
}

/** Stops it and removes its files, and its unit; the folder too, where starting it had made it and nothing else is in it. */
export function removeScript(directory: string, stop: StopHow, supervisor: Supervisor): string {
  return `${unlessAstray}d=${quote(directory)}
${halting(stop)}${reaching(unitName(directory))}
${supervisor === "systemd" ? "take" : '[ ! -f "$u" ] || take'}
[ -d "$d" ] || exit 0
halt
${REMOVING}exit 0`
}
