/**
 * The functions that a change needs besides: see change-script.ts, which writes the calls. A chunk `C0` is a function that calls what it
 * is given with: chunk, number of its first put, folder, staging folder, names. `bad` marks a put and says why. A failed sync fails
 * all: asked again, the kernel would say that all is well.
 *
 * What a script writes is appended to files in the session's folder, in memory: `trim` in shell.ts keeps them short.
 */
export const CHANGES = `
bad() { BAD=1; eval "F_$1=1"; R "$1" p "$2" "" "$3"; }
good() { [ -z "$BAD" ] || eval "[ -z \\"\\\${F_$1-}\\" ]"; }
pick() {
  L= i=0 j=$b
  while [ $i -lt $1 ]; do
    i=$((i + 1)); if good $j; then L="$L \\"$2/\\\${$i}\\""; fi; j=$((j + 1))
  done
}
all() { j=$b; for n; do ! good $j || bad $j "$c" "$w"; j=$((j + 1)); done; }
folders() {
  eval "[ -z \\"\\\${Z_$1-}\\" ]" || return 0
  k=$1 m=$2 o=$3 e=; shift 3
  for p; do if theirs "\${p%/*}"; then R "$k" d 22 "" "$w"; return; fi; done
  for p; do if [ -d "$p" ] && [ ! -L "$p" ]; then e=1; fi; done
  [ -n "$e" ] || { mkdir -m 700 -- "$@" && { [ -z "$o" ] || chown -h -- "$o" "$@"; } && chmod -- "$m" "$@" && return 0; } 2>/dev/null
  for p; do
    if [ -d "$p" ] && [ ! -L "$p" ]; then [ -z "$e" ] || continue
    else w=$(mkdir -m 700 -- "$p" 2>&1) || { R "$k" d 20 "" "$w"; continue; }; fi
    w=$( { [ -z "$o" ] || chown -h -- "$o" "$p"; } 2>&1 && chmod -- "$m" "$p" 2>&1 ) || R "$k" d 20 "" "$w"
  done
}
here() {
  L= i=0
  for p; do i=$((i + 1)); [ ! -d "$p" ] || L="$L \\"\\\${$i}\\""; done
  [ -z "$L" ] || eval "sync --$L"
}
after() {
  for p in $3; do good "$p" || { skip "$1" "$2"; return; }; done
  for p in $4; do eval "[ -n \\"\\\${K_$p-}\\" ]" || { skip "$1" "$2"; return; }; done
}
skip() { for p in $2; do BAD=1; eval "F_$p=1"; done; eval "Z_$1=1"; R "$1" z 0 "" ""; }
lost() { j=$2; shift 4; for n; do BAD=1; eval "F_$j=1"; j=$((j + 1)); done; }
unpack() {
  TAR=
  if [ -z "$GONE" ]; then TAR=$(X "$1" | extract); return; fi
  k=0
  for p in $2; do
    if gone "\${p%:*}"; then X "\${p#*:}" >/dev/null
    else w=$({ X "\${p#*:}"; dd if=/dev/zero bs=1024 count=1 2>/dev/null; } | extract) || { k=1 TAR=$TAR$w; }
    fi
  done
  X 1024 >/dev/null
  return $k
}
extract() { tar -xpomf - -C / 2>&1; r=$?; cat >/dev/null; return $r; }
trusted() { theirs "$3" || return 0; GONE="$GONE $1"; b=$2 c=22; shift 4; all "$@"; }
made() { gone "$1" || mkdir -m 700 -- "$4" 2>/dev/null; }
clear() { gone "$1" || rm -rf -- "$4"; }
staged() {
  ! gone "$1" || return 0
  [ ! -d "$4" ] || [ -L "$4" ] || return 0
  b=$2 d=$3 s=$4 GONE="$GONE $1"; shift 4
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
gone() { case " $GONE " in *" $1 "*) return 0;; *) return 1;; esac; }
flush() {
  ! gone "$1" || return 0
  b=$2 s=$4 c=20; shift 4
  pick $# '$s'; [ -n "$L" ] || return 0
  w=$(eval "sync --$L" 2>&1) || all "$@"
}
seal() { gone "$1" || [ ! -d "$3" ] || { o=$(sync -- "$3" 2>&1) || { w=$o c=20 b=$2; shift 4; all "$@"; }; }; }
guard() {
  eval "x=\\$X$1"; b=$2 d=$3 t=$4; shift 4; h= v= i=0 j=$b
  for e in $x; do
    i=$((i + 1)); eval "n=\\$d/\\\${$i}"
    if ! good $j; then :
    elif [ ! -e "$n" ] && [ ! -L "$n" ]; then
      case $e in absent*|any*) ;; *) [ "$t" = - ] || [ -n "$ASIDE" ] || bad $j 10 "it is gone";; esac
    elif [ "\${e%/*}" = absent ]; then is "$n" "\${e#*/}" || differs "something is there now"
    elif [ -L "$n" ] || [ -d "$n" ]; then differs "it is no file any more"
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
      if good $j && [ -e "$n" ]; then is "$n" "\${e%/*}" || is "$n" "\${e#*/}" || differs "it changed after it was read"; fi;;
    esac
    j=$((j + 1))
  done
}
differs() {
  if [ -z "$ASIDE" ] || { [ -d "$n" ] && [ ! -L "$n" ]; }; then bad $j 10 "$1"; return; fi
  if w=$(cp -pPR -- "$n" "$n.before-fettle" 2>&1); then R $j b 0 "$n.before-fettle" ""; else bad $j 20 "$w"; fi
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
  trusted "$@"
  b=$2 d=$3 c=20; shift 4
  pick $# '$d'; [ -n "$L" ] || return 0
  eval "rm -f --$L" 2>/dev/null && return 0
  j=$b
  for n; do
    if good $j; then w=$(rm -f -- "$d/$n" 2>&1) || bad $j 20 "$w"; fi
    j=$((j + 1))
  done
}
keep() { case $C in *,sync-files,*) sync -- "$@";; *) sync;; esac; }
free() {
  eval "[ -z \\"\\\${Z_$I-}\\" ]" || return 1
  for p in $1; do good "$p" || { R "$I" k 1 "" "$TAR"; return 1; }; done
}
brief() {
  I=$1; free "$2" || return 0
  o=$( ( trap - HUP PIPE; S=$D/$I; cd /; eval "$3" ) 2>&1 </dev/null; r=$?; printf x; exit $r); r=$?
  [ $r != 0 ] || eval "K_$I=1"
  R "$I" c $r "\${o%x}" ""
}
astray() { ASTRAY=; for p; do ! theirs "$p" || { ASTRAY=$w; return; }; done; }
begin() {
  I=$1; eval "P_$1="; free "$2" || return 0
  [ -z "\${5-}" ] || noted "$@" || return 0
  [ -d "$D/$1" ] || mkdir "$D/$1"
  ( trap - HUP PIPE; cd /; S=$D/$I; export S ASTRAY; $LIMIT "$SH" -c "$4" fettle ) >>"$D/$1.out" 2>>"$D/$1.err" </dev/null &
  eval "P_$1=$!"
}
noted() {
  shift 4
  if fenced "$@"; then R "$I" c 10 x "\${u}x"; return 1; fi
  y=$1 b=$2; shift 2
  w=$(note "$y" - "$b" "$@" 2>&1) || { R "$I" c 1 x "that it begins cannot be noted in $V: \${w}x"; return 1; }
}
finish() {
  eval "p=\\$P_$1"; [ -n "$p" ] || return 0
  wait "$p"; r=$?
  [ $r != 0 ] || eval "K_$1=1"
  [ -z "\${2-}" ] || note "$2" $r "$3"
  o=; [ $r = 0 ] || room || o="\${NL}fettle: the file system of $B is full: what a script writes is kept there while it runs$NL"
  R "$1" c $r "$(kept "$D/$1.out"; printf x)" "$(kept "$D/$1.err"; printf '%sx' "$o")"
}
kept() { if [ -f "$1.last" ]; then cat "$1.last" "$1" | tail -c 65536; else tail -c 65536 "$1"; fi; }
room() { { dd if=/dev/zero bs=4096 count=1 >"$D/room"; } 2>/dev/null && rm -f "$D/room"; }
`
