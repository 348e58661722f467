/** Exit code of a start whose process did not stay up. */
export const DIED = 31
/** Exit code of a start that found somebody else's files in its folder. */
export const NOT_OURS = 33
/** As `DIED`, of the first start: nothing of it is left. */
export const DIED_AT_FIRST = 34

/** What lies in the folder of a process, besides the old logs and `own`, which says that starting it made the folder. */
const FILES = "pid child start env env.host pipe supervise settings fingerprint stop log"
/** The same while they are written, and the old logs: `log.keep` is 100 at most. */
const MORE =
  "pid.new child.new start.new env.new env.host.new supervise.new settings.new fingerprint.new log.[0-9] log.[0-9][0-9] log.100"

/** Sets `f` to the fingerprint of what was started; somebody else may call a file so. */
export const STARTED_WITH = `f=
[ ! -f "$d/fingerprint" ] || read -r f <"$d/fingerprint" || exit 20
[ "\${#f}" = 64 ] || f=
`

/** A folder in which something of the same name lies is another's: it would be overwritten now, and removed at the end. */
export const ALONE = `if [ -z "$f" ] && [ -d "$d" ] && { [ ! -f "$d/own" ] || [ -s "$d/own" ]; }; then
  cd -- "$d" || exit 20
  for n in ${FILES} ${MORE} own; do
    [ ! -e "$n" ] && [ ! -L "$n" ] || { printf '%s is there, and is not of this process\\n' "$d/$n" >&2; exit ${NOT_OURS}; }
  done
  cd /
fi
`

/** Old logs above the new `keep` go at once, not when the next is full. */
export const FEWER_LOGS = `. "$d/settings"
for q in "$d"/log.[0-9]*; do case \${q##*.} in *[!0-9]*) ;; *) [ "\${q##*.}" -le "$KEEP" ] || rm -f -- "$q";; esac; done
`

/** Removes what a start puts there, and the folder where it had made it and nothing else is in it. */
export const REMOVING = `made=; [ ! -f "$d/own" ] || made=yes
cd -- "$d" || exit 20
rm -f -- ${FILES} ${MORE} own || exit 20
cd /
[ -z "$made" ] || rmdir -- "$d" 2>/dev/null
`

/** The end of what it wrote since the log was `from` bytes long: enough to hide a secret in before it is cut further. */
export const LAST_WORDS = `tail -c +$((from + 1)) "$d/log" 2>/dev/null | tail -c 65536`

/** Ends a start that went wrong: of the first nothing is left, of another what is needed to see and delete it, and no secret. */
export function givingUp(isFirst: boolean): string {
  return isFirst
    ? `${REMOVING}exit ${DIED_AT_FIRST}`
    : `rm -f -- "$d/pid" "$d/child" "$d/stop" "$d/start" "$d/env" "$d/env.host" "$d/supervise"\nexit ${DIED}`
}
