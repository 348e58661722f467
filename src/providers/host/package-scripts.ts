import { quote, quoteAll } from "../../connect/host/quote.ts"
import { apk } from "./package-apk.ts"
import { apt } from "./package-apt.ts"
import { dnf } from "./package-dnf.ts"
import type { Manager } from "./package-props.ts"
import { ENDS, type PackageTool } from "./package-tool.ts"

const SCRIPTS: Readonly<Record<Manager, PackageTool>> = { apt, dnf, apk }

/** Finds the manager, `m`, and defines its functions. On a Debian with dnf beside, apt is the one whose database is used. */
function choosing(manager: Manager | undefined, of: (scripts: PackageTool) => string): string {
  const branches = Object.entries(SCRIPTS).map(([name, scripts]) => `${name})\n${of(scripts)}\n;;`)
  return `has() { command -v "$1" >/dev/null 2>&1; }
m=${manager ?? ""}
if [ -z "$m" ]; then
  if has apt-get && [ -s /var/lib/dpkg/status ]; then m=apt
  elif has apk; then m=apk
  elif has dnf || has yum; then m=dnf
  fi
fi
case $m in apt) has apt-get;; apk) has apk;; dnf) has rpm && { has dnf || has yum; };; *) false;; esac || {
  printf 'the host has no %s\\n' "\${m:-package manager that fettle knows: apt-get, apk, dnf or yum}" >&2
  exit ${ENDS.noManager}
}
case $m in
${branches.join("\n")}
esac
`
}

/**
 * Tells what is there of the packages that are its words: the manager, then facts; then, where it is asked, the newest that the
 * lists know. A few processes, however many.
 */
export function readScript(manager: Manager | undefined, latest: boolean): string {
  const functions = choosing(manager, ({ facts, newest }) => (latest ? facts + newest : facts))
  return `${functions}printf 'manager=%s\\n' "$m"
facts "$@"${latest ? ` || exit\nprintf 'newest\\n'\nnewest "$@"` : ""}`
}

/**
 * run COMMAND…  runs it again and again while somebody else works; `o` is what it said, `r` its exit code.
 * well NAME…    true where all are installed: a manager also fails because of what somebody else has left half done.
 * holder FILE…  sets `h` to the process that holds one of these locks, where the kernel tells.
 */
const RUNNING = `
holder() {
  h=
  for f; do
    i=$(stat -c %i -- "$f" 2>/dev/null) || continue
    while read -r a b c d p e x; do
      case $b:$e in *'->'*) ;; *":$i")
        [ "$p" -gt 0 ] 2>/dev/null || continue
        h="process $p"; ! read -r z <"/proc/$p/comm" || h="$h ($z)"
        return 0;;
      esac
    done </proc/locks
  done 2>/dev/null
}
run() {
  while :; do
    o=$("$@" 2>&1) && r=0 || r=$?
    if [ $r = 0 ] || ! locked; then return 0; fi
    if [ "$(date +%s)" -ge $until ]; then
      holder $locks
      [ -n "$h" ] || h=$(printf '%s\\n' "$o" | sed -n 's/.*held by process \\([0-9][0-9]* ([^)]*)\\).*/process \\1/p;s/.*pid \\([0-9][0-9]*\\).*/process \\1/p' | sed 1q)
      printf '%s\\n' "\${h:-another process}" >&2
      exit ${ENDS.locked}
    fi
    sleep 1
  done
}
well() {
  for n; do case $(facts "$n") in *'	installed	'*) ;; *) return 1;; esac; done
}
words() { printf '%s\\n' "$o" | tail -n 40 >&2; }
`

export interface InstallParts {
  readonly manager: Manager | undefined
  readonly packages: readonly {
    readonly name: string
    readonly version?: string | undefined
    readonly latest: boolean
  }[]
  readonly recommends: boolean | undefined
  readonly startServices: boolean
  readonly refreshAfterMinutes: number | undefined
  readonly lockWaitMs: number
}

/** Installs all in one run of the manager, with newer lists where it finds something not; then tells what is there as `readScript` does. */
export function installScript(parts: InstallParts): string {
  const { manager, packages, refreshAfterMinutes: minutes } = parts
  const names = quoteAll(packages.map(({ name }) => name.replace(/:.*$/, "")))
  const anyWillDo = packages.every(({ version, latest }) => version === undefined && !latest)
  const specs = (scripts: PackageTool): string =>
    `${scripts.facts}${scripts.newest}${scripts.change}\nset -- ${quoteAll(packages.map(({ name, version }) => scripts.spec(name, version)))}`
  return `${starting(parts.lockWaitMs)}recommends=${parts.recommends ?? ""} services=${parts.startServices ? 1 : 0} latest=${packages.some(({ latest }) => latest) ? 1 : 0}
${choosing(manager, specs)}${minutes === undefined ? "" : `! old ${minutes} || refresh\n`}add "$@"
if [ $r != 0 ] && stale; then refresh; add "$@"; fi
${anyWillDo ? `if [ $r != 0 ] && well ${names}; then words; r=0; fi\n` : ""}if [ $r != 0 ]; then
  if unknown; then printf '%s\\n' "$w" >&2; exit ${ENDS.unknown}; fi
  words; exit 20
fi
printf 'manager=%s\\n' "$m"
facts ${names} || exit 20${packages.some(({ latest }) => latest) ? `\nprintf 'newest\\n'\nnewest ${names} || exit 20` : ""}`
}

export interface RefreshParts {
  readonly manager: Manager
  /** Of the repository, and the file that names it. */
  readonly name: string
  readonly file: string
  /** Files that go again where its list cannot be fetched. */
  readonly undo: readonly string[]
  readonly lockWaitMs: number
}

/** Fetches the list of one repository and no others. */
export function refreshScript({ manager, name, file, undo, lockWaitMs }: RefreshParts): string {
  const get = {
    apt: `get update -o APT::Update::Error-Mode=any -o Dir::Etc::sourcelist=${quote(file)} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0`,
    dnf: `max=0; get makecache --setopt=skip_if_unavailable=False --disablerepo='*' --enablerepo=${quote(name)}`,
    apk: `get update --repositories-file ${quote(file)}`,
  }[manager]
  return `${starting(lockWaitMs)}${choosing(manager, ({ facts, change }) => facts + change)}${get}
[ $r = 0 ] || { words; ${undo.length === 0 ? "" : `rm -f -- ${undo.map(quote).join(" ")}; `}exit 20; }`
}

/** Removes all of them, what they need stays; those that are gone are none. */
export function removeScript(
  manager: Manager | undefined,
  names: readonly string[],
  purge: boolean,
  lockWaitMs: number,
): string {
  return `${starting(lockWaitMs)}purge=${purge ? 1 : 0}
${choosing(manager, ({ facts, change }) => facts + change)}drop ${names.map(quote).join(" ")}`
}

function starting(lockWaitMs: number): string {
  return `[ "$(id -u)" = 0 ] || exit ${ENDS.notRoot}
until=$(($(date +%s) + ${Math.ceil(lockWaitMs / 1_000)}))
${RUNNING}`
}
