import { ENDED, PRELUDE } from "./log-script.ts"

/**
 * Looks at the journal of a unit. Arguments: unit, cursor, cursor of the worse ones, time in seconds, priority or nothing. With a priority all entries
 * of it and worse count, and of the others those whose text matches. Prints "lost", and for the reading "worse" and then for "all": "size lines
 * bytes", its cursor, and what matched. All else that it prints are words of journalctl.
 */
export const JOURNAL_SCRIPT = `${PRELUDE}
unit=$1 cursor=$2 worse=$3 time=$4 priority=$5
command -v journalctl >/dev/null || exit ${ENDED.noJournal}
export SYSTEMD_PAGER= SYSTEMD_COLORS=0
exec 6>&1
case $(journalctl --no-pager -n 1 -o cat 2>&1 >/dev/null) in *"not seeing messages"*|*"nsufficient permissions"*) exit ${ENDED.denied} ;; esac
if [ -z "$(journalctl -q --no-pager -n 1 -o cat -u "$unit" 2>/dev/null)" ]; then
  [ "$(systemctl show -p LoadState "$unit" 2>/dev/null)" = LoadState=not-found ] && exit ${ENDED.absent}
fi
known_cursor() { [ "$(journalctl -q --no-pager -o export --cursor="$1" 2>/dev/null | head -n 1)" = "__CURSOR=$1" ]; }
lost=0
for c in "$cursor" "$worse"; do [ -z "$c" ] || known_cursor "$c" || lost=1; done
echo lost $lost
# $1 cursor, then more arguments
stream() {
  c=$1
  shift
  if [ "$c" ]; then set -- --after-cursor="$c" "$@"; elif [ "$time" ]; then set -- --since="@$time" "$@"; fi
  journalctl -q --no-pager -a -o cat --show-cursor -u "$unit" "$@" 2>&6
}
# The last line is the cursor, whatever the lines before it say.
split() { awk '
  NR > 1 { print s; n++; b += length(s) + 1 }
  { s = $0 }
  END { printf "size %d %d\\n'"$1"' %s\\n", n, b, s | "cat >&6" }'; }
if [ "$priority" ]; then
  matched=$(stream "$worse" -p "0..$priority" | split worse | find -c)
  echo matched $matched
  [ "$known" ] || echo first $(stream "$worse" -p "0..$priority" | sed '$d' | head -n 1 | first)
fi
sorted=$(stream "$cursor" | split all | find | sort_out)
echo sorted $sorted
`

/** The end of the whole journal as a mark: its last cursor, or else the time there. */
export const JOURNAL_MARK_SCRIPT = `
export LC_ALL=C
command -v journalctl >/dev/null || exit ${ENDED.noJournal}
case $(journalctl --no-pager -n 1 -o cat 2>&1 >/dev/null) in *"not seeing messages"*|*"nsufficient permissions"*) exit ${ENDED.denied} ;; esac
journalctl -q --no-pager -n 1 -o cat --show-cursor | tail -n 1
date -u +%Y-%m-%dT%H:%M:%SZ
`
