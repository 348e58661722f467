import { ENDS, type PackageTool } from "./package-tool.ts"

/** dpkg and apt. An installation removes nothing (`--no-remove`), asks nothing, and keeps configuration files that somebody has changed. */
export const apt: PackageTool = {
  facts: `facts() {
  dpkg-query -W -f '\${Package}\\t\${Architecture}\\t\${db:Status-Status}\\t\${Version}\\n' -- "$@" 2>/dev/null || [ $? = 1 ]
}
`,
  // A candidate that is not newer is none: what is installed may have left the lists.
  newest: `newest() {
  o=$(LC_ALL=C apt-cache policy -- "$@") || return 20
  printf '%s\\n' "$o" | awk '/^[^ ]/ { name = $1; sub(/:$/, "", name); sub(/:[a-z0-9]+$/, "", name) }
    /^  Candidate:/ && $2 != "(none)" { print name "\\t" $2 }'
}
`,
  spec: (name, version) => (version === undefined ? name : `${name}=${version}`),
  change: `
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none APT_LISTBUGS_FRONTEND=none NEEDRESTART_MODE=l UCF_FORCE_CONFFOLD=1
locks='/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock'
locked() { case $o in *'ould not get lock'*|*'nable to acquire the dpkg'*|*'nable to lock '*|*'is locked by another process'*) return 0;; esac; return 1; }
stale() { case $o in *'Unable to locate package'*|*'no installation candidate'*|*' was not found'*|*' 404 '*|*'Failed to fetch'*|*'Unable to fetch'*) return 0;; esac; return 1; }
unknown() { w=$(printf '%s\\n' "$o" | grep -e 'Unable to locate package' -e 'has no installation candidate' -e "^E: Version .* was not found"); }
old() { [ -z "$(find /var/lib/apt/lists -maxdepth 0 -mmin "-$1" 2>/dev/null)" ]; }
get() { run apt-get -q -y -o APT::Cmd::Pattern-Only=true -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"; }
mend() {
  case $o in *'dpkg was interrupted'*) ;; *) return 0;; esac
  run dpkg --force-confdef --force-confold --configure -a
  [ $r = 0 ] || { words; exit 20; }
  get "$@"
}
refresh() { get update; [ $r != 0 ] || touch /var/lib/apt/lists; }
policy=/usr/sbin/policy-rc.d
quiet() {
  if grep -q 'written by fettle' $policy 2>/dev/null; then rm -f $policy; fi
  [ "\${services-1}" = 0 ] && [ ! -e $policy ] && [ ! -L $policy ] || return 0
  trap 'rm -f $policy' EXIT; trap 'exit 143' TERM INT
  printf '#!/bin/sh\\n# written by fettle while it installs packages\\nexit 101\\n' >$policy && chmod 755 $policy || exit 20
}
add() {
  quiet
  case $recommends in true) set -- --install-recommends "$@";; false) set -- --no-install-recommends "$@";; esac
  set -- install --no-remove --allow-downgrades "$@"
  get "$@"; [ $r = 0 ] || mend "$@"
}
drop() {
  names=
  for n; do
    case $purge$(dpkg-query -W -f '\${db:Status-Status} ' -- "$n" 2>/dev/null) in 0|1|0config-files*|?not-installed*) ;; *) names="$names $n";; esac
  done
  [ -n "$names" ] || exit 0
  verb=remove; [ $purge = 0 ] || verb=purge
  get -s $verb $names; [ $r = 0 ] || mend -s $verb $names
  [ $r = 0 ] || { words; exit 20; }
  more=
  for n in $(printf '%s\\n' "$o" | sed -n 's/^\\(Remv\\|Purg\\) \\([^ ]*\\).*/\\2/p'); do
    case " $names $more " in *" $n "*|*" \${n%:*} "*) ;; *) more="$more $n";; esac
  done
  [ -z "$more" ] || { printf '%s\\n' "\${more# }" >&2; exit ${ENDS.needed}; }
  get $verb $names
  [ $r = 0 ] || { words; exit 20; }
}
`,
}
