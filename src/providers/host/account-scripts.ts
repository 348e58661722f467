import { quote, quoteAll } from "../../connect/host/quote.ts"
import type { GroupWant, UserWant } from "./account-props.ts"

/** How the scripts of accounts end where not well. */
export const ENDS = {
  notRoot: 41,
  noTools: 42,
  /** It is known to the host, and does not stand in its own files. */
  elsewhere: 47,
  /** The secret is no hash that can stand in /etc/shadow. */
  noHash: 48,
} as const

/** How often a change is tried while somebody else has the files of accounts locked; a second lies between. */
const TRIES = 30

/**
 * Tells all accounts in one answer, below titles that begin with a colon: the host's own files, then what else it knows of those named (a directory service). Words are
 * `u:NAME`, `g:NAME`, and `s:NAME` for the state of a password: L locked, P one, N none, E open to all; and the hash of its hash.
 */
const FACTS = `has() { command -v "$1" >/dev/null 2>&1; }
accounts() {
  us= gs= ss=
  for w; do case $w in u:*) us="$us \${w#u:}";; g:*) gs="$gs \${w#g:}";; s:*) ss="$ss \${w#s:} ";; esac; done
  printf ':passwd\\n'; cat /etc/passwd || return 20
  printf '\\n:group\\n'; cat /etc/group || return 20
  if has getent; then
    [ -z "$us" ] || { printf '\\n:passwd elsewhere\\n'; getent passwd $us; }
    [ -z "$gs" ] || { printf '\\n:group elsewhere\\n'; getent group $gs; }
  fi
  [ -n "$ss" ] || return 0
  [ -r /etc/shadow ] || { printf '\\n:shadow unread\\n'; return 0; }
  printf '\\n:shadow\\n'
  while IFS=: read -r n h x; do
    case $ss in *" $n "*) ;; *) continue;; esac
    case $h in '') s=E;; '!'*|'*'*) s=L;; *) s=P;; esac
    while [ "\${h#!}" != "$h" ]; do h=\${h#!}; done
    case $h in ''|'*') [ $s = E ] || s=N; printf '%s:%s:\\n' "$n" $s;;
      *) h=$(printf %s "$h" | sha256sum); printf '%s:%s:%s\\n' "$n" $s "\${h%% *}";;
    esac
  done </etc/shadow
}
`

export const readScript = `${FACTS}accounts "$@"`

/**
 * try COMMAND…   runs it, and again while the files are locked; ends the script where it fails.
 * user NAME      sets ui, gi, ge, ho and sh from the host's own file; false where it is not there.
 * group NAME     sets gid and members; false where it is not there.
 * local KIND     ends the script where another source than the host's files has the name.
 * edit FILE …    puts a new version of it in place.
 */
const CHANGING = `${FACTS}
[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
try() {
  k=0
  until o=$("$@" 2>&1); do
    case $o in *'annot lock'*|*'already locked'*|*'existing lock file'*) [ $k -ge ${TRIES} ] || { k=$((k + 1)); sleep 1; continue; };; esac
    printf '%s\\n' "$o" >&2; exit 20
  done
}
user() { while IFS=: read -r n x ui gi ge ho sh; do [ "$n" != "$1" ] || return 0; done </etc/passwd; return 1; }
group() { while IFS=: read -r n x gid members; do [ "$n" != "$1" ] || return 0; done </etc/group; return 1; }
elsewhere() { ! has getent || ! getent "$1" "$2" >/dev/null 2>&1 || exit ${ENDS.elsewhere}; }
edit() {
  f=$1; shift
  umask 022
  "$@" <"$f" >"$f.fettle" && [ -s "$f.fettle" ] && chmod 644 "$f.fettle" && mv -f "$f.fettle" "$f" || { rm -f "$f.fettle"; exit 20; }
}
tools() {
  if has "$1"; then shadow=1; elif has "$2"; then shadow=; else printf 'the host has neither %s nor %s\\n' "$1" "$2" >&2; exit ${ENDS.noTools}; fi
}
`

/** Makes a group, or brings it to its number; then tells it. */
export function groupScript({ name, gid, system }: GroupWant): string {
  const number = gid === undefined ? "" : String(gid)
  return `${CHANGING}
tools groupadd addgroup
if group ${name}; then
  if [ -n '${number}' ] && [ "$gid" != '${number}' ]; then
    has groupmod || { printf 'the host has no groupmod, so a group keeps its number\\n' >&2; exit ${ENDS.noTools}; }
    try groupmod -g '${number}' ${name}
  fi
else
  elsewhere group ${name}
  if [ -n "$shadow" ]; then try groupadd ${system ? "-r " : ""}${gid === undefined ? "" : `-g ${gid} `}${name}
  else try addgroup ${system ? "-S " : ""}${gid === undefined ? "" : `-g ${gid} `}${name}
  fi
fi
accounts g:${name}`
}

export function removeGroupScript(name: string): string {
  return `${CHANGING}
group ${name} || exit 0
tools groupdel delgroup
if [ -n "$shadow" ]; then try groupdel ${name}; else try delgroup ${name}; fi`
}

export interface UserParts {
  readonly want: UserWant
  /** The number that was read; another one by now is another user. */
  readonly expect: number | undefined
  /** Words for `accounts`. */
  readonly words: readonly string[]
}

/** Makes a user, or brings it to what is wanted; then tells it. The hash of its password is the slot `password`. */
export function userScript({ want, expect, words }: UserParts): string {
  const { name, groups = [], exactGroups, password, locked } = want
  return `${CHANGING}
tools useradd adduser
${makeText(want)}${CHANGE}name=${quote(name)} uid='${want.uid ?? ""}' primary='${want.group ?? ""}'
shell=${quote(want.shell ?? "")} home=${quote(want.home ?? "")} comment=${quote(want.comment ?? "")}
set -- ${quoteAll(groups)}
if user "$name"; then
  ${expect === undefined ? "" : `[ "$ui" = ${expect} ] || { printf 'its number is another one now\\n' >&2; exit 10; }`}
  ${want.comment === undefined ? "comment=$ge" : ":"}
  change
else
  elsewhere passwd "$name"
  make
fi
join "$@"
${exactGroups ? 'part "$@"\n' : ""}${password === undefined ? "" : PASSWORD}${locked === true ? "lock\n" : locked === false && password === undefined ? "unlock\n" : ""}accounts ${quoteAll(words)}`
}

/** A group of its own name may be there already: useradd refuses to share it unasked. */
function makeText({ system, createHome }: UserWant): string {
  const home = createHome ?? !system
  return `make() {
  [ -n "$primary" ] || ! group "$name" || primary=$name
  if [ -n "$shadow" ]; then
    set -- ${system ? "-r " : ""}${home ? "-m" : "-M"}
    [ -z "$uid" ] || set -- "$@" -u "$uid"
    [ -z "$primary" ] || set -- "$@" -g "$primary"
    [ -z "$home" ] || set -- "$@" -d "$home"
    [ -z "$shell" ] || set -- "$@" -s "$shell"
    [ -z "$comment" ] || set -- "$@" -c "$comment"
    try useradd "$@" -- "$name"
  else
    set -- -D${system ? " -S" : ""}${home ? "" : " -H"}
    [ -z "$uid" ] || set -- "$@" -u "$uid"
    [ -z "$primary" ] || set -- "$@" -G "$primary"
    [ -z "$home" ] || set -- "$@" -h "$home"
    [ -z "$shell" ] || set -- "$@" -s "$shell"
    set -- "$@" -g "$comment"
    try adduser "$@" "$name"
  fi
}
`
}

/** busybox has no usermod: its file is rewritten, one line of it. */
const CHANGE = `change() {
  g=$gi
  if [ -n "$primary" ]; then group "$primary" || { printf 'there is no group %s\\n' "$primary" >&2; exit 20; }; g=$gid; fi
  uid=\${uid:-$ui} home=\${home:-$ho} shell=\${shell:-$sh}
  [ "$uid:$g:$comment:$home:$shell" != "$ui:$gi:$ge:$ho:$sh" ] || return 0
  if has usermod; then
    set --
    [ "$uid" = "$ui" ] || set -- "$@" -u "$uid"
    [ "$g" = "$gi" ] || set -- "$@" -g "$g"
    [ "$comment" = "$ge" ] || set -- "$@" -c "$comment"
    [ "$home" = "$ho" ] || set -- "$@" -d "$home"
    [ "$shell" = "$sh" ] || set -- "$@" -s "$shell"
    try usermod "$@" -- "$name"
  else
    LINE="$uid:$g:$comment:$home:$shell" NAME=$name
    export LINE NAME
    edit /etc/passwd awk -F: '$1 == ENVIRON["NAME"] { print $1 ":" $2 ":" ENVIRON["LINE"]; next } { print }'
  fi
}
join() {
  for each; do
    group "$each" || { printf 'there is no group %s\\n' "$each" >&2; exit 20; }
    case ,$members, in *",$name,"*) continue;; esac
    if has usermod; then try usermod -a -G "$each" -- "$name"; else try addgroup "$name" "$each"; fi
  done
}
part() {
  out=
  while IFS=: read -r n x gid members; do
    case ,$members, in *",$name,"*) case " $* " in *" $n "*) ;; *) out="$out $n";; esac;; esac
  done </etc/group
  for each in $out; do
    if has gpasswd; then try gpasswd -d "$name" "$each"; else try delgroup "$name" "$each"; fi
  done
}
lock() { if has usermod; then try usermod -L -- "$name"; else try passwd -l "$name"; fi; }
unlock() { if has usermod; then try usermod -U -- "$name"; else try passwd -u "$name"; fi; }
`

/** On standard input and by builtins: nothing of it is ever an argument. */
const PASSWORD = `h=; read -r h <"$S/password" || [ -n "$h" ] || exit ${ENDS.noHash}
case $h in ''|*[!A-Za-z0-9./\\$=,_-]*) exit ${ENDS.noHash};; esac
secret() { printf '%s:%s\\n' "$name" "$h" | chpasswd -e; }
try secret
`

/** Removes a user; its own group goes with it as the host is set up. */
export function removeUserScript(name: string, purge: boolean): string {
  return `${CHANGING}
user ${name} || exit 0
tools userdel deluser
if [ -n "$shadow" ]; then try userdel ${purge ? "-r " : ""}-- ${name}; else try deluser ${purge ? "--remove-home " : ""}${name}; fi`
}
