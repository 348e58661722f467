/** Exit codes of the scripts that look at logs on a host. */
export const ENDED = { absent: 3, noFile: 4, denied: 5, noWords: 6, noGrep: 7, noJournal: 8 } as const

/** Bytes of the first matching line that are sent: far more than is told, so that secrets can be hidden before it is cut. */
export const FIRST_BYTES = 65_536
/** Bytes of lines that are sent because only here can be said whether they match. */
export const DOUBTFUL_BYTES = 160_000

/**
 * What scripts of both places begin with. `$lit` is E or F, `$fold` is i or empty, `$p` the expression, `$q` a bracket of doubtful bytes or
 * empty, `$known` 1 where a first line is not needed. All is over bytes: LC_ALL=C.
 *
 * `find` gives the lines of standard input that match. GNU grep must be told that all is text; others end a line at a zero byte, so they are
 * given another control character.
 */
export const PRELUDE = `
export LC_ALL=C
unset GREP_OPTIONS
case $(grep --version 2>/dev/null) in *"GNU grep"*) gnu=1 opts=-a$lit$fold ;; *) gnu= opts=-$lit$fold ;; esac
find() { if [ "$gnu" ]; then grep $opts "$@" -e "$p"; else tr '\\000' '\\001' | grep $opts "$@" -e "$p"; fi; }
hex() { od -An -v -tx1 | tr -d ' \\n'; }
first() { { head -c ${FIRST_BYTES}; cat >/dev/null; } | hex; }
[ "$words" ] && { [ "$(printf 'ab\\na b\\n' | grep -c$lit '\\bb')" = 1 ] || exit ${ENDED.noWords}; }
printf 'x\\n' | find -c >/dev/null
[ $? -lt 2 ] || exit ${ENDED.noGrep}
sort_out() { awk '
  '"\${q:+1}"0' && /['"\${q:-x}"']/ { s = $0; n = length(s); k += n + 1; if (k <= ${DOUBTFUL_BYTES}) printf "c%d %s\\n", NR, s; else over++; next }
  { if (!c++) printf "f%d %s\\n", NR, substr($0, 1, ${FIRST_BYTES}) }
  END { printf "n%d %d\\n", c, over }' | hex; }
`

/**
 * Looks at a file, and at PATH.1 before it where it was rotated. Arguments: path, inode of the mark ("start", "here" for a bare offset), offset,
 * hash of what stands before it. Prints a line for each part in order: "part current inode from end hash count rest", then "first", "sorted" and
 * "rest" with bytes in hexadecimal; then "lost" and "again".
 *
 * Position of an open file as the kernel knows it says where grep has stopped: what is written meanwhile is neither lost nor counted twice.
 */
export const FILE_SCRIPT = `${PRELUDE}
path=$1 mino=$2 moff=$3 mtail=$4
refuse() {
  [ -e "$1" ] || { case $(ls -d -- "$1" 2>&1) in *[Pp]ermission*) exit ${ENDED.denied} ;; esac; exit ${ENDED.absent}; }
  [ -f "$1" ] || exit ${ENDED.noFile}
  [ -r "$1" ] || exit ${ENDED.denied}
}
facts() { stat -L -c "$2" /proc/self/fd/$1; }
from() { dd bs=1 skip="$1" count=0 2>/dev/null; }
at() { sed -n 's/^pos:[[:space:]]*//p' /proc/self/fdinfo/$1; }
part() { { from $2; head -c $3; } </proc/self/fd/$1; }
tail_of() { n=65536; [ $2 -lt $n ] && n=$2; set -- $(part $1 $(($2 - n)) $n | sha256sum); echo $1; }
holds() { [ "$moff" -le "$2" ] && { [ -z "$mtail" ] || [ "$mtail" = "$(tail_of $1 $moff)" ]; }; }
# $1 fd, $2 from, $3 to: bytes after the last line break
rest_of() {
  w=65536
  while :; do
    [ $w -gt $(($3 - $2)) ] && w=$(($3 - $2))
    r=$(part $1 $(($3 - w)) $w | tail -n 1 | wc -c)
    [ $r -lt $w ] || [ $w -ge $(($3 - $2)) ] && break
    w=$((w * 8))
  done
  echo $((r))
}
ends_line() { [ "$(part $1 $(($2 - 1)) 1 | hex)" = 0a ]; }
# Takes how grep has ended out of the hexadecimal text that it stands in.
checked() {
  case $1 in *r[01]c*) bare=$(printf %s "$1" | sed 's/r[01]c//') ;; *) exit ${ENDED.noGrep} ;; esac
}
look() { # fd from current inode
  exec 4</proc/self/fd/$1
  from $2 <&4
  count=0 line= sorted=
  if [ "$q" ]; then
    sorted=$({ { find <&4; echo "r$?c" >&7; } | sort_out; } 7>&1 | tr -d '\\n')
    checked "$sorted"
    sorted=$bare
  elif [ "$gnu" ]; then
    if [ "$known" ]; then
      count=$(find -c <&4)
      [ $? -lt 2 ] || exit ${ENDED.noGrep}
    else
      line=$({ { find -m1 <&4; echo "r$?c" >&7; } | first; } 7>&1 | tr -d '\\n')
      checked "$line"
      line=$bare
      if [ "$line" ]; then
        count=1
        if ends_line $1 $(at 4); then more=$(find -c <&4); [ $? -lt 2 ] || exit ${ENDED.noGrep}; count=$((count + more)); fi
      fi
    fi
  else
    count=$(find -c <&4)
    [ $? -lt 2 ] || exit ${ENDED.noGrep}
    [ "$count" -gt 0 ] && [ -z "$known" ] && line=$({ from $2; find -m1; } </proc/self/fd/$1 | first)
  fi
  end=$(at 4) rest=0 tailed=
  exec 4<&-
  if [ $end -gt $2 ] && ! ends_line $1 $end; then
    size=$(rest_of $1 $2 $end)
    if [ "$(part $1 $((end - size)) $size | find -c)" = 1 ]; then
      rest=1
      [ "$q" ] && tailed=$(part $1 $((end - size)) $size | first)
    fi
    end=$((end - size))
  fi
  echo part $3 $4 $2 $end "$(tail_of $1 $end)" $count $rest
  [ "$line" ] && echo first $line
  [ "$sorted" ] && echo sorted $sorted
  [ "$tailed" ] && echo rest $tailed
  known=$known\${line:+1}
}
refuse "$path"
exec 3<"$path"
set -- $(facts 3 '%i %s')
ino=$1 size=$2 lost=0
case $mino in start) mino=$ino moff=0 ;; here) mino=$ino ;; esac
if [ "$mino" = $ino ] && holds 3 $size; then
  look 3 $moff 1 $ino
elif [ "$mino" = 0 ]; then
  look 3 0 1 $ino
else
  if [ -f "$path.1" ] && [ -r "$path.1" ]; then
    exec 5<"$path.1"
    set -- $(facts 5 '%i %s')
    if { [ "$mino" = $1 ] || [ "$mino" = $ino ]; } && holds 5 $2; then
      look 5 $moff 0 $1
    else
      lost=1
      look 5 0 0 $1
    fi
  else
    lost=1
  fi
  look 3 0 1 $ino
fi
echo lost $lost
new=$(stat -L -c %i -- "$path" 2>/dev/null)
[ -n "$new" ] && [ "$new" != $ino ] && echo again 1
exit 0
`

/** The end of a file as a mark: "inode offset hash"; exit code as above where there is none. */
export const MARK_SCRIPT = `
export LC_ALL=C
[ -e "$1" ] || { case $(ls -d -- "$1" 2>&1) in *[Pp]ermission*) exit ${ENDED.denied} ;; esac; exit ${ENDED.absent}; }
[ -f "$1" ] || exit ${ENDED.noFile}
[ -r "$1" ] || exit ${ENDED.denied}
exec 3<"$1"
set -- $(stat -L -c '%i %s' /proc/self/fd/3)
n=65536
[ $2 -lt $n ] && n=$2
i=$1 s=$2
set -- $({ dd bs=1 skip=$((s - n)) count=0 2>/dev/null; head -c $n; } </proc/self/fd/3 | sha256sum)
echo $i $s $1
`

/** A text over bytes as words for printf of a shell: whatever it holds, the script stays ASCII. */
export function octal(bytes: string): string {
  return [...bytes].map((byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`).join("")
}
