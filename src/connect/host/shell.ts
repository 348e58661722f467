import { EDIT } from "./edit-shell.ts"
import { NOTES } from "./notes-shell.ts"
import { quote } from "./quote.ts"
import { CHANGES } from "./shell-changes.ts"

/** The first line a shell of ours prints: standard input is its own from here on, and no longer that of what started it. */
export const HELLO = "FETTLE1-HELLO"

/**
 * The first words of a session, on the argument list of the far side: constant and under 1 KB, because one argument holds
 * 128 KB at most and everybody can read it. It greets, waits for the line `FETTLE1 NONCE SCOPE LENGTH` and runs the LENGTH bytes
 * behind it. `read` and `dd` with fullblock take exactly what they are told; the shell itself, and `head -c` of busybox, read ahead.
 * Whatever a login shell printed before is noise to the client.
 *
 * Whatever shell a login has must hand it on unharmed inside single quotes: no single quote, no newline and no `!` (csh), no
 * backslash (fish).
 */
const BOOT = [
  "umask 077",
  'trap "" HUP PIPE',
  "D=",
  `echo ${HELLO}`,
  'while read -r a N K n; do [ "$a" = FETTLE1 ] && break; done',
  's=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null)',
  `[ "\${#s}" = "$n" ] || { echo "ERR1 $N dd with iflag=fullblock"; exit 97; }`,
  'eval "$s"',
].join("; ")

/**
 * What a session may find in its environment; all else is gone before the first line of ours runs. SHLVL keeps bash, which takes
 * a socket on its standard input for a remote login, from running its rc file.
 */
const CLEAN = [
  "exec env -i",
  'PATH="${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}" HOME="${HOME:-/}" TMPDIR="${TMPDIR:-/tmp}" LANG="${LANG:-C}"',
  'LC_ALL=C SHLVL=1 "$0" -c "$1" fettle',
].join(" ")

/** The argument list that starts a session with a shell of this name. */
export function bootArgv(shell: string): readonly [string, ...string[]] {
  return [shell, "-c", CLEAN, shell, BOOT]
}

/**
 * Half a megabyte of contents may take so long: a line that went silent in the middle of them would else keep everybody from that
 * host. Then ssh on the other side has given up too; 9 KB a second is enough.
 */
const PATIENCE_S = 60

/** The functions `theirs` and `lone`, also for scripts that run in a shell of their own: they set `strict` and `U` before. */
export const THEIRS = `theirs() {
  [ "$strict$U" = 10 ] || return 1
  x=$1 y=; shift $#
  while :; do
    if [ -L "$x" ]; then y=1; set -- "$@" "$x"; elif [ -e "$x" ]; then set -- "$@" "$x"; fi
    [ "$x" != / ] || break
    x=\${x%/*}; x=\${x:-/}
  done
  w="$1 changes while it is looked at"
  marks=$(stat -c %u:%g:%f -- "$@" 2>/dev/null) || return 0
  x=$1 w=
  for marks in $marks; do
    gid=\${marks#*:}; bits=$((0x\${gid#*:})) gid=\${gid%:*}
    if [ "\${marks%%:*}" != 0 ]; then
      w=$(stat -c %U -- "$1" 2>/dev/null)
      w="$1 belongs to $w, who could lead elsewhere what root writes there; declare it on a connection that acts as $w: on(host.ssh(NAME, { become: { by: \\"sudo\\", user: \\"$w\\" } }), ...)"
    elif [ $((bits & 61440)) = 40960 ] || [ $((bits & 512)) != 0 ]; then :
    elif [ $((bits & 2)) != 0 ]; then w="everybody may write in $1 and could lead elsewhere what root writes there; chmod o-w $1, or set its sticky bit"
    elif [ $((bits & 16)) != 0 ] && [ "$gid" != 0 ] && ! lone "$gid"; then
      w="the group $(stat -c %G -- "$1" 2>/dev/null) may write in $1 and could lead elsewhere what root writes there; chmod g-w $1"
    fi
    [ -z "$w" ] || return 0
    shift
  done
  [ -n "$y" ] && x=$(cd -P -- "$x" 2>/dev/null && pwd -P) && [ -n "$x" ] && theirs "$x"
}
lone() {
  [ "$1" -lt 1000 ] || return 1
  ! { getent group "$1" || cat /etc/group; } 2>/dev/null | grep -q "^[^:]*:[^:]*:$1:." &&
    ! { getent passwd || cat /etc/passwd; } 2>/dev/null | grep -q "^[^:]*:[^:]*:[^:]*:$1:"
}
`

/** Looks, a tenth of a second apart, at a session that is still at a script which a cut off run began: it may be about to end. */
const LINGER_NAPS = 50

/**
 * What both sides of a session share: sent once when it opens. POSIX sh with dash, bash and busybox ash in mind.
 *
 * R item kind rc out err   prints one record. Lengths are bytes: LC_ALL is C.
 * pass length              hands on what was sent, however long that takes.
 * X length                 takes its part of that. Where it does not come in time, \`late\` stands in the folder: no more is waited
 *                          for, and the session ends.
 * rest                     after the work of a request: nothing is waited for that was given up, and others may begin while what is
 *                          left of the contents goes by.
 * look chunk hash PATH…    says what is there: one stat, one sha256sum and one readlink for all. "+" instead of one letter for
 *                          each path where all are there and nothing needs telling apart.
 * who PATH…                names of users and groups: asked for a few paths only, because each name is a lookup of its own.
 * watch                    beside a request that writes: ends the session where nobody takes what it tells, as for contents that
 *                          stop coming. What runs is ended, what was staged goes, others may begin; what was noted stays.
 * trim                     beside it, each second: of what a script has written so far, only the end of more than 16 MB stays. Where a
 *                          hole can be punched nothing is lost that comes meanwhile.
 * stand folder of /proc    sets `a` to how a process stands: what follows its name, which may have line breaks in it.
 * since pid                sets `since` to when a process started, empty where there is none.
 * theirs folder            true where root works and somebody else owns the folder or one above it, or may write there: whoever may,
 *                          can put a link in the place of what is in it, at any moment, and root's write would go where the link
 *                          leads. A sticky bit keeps others from that; a group of the system that has no members is nobody. Sets
 *                          `w` to the words for it.
 * safely FOLDER…           ends a brief script with those words where that is so.
 *
 * ask item script WORD…     what a question's script says.
 * soon item seconds script  the same, in a shell of its own that is ended in time, with all that it started: busybox ends only the shell.
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
R() {
  [ -z "$D" ] || { TOLD=$((TOLD + 1)); printf '%s %s\\n' "$1$2" $TOLD >"$D/telling"; }
  printf 'R %s %s %s %s %s %s %s\\n%s%s' "$N" "$Q" "$1" "$2" "$3" "\${#4}" "\${#5}" "$4" "$5"
  [ -z "$D" ] || : >"$D/telling"
}
pass() {
  n=$(($1 / 65536)); [ $n = 0 ] || dd bs=65536 count=$n iflag=fullblock 2>/dev/null
  n=$(($1 % 65536)); [ $n = 0 ] || dd bs=$n count=1 iflag=fullblock 2>/dev/null
}
X() {
  set -- "$1"
  while [ "$1" -gt 0 ]; do
    if [ "$1" -ge 524288 ]; then set -- $(($1 - 524288)) 65536 8
    elif [ "$1" -ge 65536 ]; then set -- $(($1 % 65536)) 65536 $(($1 / 65536))
    else set -- 0 "$1" 1; fi
    ! late || return 1
    $WITHIN dd bs="$2" count="$3" iflag=fullblock 2>/dev/null; n=$?
    [ $n != 124 ] || { : >"$D/late"; printf 'the rest of what was sent did not come\\n' >&2; return 1; }
  done
}
late() { [ -n "$D" ] && [ -f "$D/late" ]; }
rest() { ! late || sweep; [ -z "$D" ] || rm -f "$D/busy"; }
stand() { a=; { while read -r y || [ -n "$y" ]; do a=$a$y; done <"$1/stat"; } 2>/dev/null; a=\${a##*) }; }
since() { stand "/proc/$1"; set -- $a; case \${1-} in ''|Z|X) since=;; *) since=\${20-};; esac; }
owner() {
  o=\${1%-*}; i=\${o##*-}; o=\${o%-*}; p=\${o##*-}
  since "$p"
  if [ -n "$since" ]; then [ "$since" = "$i" ]; else members; fi
}
members() {
  for q in /proc/[0-9]*; do
    stand "$q"; set -- $a
    [ "\${4-}" != "$p" ] || case $1 in Z|X) ;; *) return 0;; esac
  done
  return 1
}
share() {
  for d in "$B/fettle-$U-$H-$K-"*; do
    [ -O "$d" ] || continue
    while [ -f "$d/busy" ] && owner "$d"; do printf 'WAIT %s %s\\n' "$N" "$p"; nap; done
  done
}
watch() {
  k= n=0
  while sleep 1; do
    since $$; [ "$since" = "$started" ] || return
    trim
    a=; { read -r a <"$D/telling"; } 2>/dev/null
    if [ -n "$a" ] && [ "$a" = "$k" ]; then n=$((n + 1)); else k=$a n=0; fi
    [ $n -ge $patience ] || continue
    : >"$D/late"; sweep; leave; rm -rf -- "$D"; kill -s KILL $$
  done
}
trim() {
  find "$D" -maxdepth 1 -type f \\( -name '*.out' -o -name '*.err' \\) -size +32768 2>/dev/null | while read -r f; do
    n=$(stat -c %s "$f" 2>/dev/null) && [ "$n" -gt 65536 ] || continue
    fallocate -p -o 0 -l $((n - 65536)) "$f" 2>/dev/null || { tail -c 65536 "$f" >"$f.last"; : >"$f"; }
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
    [ ! -d "$V" ] || [ -z "$(find "$V" -maxdepth 1 -type f ! -name ledger -mtime +30 -exec rm -f {} \\; -print 2>/dev/null)" ] || printf '%s\\n' "$N" >"$V/ledger"
  fi
  watch </dev/null >/dev/null 2>&1 &
  watcher=$!
  turn
}
turn() {
  : >"$D/choosing"; t=0
  for d in "$B/fettle-$U-$H-"*; do
    a=; [ -O "$d" ] && { read -r a <"$d/busy"; } 2>/dev/null
    [ "\${a:-0}" -le $t ] || t=$a
  done
  t=$((t + 1)); printf '%s\\n' $t >"$D/ticket"; mv -f "$D/ticket" "$D/busy"; rm -f "$D/choosing"
  for d in "$B/fettle-$U-$H-"*; do
    [ "$d" != "$D" ] && [ -O "$d" ] || continue
    while [ -f "$d/choosing" ] && owner "$d"; do nap; done
    k=0
    while ahead "$d" && owner "$d"; do [ $((k % 50)) != 0 ] || R "$p" i 0 "" ""; k=$((k + 1)); nap; done
  done
}
ahead() {
  a=; { read -r a <"$1/busy"; } 2>/dev/null || return 1
  [ "$a" -lt $t ] || { [ "$a" = $t ] && [ "$(printf '%s\\n' "$1" "$D" | sort | sed 1q)" = "$1" ]; }
}
nap() { sleep 0.1 2>/dev/null || sleep 1; }
sweep() {
  k=0 i=; { read -r i a </proc/self/stat; } 2>/dev/null
  while [ $k -lt 20 ]; do
    k=$((k + 1)) l=
    for q in /proc/[0-9]*; do
      stand "$q"; set -- $a
      [ "\${4-}" = "$G" ] && [ "\${q##*/}" != $$ ] && [ "\${q##*/}" != "$i" ] && [ "\${q##*/}" != $PPID ] && [ "$1" != Z ] && kill -s KILL "\${q##*/}" 2>/dev/null && l=1
    done
    [ -n "$l" ] || return 0
    nap
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
${THEIRS}safely() { for e; do ! theirs "$e" || { printf '%s\\n' "$w"; exit 11; }; done; }
who() { o=$(stat -c %u:%g:%U:%G -- "$@" 2>/dev/null); R 0 w 0 "$o" ""; }
look1() {
  o=$(stat -c %f:%s:%u:%g -- "$2" 2>&1); R "$1" 1 $? "$o" ""
  [ ! -L "$2" ] || { o=$(readlink -n -- "$2" 2>&1; r=$?; printf x; exit $r); R "$1" 3 $? "\${o%x}" ""; return; }
  [ ! -f "$2" ] || { o=$({ sha256sum <"$2"; } 2>&1); R "$1" 2 $? "$o" ""; }
}
text() { { o=$(dd bs=65536 count=1 iflag=fullblock <"$2"; printf x); } 2>/dev/null; R "$1" t 0 "\${o%x}" ""; }
reap() { for q in $(grep -ls -e "$1" /proc/[0-9]*/environ); do q=\${q%/environ}; kill -s KILL "\${q##*/}"; done 2>/dev/null; }
soon() {
  case $C, in *,timeout,*) ;; *) ask "$1" "$3"; return;; esac
  o=$( ( cd /; SOON=$N-$1- timeout -k 5 "$2" "$SH" -c "$3" fettle; r=$?; case $r in 124|137|143) reap "SOON=$N-$1-";; esac; exit $r ) 2>&1 </dev/null; r=$?; printf x; exit $r)
  R "$1" q $? "\${o%x}" ""
}
ask() { k=$1 e=$2; shift 2; o=$( ( cd /; eval "$e" ) 2>&1 </dev/null; r=$?; printf x; exit $r); R "$k" q $? "\${o%x}" ""; }
`

/** The end of what is sent at the opening: probes the system, says so, and serves requests until standard input ends. */
const SERVE = `
trap '[ -z "$D" ] || { leave; rm -rf -- "$D"; }' EXIT
trap 'sweep; exit 143' TERM INT
U=$(id -u) M= I= H=
{ read -r M </etc/machine-id; read -r I </proc/sys/kernel/random/boot_id; read -r H </proc/sys/kernel/hostname; } 2>/dev/null
[ -n "$H" ] || H=$(uname -n)
for B in /dev/shm /tmp /var/tmp -; do [ -d "$B" ] && [ -w "$B" ] && [ -x "$B" ] && break; done
stand /proc/$$; set -- $a; G=\${4:-0}; [ "$G" != 0 ] || G=$$
since $$; started=$since TOLD=0 watcher=
since $G
F=$B/fettle-$U-$H-$K-$G-$since-$N
if [ "$U" = 0 ]; then V=/var/lib/fettle; else V=$HOME/.local/state/fettle; fi
J=$V/$K-$N ledger=-
{ read -r ledger <"$V/ledger"; } 2>/dev/null
C=
for t in stat sha256sum readlink tar mv chown timeout setsid restorecon; do command -v $t >/dev/null 2>&1 && C=$C,$t; done
case $(mv -t 2>&1) in *requires*) C=$C,mv-t;; esac
case $(sync --help 2>&1) in *FILE*) C=$C,sync-files;; esac
env --default-signal=INT true 2>/dev/null && C=$C,env-signal
WITHIN=; case $C, in *,timeout,*) WITHIN="timeout $patience";; esac
share
printf 'RDY1 %s %s %s %s %s %s %s %s %s\\n' "$N" "$U" "$$" "$F" "\${M:--}" "\${I:--}" "$H" "\${ledger:--}" "$C"
while read -r word Q scripted paid writes; do
  [ "$word" = "$N" ] || exit 96
  [ "$Q" != bye ] || { closed; break; }
  script=$(pass "$scripted")
  [ "\${#script}" = "$scripted" ] || exit 95
  if [ "$writes" = 1 ] && ! enter; then pass "$paid" >/dev/null; ended=73
  elif [ "$paid" = 0 ]; then ( eval "$script" ) </dev/null; ended=$?
  else
    pass "$paid" | { ( eval "$script" ); ended=$?; rest; cat >/dev/null; exit $ended; }
    ended=$?
  fi
  ! late || exit 94
  [ -z "$watcher" ] || { kill -s KILL $watcher; wait $watcher; watcher=; } 2>/dev/null
  [ "$ended" -le 128 ] || { sweep; printf 'E %s %s %s\\n' "$N" "$Q" "$ended"; exit 97; }
  [ "$writes" = 0 ] || leave
  printf 'E %s %s %s\\n' "$N" "$Q" "$ended"
done
exit 0
`

/**
 * What a session is sent when it opens: from its length the host tells whether it came whole.
 * @param strict as root it writes nowhere where somebody else could lead it astray
 * @param patienceS how long it waits for each next half megabyte of contents
 */
export function opening(shell: string, strict: boolean, patienceS = PATIENCE_S): string {
  return `SH=${quote(shell)} strict=${strict ? 1 : 0} patience=${patienceS} linger=${LINGER_NAPS}\n${LIBRARY}${NOTES}${CHANGES}${EDIT}${SERVE}:`
}

/** What ends another session on the same host, by the name of its folder, and all that it still runs. */
export function ending(folder: string): string {
  return `${LIBRARY}
owner ${quote(folder)} || exit 0
for s in TERM KILL; do
  k=0
  while [ $k -lt 20 ]; do
    k=$((k + 1)) l=
    for z in /proc/[0-9]*; do
      stand "$z"; set -- $a
      [ "\${4-}" = "$p" ] && [ "$1" != Z ] && l=1 && if [ $k = 1 ] || [ $s = KILL ]; then kill -s $s "\${z##*/}" 2>/dev/null; fi
    done
    [ -n "$l" ] || exit 0
    sleep 0.1 2>/dev/null || sleep 1
  done
done
exit 0
:`
}
