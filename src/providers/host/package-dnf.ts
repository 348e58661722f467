import { ENDS, type PackageTool } from "./package-tool.ts"

/** rpm, and dnf or the yum before it. Epochs are left out: people write "1.2-3.fc40". */
export const dnf: PackageTool = {
  facts: `facts() {
  f=$(rpm -q --qf '%{NAME}\\t%{ARCH}\\tinstalled\\t%{VERSION}-%{RELEASE}\\n' -- "$@" 2>&1)
  printf '%s\\n' "$f"
  case $f in *error:*) return 20;; esac
}
`,
  newest: `newest() {
  if has dnf; then
    o=$(dnf -q -C --setopt=metadata_expire=never repoquery --upgrades --latest-limit=1 --qf '%{name}\\t%{version}-%{release}\\n' "$@" 2>/dev/null)
    case $? in 0) printf '%s\\n' "$o" | sed 's/\\\\t/	/';; *) return 20;; esac
  else
    o=$(yum -q -C list updates "$@" 2>/dev/null); [ $? -le 1 ] || return 20
    printf '%s\\n' "$o" | awk 'NF == 3 { sub(/[.][^.]*$/, "", $1); sub(/^[0-9]+:/, "", $2); print $1 "\\t" $2 }'
  fi
}
`,
  spec: (name, version) => (version === undefined ? name : `${name}-${version}`),
  change: `
locks='/var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock'
if has dnf; then D=dnf; else D=yum; fi
locked() { case $o in *'xiting due to'*lock*|*'is locked by'*|*'an.t create transaction lock'*|*'aiting for process with pid'*) return 0;; esac; return 1; }
stale() { unknown || case $o in *' 404 '*|*'Error downloading'*|*'Cannot download'*) return 0;; *) return 1;; esac; }
unknown() { w=$(printf '%s\\n' "$o" | grep -e 'No match for argument' -e 'Unable to find a match' -e '^No package .* available'); }
old() { max=$(($1 * 60)); return 1; }
max=
get() { run $D -q -y --setopt=exit_on_lock=True \${max:+--setopt=metadata_expire=$max} "$@"; }
refresh() { max=0; get makecache; }
add() {
  case $recommends in true) set -- --setopt=install_weak_deps=True "$@";; false) set -- --setopt=install_weak_deps=False "$@";; esac
  get install "$@"
  [ $r != 0 ] || [ "\${latest-}" != 1 ] || get upgrade "$@"
}
drop() {
  names=
  for n; do ! rpm -q -- "$n" >/dev/null 2>&1 || names="$names $n"; done
  [ -n "$names" ] || exit 0
  o=$(rpm -e --test $names 2>&1) || case $o in
    *'is needed by (installed)'*)
      printf '%s\\n' "$o" | sed -n 's/.*is needed by (installed) \\([^ ]*\\).*/\\1/p' | sort -u | tr '\\n' ' ' >&2; exit ${ENDS.needed};;
    *) words; exit 20;;
  esac
  get --setopt=clean_requirements_on_remove=False remove $names
  [ $r = 0 ] || { words; exit 20; }
}
`,
}
