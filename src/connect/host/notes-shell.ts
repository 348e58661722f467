/**
 * What is noted on the host of scripts that nothing else proves. Lines of `$J`, a file of the session in the folder `V`:
 *
 * TOKEN - WORD        it begins: synced before it does
 * TOKEN CODE WORD     it ended so
 * TOKEN !             it must not begin any more: the next run has looked, and does it under a token of its own
 *
 * The file goes when the session is told that all it noted is closed in the journal. `ledger` tells whether the notes are those
 * of then: whoever loses the folder, or looks into that of another user, finds another one or none, and absence proves nothing.
 *
 * ledger                      makes it where there is none, and says it.
 * told item TOKEN…            what is noted of them. Waits some seconds for a session that is still at one of them, then names it.
 * fenced TOKEN WORD OLD…      true where it must not begin: it was given up, or one of the old ones has begun after all.
 * note TOKEN CODE WORD [OLD…] gives up the old ones, and writes a line.
 * closed                      forgets all but what was given up: the dead may still be on their way here.
 */
export const NOTES = `
ledger() {
  a=
  if w=$( { mkdir -p -- "$V" && { [ -s "$V/ledger" ] || printf '%s\\n' "$N" >"$V/ledger"; } && keep "$V/ledger" && keep "$V"; } 2>&1); then
    read -r a <"$V/ledger"
  fi
  R 0 g 0 "$a" "$w"
}
told() {
  k=$1 x=0; shift
  while :; do
    e=; { read -r e <"$V/ledger"; } 2>/dev/null
    h=
    for f in "$V/$K-"*; do
      [ -f "$f" ] && [ -O "$f" ] || continue
      z=0
      while read -r c b; do
        case " $* " in *" $c "*) e="$e$NL$c $b"; case $b in '-'*) z=$((z + 1));; '!'*) ;; *) z=$((z - 1));; esac;; esac
      done <"$f"
      [ $z -gt 0 ] || continue
      for d in "$B/fettle-$U-$H-$K-"*"-\${f##*-}"; do [ -O "$d" ] && owner "$d" && h=$p; done
    done
    [ -n "$h" ] && [ $x -lt $linger ] || break
    [ $((x % 50)) != 0 ] || R "$h" i 0 "" ""
    x=$((x + 1)); nap
  done
  R "$k" j 0 "$e" "$h"
}
fenced() {
  y=$1 u=; shift 2
  for f in "$V/$K-"*; do
    [ -f "$f" ] && [ -O "$f" ] || continue
    z=0
    while read -r c b; do
      [ "$c $b" != "$y !" ] || u="a later run has taken its place"
      case " $* " in *" $c "*) case $b in '-'*) z=$((z + 1));; '0 '*) z=$((z - 1)) u="a run that was cut off has done it by now";; '!'*) ;; *) z=$((z - 1));; esac;; esac
    done <"$f"
    [ $z -le 0 ] || u="a run that was cut off has begun it by now"
  done
  [ -n "$u" ]
}
note() {
  y=$1 c=$2 b=$3; shift 3
  { for a; do printf '%s !\\n' "$a"; done; printf '%s %s %s\\n' "$y" "$c" "$b"; } >>"$J" && keep "$J" || return 1
  [ "$c" != - ] || keep "$V"
}
closed() {
  [ -f "$J" ] || return 0
  if a=$(sed -n '/ !$/p' "$J") && [ -n "$a" ]; then printf '%s\\n' "$a" >"$J"; else rm -f "$J"; fi
}
`
