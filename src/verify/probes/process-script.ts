/**
 * Looks at a process and all below it, or at all processes of a unit of systemd, twice with a pause between: in one round trip. POSIX
 * shell. Its arguments: what is named ("pid", "file" or "unit"), its name, seconds of the pause, and "alone" or nothing.
 *
 * It prints lines that begin with a word: `fail WHY WORDS`, `seen all|own`, `named PID [STARTED]`, `unit RESTARTS`, `time SECONDS`,
 * `a STAT` and `b STAT` of the two looks, `m PID KILOBYTES`, and `f PID COUNT|-`.
 */
export const PROCESS_SCRIPT = String.raw`
LC_ALL=C; export LC_ALL
say() { printf '%s\n' "$*"; }
fail() { say "fail $(printf '%s' "$*" | tr '\n' ' ')"; exit 0; }
[ -r /proc/self/stat ] || fail noproc
if [ -e /proc/1/stat ]; then say seen all; else say seen own; fi
sort=$1 name=$2 pause=$3 alone=$4 group= pid=
case $sort in
pid) pid=$name; say "named $pid" ;;
file)
  if [ -e "$name" ] && ! [ -f "$name" ]; then fail unreadable it is no file; fi
  if ! text=$(head -c 64 -- "$name" 2>&1); then
    case $text in *"No such file"*) fail nofile ;; *) fail unreadable "$text" ;; esac
  fi
  set -f; set -- $text; set +f
  case $1 in '' | *[!0-9]*) fail empty ;; esac
  pid=$1; case $2 in '' | *[!0-9]*) say "named $pid" ;; *) say "named $pid $2" ;; esac ;;
unit)
  command -v systemctl >/dev/null 2>&1 || fail nosystemd
  shown=$(systemctl show -p LoadState -p ActiveState -p SubState -p MainPID -p ControlGroup -p NRestarts -- "$name" 2>&1) || fail systemctl "$shown"
  load= active= sub= restarts=
  while IFS='=' read -r key value; do
    case $key in
    LoadState) load=$value ;; ActiveState) active=$value ;; SubState) sub=$value ;;
    MainPID) pid=$value ;; ControlGroup) group=$value ;; NRestarts) restarts=$value ;;
    esac
  done <<END
$shown
END
  [ "$load" != not-found ] || fail nounit
  [ -n "$load" ] || fail systemctl "$shown"
  case $active in active | reloading | deactivating) ;; *) fail inactive "$active ($sub)" ;; esac
  [ "$pid" != 0 ] || pid=
  say "unit $restarts"
  [ -z "$pid" ] || say "named $pid"
  found=
  for at in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -n "$group" ] && [ -r "$at$group/cgroup.procs" ]; then found=$at$group; break; fi
  done
  group=$found
  if [ -z "$group" ] && [ -z "$pid" ]; then fail nogroup; fi ;;
esac
pids() {
  if [ -n "$group" ]; then
    if [ -n "$alone" ]; then printf '%s\n' $pid; else find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | head -n 1001; fi
    return
  fi
  queue=$pid count=0
  while [ -n "$queue" ] && [ $count -le 1000 ]; do
    set -- $queue; next=$1; shift; queue=$*; count=$((count + 1)); printf '%s\n' "$next"
    [ -z "$alone" ] || continue
    for list in /proc/"$next"/task/*/children; do
      line=; { read -r line <"$list"; } 2>/dev/null; queue="$queue $line"
    done
    set -- $queue; queue=$*
  done
}
look() {
  read -r up _ </proc/uptime; say "time $up"
  seen=0
  for each in $(pids); do
    seen=$((seen + 1)); [ $seen -le 1000 ] || fail toomany
    stat=$({ tr '\n' ' ' <"/proc/$each/stat"; } 2>/dev/null); [ -z "$stat" ] || say "$1 $stat"
  done
}
look a
if [ "$pause" != 0 ]; then sleep "$pause" 2>/dev/null || sleep 1; fi
look b
for each in $(pids); do
  { while read -r key value _; do if [ "$key" = VmRSS: ]; then say "m $each $value"; fi; done <"/proc/$each/status"; } 2>/dev/null
  [ -e "/proc/$each/stat" ] || continue
  if [ -r "/proc/$each/fd" ] && [ -x "/proc/$each/fd" ]; then
    set -- "/proc/$each/fd"/*; if [ -e "$1" ] || [ -h "$1" ]; then say "f $each $#"; else say "f $each 0"; fi
  else say "f $each -"; fi
done
`
