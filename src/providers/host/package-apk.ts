import { ENDS, type PackageTool } from "./package-tool.ts"

/** apk of Alpine: its database is read as text, its wishes (`world`) keep a version that is asked for. */
export const apk: PackageTool = {
  facts: `facts() {
  db=/lib/apk/db/installed; [ -e $db ] || db=/usr/lib/apk/db/installed
  WORDS=" $* " awk 'BEGIN { words = ENVIRON["WORDS"] }
    /^P:/ { name = substr($0, 3) } /^V:/ { version = substr($0, 3) } /^A:/ { arch = substr($0, 3) }
    /^$/ { if (name != "" && index(words, " " name " ")) printf "%s\\t%s\\tinstalled\\t%s\\n", name, arch, version; name = "" }
    END { if (name != "" && index(words, " " name " ")) printf "%s\\t%s\\tinstalled\\t%s\\n", name, arch, version }' $db
}
`,
  newest: `newest() {
  o=$(apk --no-network version -v -l '<' 2>/dev/null) || return 20
  WORDS=" $* " ; export WORDS
  printf '%s\\n' "$o" | awk '$2 == "<" { name = $1; sub(/-[0-9][^-]*-r[0-9]+$/, "", name); if (index(ENVIRON["WORDS"], " " name " ")) print name "\\t" $3 }'
}
`,
  spec: (name, version) =>
    version === undefined
      ? name
      : version.endsWith("*")
        ? `${name}=~${version.replace(/\.?\*$/, "")}`
        : `${name}=${version}`,
  change: `
locks='/lib/apk/db/lock /usr/lib/apk/db/lock'
locked() { case $o in *'nable to lock database'*) return 0;; esac; return 1; }
stale() { unknown || case $o in *"try 'apk update'"*|*'not found'*|*'package mentioned in index'*) return 0;; *) return 1;; esac; }
unknown() { w=$(printf '%s\\n' "$o" | grep -e '(no such package)' -e '^ *breaks: world'); }
max=
old() { max=$1; return 1; }
get() { run apk --no-progress \${max:+--cache-max-age $max} "$@"; }
refresh() { get update; }
add() { if [ "\${latest-}" = 1 ]; then get add -u "$@"; else get add "$@"; fi; }
drop() {
  names=
  for n; do ! apk info -e -- "$n" >/dev/null 2>&1 || names="$names $n"; done
  [ -n "$names" ] || exit 0
  if [ $purge = 1 ]; then get del --purge $names; else get del $names; fi
  [ $r = 0 ] || { words; exit 20; }
  case $o in *'not removed due to'*) printf '%s\\n' "$o" | sed -n 's/^  *[^ ]*: *//p' | tr '\\n' ' ' >&2; exit ${ENDS.needed};; esac
}
`,
}
