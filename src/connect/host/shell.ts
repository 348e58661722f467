import { quote } from "./quote.ts"

/**
 * The first words of a session, on the argument list of the far side: constant and under 1 KB, because one argument holds
 * 128 KB at most and everybody can read it. It cleans the environment, waits for the line `FETTLE1 NONCE SCOPE LENGTH` and runs
 * the LENGTH bytes behind it. `read` and `dd` with fullblock take exactly what they are told; the shell itself, and `head -c` of
 * busybox, read ahead. Whatever a login shell printed before is noise to the client. SHLVL keeps bash, which takes a socket on its
 * standard input for a remote login, from running its rc file.
 */
const BOOT = `umask 077
trap '' HUP PIPE
D=
while read -r a N K n; do [ "$a" = FETTLE1 ] && break; done
s=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null)
[ "\${#s}" = "$n" ] || { printf 'ERR1 %s dd with iflag=fullblock\\n' "$N"; exit 97; }
eval "$s"`

/** The argument list that starts a session with a shell of this name. */
export function bootArgv(shell: string): readonly [string, ...string[]] {
  const clean = `PATH="\${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}" HOME="\${HOME:-/}" TMPDIR="\${TMPDIR:-/tmp}" LANG="\${LANG:-C}" LC_ALL=C SHLVL=1`
  return [shell, "-c", `exec env -i ${clean} ${quote(shell)} -c ${quote(BOOT)} fettle`]
}

/**
 * What both sides of a session share: sent once when it opens. POSIX sh with dash, bash and busybox ash in mind.
 *
 * R item kind rc out err   prints one record. Lengths are bytes: LC_ALL is C.
 * look chunk hash PATH…    says what is there: one stat, one sha256sum and one readlink for all. "+" instead of one letter for
 *                          each path where all are there and nothing needs telling apart.
 * who PATH…                names of users and groups: asked for a few paths only, because each name is a lookup of its own.
 * since pid                sets `since` to when a process started, empty where there is none.
 *
 * Variables are global in such a shell: the loop that serves has names of more than one letter, all others may use the rest.
 *
 * A session that changes something has a folder `D` of its own, in memory where the system has /dev/shm. Its name tells pid and
 * start time; `busy` stands in it while a change runs. A new session of the same scope waits for the changes of those that still
 * live: their client may be dead, and then nobody else knows that they still work. A session lives while any process of it does,
 * also when its shell was killed; as long as that is so its number is not given to another. Folders of the dead are cleaned away, with
 * what they staged. A session of which a part was killed first ends the rest of itself (sweep): it would stage again.
 */
const LIBRARY = `
NL='
'
R() { printf 'R %s %s %s %s %s %s %s\\n%s%s' "$N" "$Q" "$1" "$2" "$3" "\${#4}" "\${#5}" "$4" "$5"; }
X() {
  n=$(($1 / 65536)); [ $n = 0 ] || dd bs=65536 count=$n iflag=fullblock 2>/dev/null
  n=$(($1 % 65536)); [ $n = 0 ] || dd bs=$n count=1 iflag=fullblock 2>/dev/null
}
since() { a=; { read -r a <"/proc/$1/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a; case \${1-} in ''|Z|X) since=;; *) since=\${20-};; esac; }
owner() {
  o=\${1%-*}; i=\${o##*-}; o=\${o%-*}; p=\${o##*-}
  since "$p"
  if [ -n "$since" ]; then [ "$since" = "$i" ]; else members; fi
}
members() {
  for q in /proc/[0-9]*; do
    a=; { read -r a <"$q/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a
    [ "\${4-}" != "$p" ] || case $1 in Z|X) ;; *) return 0;; esac
  done
  return 1
}
share() {
  for d in "$B/fettle-$U-$H-$K-"*; do
    [ -O "$d" ] || continue
    while [ -f "$d/busy" ] && owner "$d"; do printf 'WAIT %s %s\\n' "$N" "$p"; sleep 0.1 2>/dev/null || sleep 1; done
  done
}
enter() {
  if [ -z "$D" ]; then
    for d in "$B/fettle-$U-$H-"*; do
      [ -O "$d" ] && ! owner "$d" || continue
      [ ! -f "$d/clean" ] || ( . "$d/clean" ) >/dev/null 2>&1
      rm -rf "$d"
    done
    mkdir -m 700 "$F" 2>/dev/null || return 1
    D=$F
  fi
  : >"$D/busy"
}
sweep() {
  k=0
  while [ $k -lt 20 ]; do
    k=$((k + 1)) l=
    for q in /proc/[0-9]*; do
      a=; { read -r a <"$q/stat"; } 2>/dev/null; a=\${a##*) }; set -- $a
      [ "\${4-}" = $$ ] && [ "\${q##*/}" != $$ ] && [ "$1" != Z ] && kill -s KILL "\${q##*/}" 2>/dev/null && l=1
    done
    [ -n "$l" ] || return 0
    sleep 0.05 2>/dev/null || sleep 1
  done
}
leave() {
  [ -n "$D" ] || return 0
  [ ! -f "$D/clean" ] || . "$D/clean"
  ( cd -- "$D" && rm -rf -- * )
}
look() {
  k=$1 w=$2; shift 2
  if o=$(stat -c %f:%s:%u:%g -- "$@" 2>/dev/null); then
    case "$w
$o" in
      1"$NL"*"$NL"[!8]*|1"$NL"[!8]*|0*"$NL"a*) ;;
      *)
        R "$k" f 0 + ""; R "$k" s 0 "$o" ""
        [ "$w" = 0 ] || { o=$(sha256sum -- "$@" 2>&1); R "$k" h $? "$o" ""; }
        return;;
    esac
  fi
  f= e= r= l= m= i=0
  for p; do
    i=$((i + 1))
    if [ -L "$p" ]; then f=\${f}L e="$e \\"\\\${$i}\\"" l="$l \\"\\\${$i}\\""
    elif [ -f "$p" ]; then f=\${f}F e="$e \\"\\\${$i}\\"" r="$r \\"\\\${$i}\\""
    elif [ -d "$p" ]; then f=\${f}D e="$e \\"\\\${$i}\\""
    elif [ -e "$p" ]; then f=\${f}O e="$e \\"\\\${$i}\\""
    else f=\${f}- m="$m \\"\\\${$i}\\""; fi
  done
  R "$k" f 0 "$f" ""
  [ -z "$e" ] || { eval "o=\\$(stat -c %f:%s:%u:%g --$e 2>&1)"; R "$k" s $? "$o" ""; }
  [ -z "$m" ] || { eval "o=\\$(stat -c %f --$m 2>&1)"; R "$k" m $? "$o" ""; }
  [ "$w" = 0 ] || [ -z "$r" ] || { eval "o=\\$(sha256sum --$r 2>&1)"; R "$k" h $? "$o" ""; }
  [ -z "$l" ] || { eval "o=\\$(readlink --$l 2>&1)"; R "$k" l $? "$o" ""; }
}
who() { o=$(stat -c %u:%g:%U:%G -- "$@" 2>/dev/null); R 0 w 0 "$o" ""; }
look1() {
  o=$(stat -c %f:%s:%u:%g -- "$2" 2>&1); R "$1" 1 $? "$o" ""
  [ ! -L "$2" ] || { o=$(readlink -n -- "$2" 2>&1; r=$?; printf x; exit $r); R "$1" 3 $? "\${o%x}" ""; return; }
  [ ! -f "$2" ] || { o=$({ sha256sum <"$2"; } 2>&1); R "$1" 2 $? "$o" ""; }
}
text() { { o=$(dd bs=65536 count=1 iflag=fullblock <"$2"; printf x); } 2>/dev/null; R "$1" t 0 "\${o%x}" ""; }
ask() { o=$( ( cd /; eval "$2" ) 2>&1 </dev/null; r=$?; printf x; exit $r); R "$1" q $? "\${o%x}" ""; }
`

/** The end of what is sent at the opening: probes the system, says so, and serves requests until standard input ends. */
const SERVE = `
trap '[ -z "$D" ] || { leave; rm -rf -- "$D"; }' EXIT
trap 'sweep; exit 143' TERM INT
U=$(id -u) M= I= H=
{ read -r M </etc/machine-id; read -r I </proc/sys/kernel/random/boot_id; read -r H </proc/sys/kernel/hostname; } 2>/dev/null
[ -n "$H" ] || H=$(uname -n)
for B in /dev/shm /tmp /var/tmp -; do [ -d "$B" ] && [ -w "$B" ] && [ -x "$B" ] && break; done
since $$
F=$B/fettle-$U-$H-$K-$$-$since-$N
C=
for t in stat sha256sum readlink tar mv chown timeout setsid restorecon; do command -v $t >/dev/null 2>&1 && C=$C,$t; done
case $(mv -t 2>&1) in *requires*) C=$C,mv-t;; esac
case $(sync --help 2>&1) in *FILE*) C=$C,sync-files;; esac
env --default-signal=INT true 2>/dev/null && C=$C,env-signal
share
printf 'RDY1 %s %s %s %s %s %s %s %s\\n' "$N" "$U" "$$" "$F" "\${M:--}" "\${I:--}" "$H" "$C"
while read -r word Q scripted paid writes; do
  [ "$word" = "$N" ] || exit 96
  script=$(X "$scripted")
  [ "\${#script}" = "$scripted" ] || exit 95
  if [ "$writes" = 1 ] && ! enter; then X "$paid" >/dev/null; ended=73
  elif [ "$paid" = 0 ]; then ( eval "$script" ) </dev/null; ended=$?
  else X "$paid" | { ( eval "$script" ); ended=$?; cat >/dev/null; exit $ended; }; ended=$?
  fi
  [ "$ended" -le 128 ] || { sweep; printf 'E %s %s %s\\n' "$N" "$Q" "$ended"; exit 97; }
  [ "$writes" = 0 ] || leave
  printf 'E %s %s %s\\n' "$N" "$Q" "$ended"
done
exit 0
`

/**
 * The functions that a change needs besides: see change-script.ts, which writes the calls. A chunk `C0` is a function that calls what it
 * is given with: chunk, number of its first put, folder, staging folder, names. `bad` marks a put and says why. A failed sync fails
 * all: asked again, the kernel would say that all is well.
 */
const CHANGES = `
bad() { BAD=1; eval "F_$1=1"; R "$1" p "$2" "" "$3"; }
good() { [ -z "$BAD" ] || eval "[ -z \\"\\\${F_$1-}\\" ]"; }
pick() {
  L= i=0 j=$b
  while [ $i -lt $1 ]; do
    i=$((i + 1)); if good $j; then L="$L \\"$2/\\\${$i}\\""; fi; j=$((j + 1))
  done
}
all() { j=$b; for n; do ! good $j || bad $j "$c" "$w"; j=$((j + 1)); done; }
staged() {
  b=$2 d=$3 s=$4; shift 4
  [ ! -d "$s" ] || [ -L "$s" ] || return 0
  w=$(mkdir -m 700 -- "$s" 2>&1) c=20
  if [ ! -d "$d" ]; then w="there is no directory $d" c=21; fi
  all "$@"
}
recheck() {
  eval "h=\\$W$1"; b=$2 s=$4 j=$2; shift 4
  for n; do
    v=\${h%% *} h=\${h#* }
    o=$({ sha256sum <"$s/$n"; } 2>/dev/null)
    [ "\${o%% *}" = "$v" ] || bad $j 20 "$TAR"
    j=$((j + 1))
  done
}
own() {
  eval "o=\\$O$1 m=\\$M$1"; b=$2 s=$4 c=20; shift 4
  pick $# '$s'; [ -n "$L" ] || return 0
  if [ -n "$o" ]; then eval "w=\\$(chown -h -- \\"\\$o\\"$L 2>&1)" || { all "$@"; return 0; }; fi
  if [ -n "$m" ]; then eval "w=\\$(chmod -- \\"\\$m\\"$L 2>&1)" || all "$@"; fi
}
unsynced() { b=$2 c=20; shift 4; all "$@"; }
guard() {
  eval "x=\\$X$1"; b=$2 d=$3 t=$4; shift 4; h= v= i=0 j=$b w="it changed after it was read"
  for e in $x; do
    i=$((i + 1)); eval "n=\\$d/\\\${$i}"
    if ! good $j; then :
    elif [ "$t" = - ] && [ ! -e "$n" ] && [ ! -L "$n" ]; then :
    elif [ "\${e%/*}" = absent ]; then
      if { [ -e "$n" ] || [ -L "$n" ]; } && ! is "$n" "\${e#*/}"; then bad $j 10 "something is there now"; fi
    elif [ -L "$n" ] || [ -d "$n" ]; then bad $j 10 "it is no file any more"
    elif [ "\${e%/*}" = any ]; then :
    elif [ ! -f "$n" ]; then bad $j 10 "it is gone"
    else h="$h \\"\\$d/\\\${$i}\\"" v="$v\${e%/*}$NL"; fi
    j=$((j + 1))
  done
  [ -n "$h" ] || return 0
  o=$(eval "sha256sum --$h" 2>/dev/null | sed 's/^\\\\//;s/ .*//')
  [ "$o" != "\${v%?}" ] || return 0
  i=0 j=$b
  for e in $x; do
    i=$((i + 1)); eval "n=\\$d/\\\${$i}"
    case $e in absent*|any*) ;; *)
      if good $j && [ -e "$n" ]; then is "$n" "\${e%/*}" || is "$n" "\${e#*/}" || bad $j 10 "$w"; fi;;
    esac
    j=$((j + 1))
  done
}
is() { [ -f "$1" ] && [ ! -L "$1" ] && o=$({ sha256sum <"$1"; } 2>/dev/null) && [ "\${o%% *}" = "$2" ]; }
move() {
  b=$2 d=$3 s=$4 c=20; shift 4
  pick $# '$s'; [ -n "$L" ] || return 0
  case $C, in *,mv-t,*) eval "mv -f -t \\"\\$d/\\" --$L" 2>/dev/null && return 0;; esac
  j=$b
  for n; do
    if good $j && { [ -e "$s/$n" ] || [ -L "$s/$n" ]; }; then w=$(mv -f -- "$s/$n" "$d/$n" 2>&1) || bad $j 20 "$w"; fi
    j=$((j + 1))
  done
}
drop() {
  b=$2 d=$3 c=20; shift 4
  pick $# '$d'; [ -n "$L" ] || return 0
  eval "rm -f --$L" 2>/dev/null && return 0
  j=$b
  for n; do
    if good $j; then w=$(rm -f -- "$d/$n" 2>&1) || bad $j 20 "$w"; fi
    j=$((j + 1))
  done
}
keep() { case $C, in *,sync-files,*) sync -- "$@";; *) sync;; esac; }
free() { for p in $1; do good "$p" || { R "$I" k 1 "" "$TAR"; return 1; }; done; }
brief() {
  I=$1; free "$2" || return 0
  o=$( ( trap - HUP PIPE; S=$D/$I; cd /; eval "$3" ) 2>&1 </dev/null; r=$?; printf x; exit $r); R "$I" c $? "\${o%x}" ""
}
begin() {
  I=$1; eval "P_$1="; free "$2" || return 0
  [ -d "$D/$1" ] || mkdir "$D/$1"
  ( trap - HUP PIPE; cd /; S=$D/$I; export S; $LIMIT "$SH" -c "$4" fettle ) >"$D/$1.out" 2>"$D/$1.err" </dev/null &
  eval "P_$1=$!"
}
finish() {
  eval "p=\\$P_$1"; [ -n "$p" ] || return 0
  wait "$p"; r=$?
  R "$1" c $r "$(tail -c 65536 "$D/$1.out"; printf x)" "$(tail -c 65536 "$D/$1.err"; printf x)"
}
`

/** What a session is sent when it opens: from its length the host tells whether it came whole. */
export function opening(shell: string): string {
  return `SH=${quote(shell)}\n${LIBRARY}${CHANGES}${SERVE}:`
}
