/**
 * Keeps one command running; a target has no Node, so it is a shell script of its own, put beside what it supervises.
 *
 * `sh supervise run DIR` is a pipeline: a loop that starts the command again when it ends, after 1 s, 2 s, 4 s … up to 60 s while it
 * does not stay up for 10 s; and a log that takes all it writes. The log copies with `dd` without `fullblock`, which never reads
 * ahead of what it writes, so that turning over between two calls loses nothing. Only the loop starts the command: when it is killed
 * nothing else does, and the next plan sees that it is gone. `sh supervise child DIR` becomes the command.
 *
 * In DIR: `pid` (pid, start time and boot id of the loop, pid and start time of the shell around loop and log), `child` (pid, start time, seconds since 1970 of the command), `start`
 * (environment and command; holds secrets, mode 0600), `settings` (MAX bytes and KEEP files of the log), `stop` while it is to end.
 */
export const SUPERVISOR = `# Supervisor of a host.process of fettle. Replaced with each start; see the log beside it.
umask 077
d=$2
since() { a=; { read -r a <"/proc/$1/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a; case \${1-} in ''|Z|X) since=;; *) since=\${20-};; esac; }
note() { printf '%s\\n' "$2" >"$d/$1.new" && mv -f "$d/$1.new" "$d/$1"; }
if [ "$1" = child ]; then
  since $$
  note child "$$ $since $(date +%s)"
  . "$d/start"
  exit 127
fi
loop() {
  read -r me rest </proc/self/stat
  read -r boot </proc/sys/kernel/random/boot_id
  since $$; whole="$$ $since"
  since "$me"
  note pid "$me $since $boot $whole"
  delay=1
  while [ ! -f "$d/stop" ]; do
    begun=$(date +%s)
    ( trap - HUP PIPE; exec setsid sh "$d/supervise" child "$d" )
    code=$?
    [ ! -f "$d/stop" ] || break
    [ $(($(date +%s) - begun)) -lt 10 ] || delay=1
    printf 'fettle: the process ended with exit code %s; it is started again in %s s\\n' "$code" "$delay" || exec sh "$d/supervise" run "$d"
    sleep "$delay"
    delay=$((delay * 2))
    [ "$delay" -le 60 ] || delay=60
  done
}
turn() {
  n=$KEEP
  if [ "$n" -eq 0 ]; then : >"$d/log"; return; fi
  while [ "$n" -gt 1 ]; do
    [ ! -f "$d/log.$((n - 1))" ] || mv -f "$d/log.$((n - 1))" "$d/log.$n"
    n=$((n - 1))
  done
  mv -f "$d/log" "$d/log.1"
}
log() {
  while :; do
    [ ! -f "$d/settings" ] || . "$d/settings"
    n=$((MAX / 65536 + 1)); [ "$n" -le 256 ] || n=256
    w=$(dd bs=16384 count=$n 2>&1 >>"$d/log")
    case $w in
      0+0*) break;;
      [1-9]*+*|0+[1-9]*) ;;
      *) [ -d "$d" ] || break; sleep 1;;
    esac
    n=$(wc -c <"$d/log") && [ "$n" -ge "$MAX" ] && turn
  done
}
MAX=10485760 KEEP=3
trap '' HUP PIPE
loop 2>&1 </dev/null | log
`
