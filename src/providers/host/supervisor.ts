/**
 * Keeps one command running; a target has no Node, so it is a shell script of its own, put beside what it supervises.
 *
 * `sh supervise run DIR` is a pipeline: a loop that starts the command again when it ends, after 1 s, 2 s, 4 s … up to 60 s while it
 * does not stay up for 10 s; and a log that takes all it writes. The log copies with `dd` without `fullblock`, which never reads
 * ahead of what it writes, so that turning over between two calls loses nothing. Only the loop starts the command: when it is killed
 * nothing else does, and the next plan sees that it is gone. `sh supervise child DIR` becomes the command. A watch beside the loop
 * ends all three when the folder is gone, or is another's: nobody could find them again to stop them.
 *
 * `sh supervise unit DIR COMMAND…` is what a unit of systemd starts: it notes itself in `child`, gives the command a log that is
 * no child of its own, and becomes it. systemd starts it again, stops it and gives it its environment; all it asks of the
 * unit's processes to end, the log outlives: it ends when nothing can write to it any more.
 *
 * What is kept in DIR is nobody else's; the command has the usual umask, 022, and in a unit that of the unit.
 *
 * In DIR: `pid` (pid, start time and boot id of the loop, pid and start time of the shell around loop and log), `child` (pid, start time, seconds since 1970 of the command), `start`
 * (environment and command; holds secrets, mode 0600), `settings` (MAX bytes and KEEP files of the log), `stop` while it is to end.
 */
export const SUPERVISOR = `# Supervisor of a host.process of fettle. Replaced with each start; see the log beside it.
usual=$(umask)
umask 077
d=$2
since() { a=; { while read -r w || [ -n "$w" ]; do a=$a$w; done <"/proc/$1/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a; case \${1-} in ''|Z|X) since=;; *) since=\${20-};; esac; }
note() { printf '%s\\n' "$2" >"$d/$1.new" && mv -f "$d/$1.new" "$d/$1"; }
if [ "$1" = child ]; then
  since $$
  note child "$$ $since $(date +%s)"
  umask 022
  . "$d/start"
  exit 127
fi
loop() {
  read -r me rest </proc/self/stat
  read -r boot </proc/sys/kernel/random/boot_id
  since $$; whole="$$ $since"
  since "$me"
  note pid "$me $since $boot $whole"
  watch=$( ( exec >/dev/null 2>&1; watch "$since" ) & printf %s $!)
  delay=1
  while [ ! -f "$d/stop" ] && [ -f "$d/supervise" ]; do
    begun=$(date +%s)
    ( trap - HUP PIPE; exec setsid sh "$d/supervise" child "$d" )
    code=$?
    [ ! -f "$d/stop" ] || break
    [ $(($(date +%s) - begun)) -lt 10 ] || delay=1
    printf 'fettle: the process ended with exit code %s; it is started again in %s s\\n' "$code" "$delay" || { kill -s KILL "$watch" 2>/dev/null; exec sh "$d/supervise" run "$d"; }
    sleep "$delay"
    delay=$((delay * 2))
    [ "$delay" -le 60 ] || delay=60
  done
  kill -s KILL "$watch" 2>/dev/null
}
ours() {
  [ -d "$d" ] || return 1
  [ -x "$d" ] || return 0
  p= s=; { read -r p s w <"$d/pid"; } 2>/dev/null
  [ "$p $s" = "$me $mine" ]
}
watch() {
  mine=$1 lost=0
  while [ $lost -lt 2 ]; do
    sleep 1
    since "$me"
    [ "$since" = "$mine" ] || return 0
    if ours; then lost=0; else lost=$((lost + 1)); fi
  done
  kill -s STOP "$me"
  all=
  for q in /proc/[0-9]*; do
    a=; { while read -r w || [ -n "$w" ]; do a=$a$w; done <"$q/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a
    [ "\${2-}" != "$me" ] || all="$all \${q##*/}"
  done
  kill -s KILL "$me"
  for c in $all; do kill -s TERM -- "-$c" 2>/dev/null || kill -s TERM "$c" 2>/dev/null; done
  sleep 5
  for c in $all; do kill -s KILL -- "-$c" 2>/dev/null; done
}
turn() {
  for f in "$d"/log.*; do
    n=\${f##*.}
    case $n in *[!0-9]*) ;; *) [ "$n" -le "$KEEP" ] || rm -f "$f";; esac
  done
  n=$KEEP
  if [ "$n" -eq 0 ]; then : >"$d/log"; return; fi
  while [ "$n" -gt 1 ]; do
    [ ! -f "$d/log.$((n - 1))" ] || mv -f "$d/log.$((n - 1))" "$d/log.$n"
    n=$((n - 1))
  done
  mv -f "$d/log" "$d/log.1"
}
log() {
  nl='
'
  while :; do
    [ ! -f "$d/settings" ] || . "$d/settings"
    n=$((MAX / 65536 + 1)); [ "$n" -le 256 ] || n=256
    w=$(LC_ALL=C dd bs=16384 count=$n 2>&1 >>"$d/log")
    case $w in "dd: warning: partial read"*) w=\${w#*"$nl"};; esac
    case $w in
      0+0*) break;;
      [1-9]*+*|0+[1-9]*) ;;
      *) [ -d "$d" ] || break; sleep 1;;
    esac
    n=$(wc -c <"$d/log") && [ "$n" -ge "$MAX" ] && turn
  done
}
MAX=10485760 KEEP=3
if [ "$1" = unit ]; then
  shift 2
  since $$
  note child "$$ $since $(date +%s)"
  exec >>"$d/log" 2>&1
  rm -f "$d/pipe"
  mkfifo "$d/pipe" || exit 126
  ( trap '' HUP INT QUIT TERM USR1 USR2 PIPE; log <"$d/pipe" >/dev/null 2>&1 & )
  exec >"$d/pipe" 2>&1
  rm -f "$d/pipe"
  umask "$usual"
  exec "$@"
fi
trap '' HUP PIPE
loop 2>&1 </dev/null | log
`
