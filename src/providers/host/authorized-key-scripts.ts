import { quote } from "../../connect/host/quote.ts"

/** How the scripts of keys end where not well. */
export const ENDS = { notRoot: 41, noUser: 43, noHome: 44 } as const

/** Most bytes of a file of keys that are looked at. */
const FILE_MAX = 4_000_000

/**
 * Tells homes, modes and keys of users, however many keys: lines `:user NAME`, `:home PATH`, `:at MODE:UID` of the home, of `.ssh` and
 * of the file, then the lines of the file that hold a key. Two processes for a user, none for a key.
 */
export const readScript = `i=$(id -u)
if command -v getent >/dev/null 2>&1; then p=$(getent passwd "$@"); r=$?; [ $r = 0 ] || [ $r = 2 ] || exit 20
else p=$(cat /etc/passwd) || exit 20; fi
w=" $* "
printf '%s\\n' "$p" | while IFS=: read -r n x u g c d s; do
  case $w in *" $n "*) ;; *) continue;; esac
  printf ':user %s\\n:home %s\\n' "$n" "$d"
  if [ "$i" != 0 ] && [ "$i" != "$u" ]; then printf ':denied\\n'; continue; fi
  stat -L -c ':at %a:%u' -- "$d" "$d/.ssh" "$d/.ssh/authorized_keys" 2>/dev/null
  [ -f "$d/.ssh/authorized_keys" ] || continue
  head -c ${FILE_MAX} <"$d/.ssh/authorized_keys" | grep -a AAAA | sed 's/^/=/'
done`

/** What is to become of one key: by its base64, the line that was read (empty: none) and the line that is wanted (empty: none). */
export interface KeyEdit {
  readonly blob: string
  readonly old: string
  readonly line: string
}

/** The edits as lines, three for each: what the script finds in its slot. */
export function editsText(edits: readonly KeyEdit[]): string {
  return edits.map(({ blob, old, line }) => `${blob}\n${old}\n${line}\n`).join("")
}

/**
 * Puts keys into the file of a user and takes others out, as that user: whoever owns a home can put links into it, and what root
 * wrote there would go where they lead. All other lines stay as they are. The edits are the slot `edits`.
 */
export function editScript(user: string): string {
  return `n=${quote(user)} i=$(id -u)
[ "$i" = 0 ] || [ "$(id -un)" = "$n" ] || exit ${ENDS.notRoot}
id -u -- "$n" >/dev/null 2>&1 || exit ${ENDS.noUser}
if [ "$i" = 0 ] && [ "$n" != root ]; then su -s /bin/sh -c ${quote(AS_USER)} "$n" <"$S/edits"
else sh -c ${quote(AS_USER)} <"$S/edits"; fi`
}

/** One pass: the edits first, then the file. A line whose key is among the edits becomes what is wanted of it, once. */
const AWK = `
FNR == NR { if (FNR % 3 == 1) blob = $0; else if (FNR % 3 == 2) old[blob] = $0; else { line[blob] = $0; order[++count] = blob }; next }
/^[ \\t]*#/ { print; next }
{
  found = ""
  for (at = 1; at <= NF; at++) if ($at in line) { found = $at; break }
  if (found == "") { print; next }
  if ($0 != old[found] && $0 != line[found]) exit stale = 10
  if (line[found] != "" && !(found in done)) print line[found]
  done[found] = 1
}
END {
  if (stale) exit stale
  for (at = 1; at <= count; at++) if (line[order[at]] != "" && !(order[at] in done)) print line[order[at]]
}
`

/** Works on the resolved file, so that a link in the user's own home stays one. */
const AS_USER = `umask 077
n=$(id -un) d=
if command -v getent >/dev/null 2>&1; then d=$(getent passwd "$n"); else d=$(grep "^$n:" /etc/passwd); fi
d=\${d%:*} d=\${d##*:}
[ -d "$d" ] && cd -- "$d" || exit ${ENDS.noHome}
[ -e .ssh ] || mkdir -m 700 .ssh || exit 20
for p in . .ssh; do case $(stat -L -c %A -- $p) in ?????w*|????????w*) chmod go-w $p/. || exit 20;; esac; done
f=.ssh/authorized_keys t=
trap '[ -z "$t" ] || rm -f -- "$t" "$t.edits"' EXIT
! [ -L $f ] || f=$(readlink -f $f) || exit 20
t=$f.fettle-$$
cat >"$t.edits" || exit 20
if [ -f "$f" ]; then cp -p -- "$f" "$t" && chmod go-w "$t" || exit 20; o=$f; else : >"$t" && o=/dev/null || exit 20; fi
LC_ALL=C awk ${quote(AWK)} "$t.edits" "$o" >"$t.new" && cat "$t.new" >"$t"
r=$?; rm -f -- "$t.new"; [ $r = 0 ] || { [ $r = 10 ] && exit 10; exit 20; }
sync "$t" 2>/dev/null || sync
mv -f -- "$t" "$f" || exit 20
[ ! -d /sys/fs/selinux ] || restorecon -R .ssh 2>/dev/null || :`
