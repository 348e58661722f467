import { posix } from "node:path"
import { quote } from "../../connect/host/quote.ts"
import { unlessAstray } from "../../connect/host/unless-astray.ts"

/** Exit code of what is refused; the words are told. */
export const REFUSED = 22
/** Exit code where there is no git. */
export const NO_GIT = 32
/** How long a question to the repository may take in a plan, in seconds. */
const ASK_SECONDS = 30

/** A checkout, as scripts need it. */
export interface Checkout {
  readonly path: string
  readonly repository: string
  readonly branch?: string | undefined
  readonly tag?: string | undefined
  readonly commit?: string | undefined
  readonly depth?: number | undefined
  readonly submodules: boolean
  readonly force: boolean
  readonly user?: string | undefined
  readonly keyFile?: string | undefined
  readonly knownHosts?: string | undefined
  readonly tokenFile?: string | undefined
  /** Where these are given they stand in slots. */
  readonly key?: unknown
  readonly token?: unknown
  readonly username: string
}

/**
 * `g` is git without hooks, prompts and the settings of whoever works. Credentials are files: ssh is told the path of its key, and the
 * credential helper reads the token; neither stands in an argument list or an environment.
 */
function gitFunction({ keyFile, key, knownHosts, tokenFile, token, username }: Checkout): string {
  const fileOf = (path: string | undefined, sealed: unknown, slot: string): string | undefined =>
    path !== undefined ? quote(path) : sealed === undefined ? undefined : `"$S/${slot}"`
  const [keyWord, tokenWord] = [fileOf(keyFile, key, "key"), fileOf(tokenFile, token, "token")]
  const ssh = [
    "ssh -o BatchMode=yes",
    keyWord === undefined ? "" : ` -o IdentitiesOnly=yes -i ${keyWord}`,
    knownHosts === undefined ? "" : ` -o StrictHostKeyChecking=yes -o UserKnownHostsFile=${quote(knownHosts)}`,
  ].join("")
  const helper = `!f() { [ "$1" = get ] || exit 0; echo username=${quote(username)}; printf 'password=%s\\n' "$(cat ${tokenWord})"; }; f`
  const credentials = tokenWord === undefined ? "" : ` -c credential.helper= -c credential.helper=${quote(helper)}`
  return `export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_SSH_COMMAND=${quote(ssh)}
g() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0${credentials} "$@"; }
command -v git >/dev/null || { echo 'there is no git' >&2; exit ${NO_GIT}; }`
}

/** Runs a script as whoever owns the checkout. */
function as(user: string | undefined, script: string): string {
  return user === undefined ? script : `su -s /bin/sh -c ${quote(script)} ${quote(user)}`
}

/** The name that the repository is asked for; undefined where it need not be asked. */
function askedRef({ branch, tag, commit }: Checkout): string | undefined {
  if (tag !== undefined || commit !== undefined) return undefined
  return branch === undefined ? "HEAD" : `refs/heads/${branch}`
}

/** Prints lines of `word value`: head, url, to, unfinished, dirty. `asks`: whether the repository is asked where its branch is. */
export function readScript(checkout: Checkout, asks: boolean): string {
  const ref = asks ? askedRef(checkout) : undefined
  const ask =
    ref === undefined
      ? ""
      : `l=; ! command -v timeout >/dev/null || l='timeout ${ASK_SECONDS}'
u=$(git() { command $l git "$@"; }; g ls-remote -- ${quote(checkout.repository)} ${quote(ref)} 2>&1)
a=$(printf '%s\\n' "$u" | grep -E '^[0-9a-f]{40,64}.${ref === "HEAD" ? "HEAD" : "refs/"}' | head -n 1); a=\${a%%[!0-9a-f]*}
[ -z "$a" ] || printf 'to %s\\n' "$a"`
  const tag =
    checkout.tag === undefined
      ? ""
      : `g rev-parse -q --verify ${quote(`refs/tags/${checkout.tag}^{commit}`)} | sed 's/^/to /'`
  const script = `p=${quote(checkout.path)}
[ -d "$p" ] || [ ! -e "$p" ] || exit 0
exists=; [ ! -e "$p/.git" ] || exists=1
if [ -z "$exists" ] && [ -d "$p" ] && [ -n "$(ls -A -- "$p")" ]; then echo "$p holds something, and is no checkout"; exit ${REFUSED}; fi
[ -n "$exists" ] || command -v git >/dev/null || exit 0
${gitFunction(checkout)}
${ask}
[ -n "$exists" ] || exit 0
cd -- "$p" || exit 20
w=$(g rev-parse --git-dir 2>&1) || { printf '%s\\n' "$w"; exit ${REFUSED}; }
${ref === undefined ? "" : `[ -n "$a" ] || { printf '%s\\n' "\${u:-the repository has no ${ref.replaceAll(/[^\w./-]/g, "?")}}"; exit 20; }`}
h=$(g rev-parse -q --verify 'HEAD^{commit}'); printf 'head %s\\nurl %s\\n' "$h" "$(g config --get remote.origin.url)"
${tag}
[ ! -f .git/fettle-unfinished ] || echo 'unfinished yes'
d=$(g status --porcelain --untracked-files=no 2>&1) || { printf '%s\\n' "$d"; exit 20; }
[ -z "$d" ] || printf '%s\\n' "$d" | head -n 5 | sed 's/^/dirty /'`
  return as(checkout.user, script)
}

/** What a change is made from. */
export interface GitParts {
  /** The commits that may stand there now. */
  readonly from: readonly string[]
  /** The commit that state remembers: another one that the repository does not have is somebody's own. */
  readonly recorded: string | undefined
  /** The commit that was planned, where it was known. */
  readonly to: string | undefined
}

/** Makes the checkout, or moves it. Its last line is the commit. */
export function changeScript(checkout: Checkout, { from, recorded, to }: GitParts): string {
  const { path, branch, depth, submodules, force, user } = checkout
  const p = quote(path)
  const shallow = depth === undefined ? "" : ` --depth ${depth}`
  const move =
    branch === undefined
      ? `g checkout -q ${force ? "-f " : ""}--detach "$to"`
      : `g checkout -q ${force ? "-f " : ""}-B ${quote(branch)} "$to"`
  const script = `umask 022
p=${p}
refuse() { printf '%s\\n' "$1" >&2; exit ${REFUSED}; }
${gitFunction(checkout)}
cd -- "$p" || exit 20
if [ ! -e .git ]; then
  [ -z "$(ls -A)" ] || refuse "$p holds something, and is no checkout"
  g init -q . || exit 20
fi
head=$(g rev-parse -q --verify 'HEAD^{commit}')
force=${force ? "1" : ""}
if [ -f .git/fettle-unfinished ]; then force=1; rm -f .git/index.lock; fi
case $head in ''${[...from, ...(to === undefined ? [] : [to])].map((each) => `|${each}`).join("")}) ;; *) [ -n "$force" ] || exit 10;; esac
[ -n "$force" ] || [ -z "$(g status --porcelain --untracked-files=no)" ] || refuse "$p has local modifications"
g remote add origin ${quote(checkout.repository)} 2>/dev/null || g remote set-url origin ${quote(checkout.repository)} || exit 20
${fetchScript(checkout, shallow)}
${to === undefined ? "" : `[ "$to" = ${to} ] || { echo 'the branch has moved since it was planned' >&2; exit 10; }`}
if [ -n "$head" ] && [ -z "$force" ]; then
  [ -z "$(g rev-list -n 1 "$head" --not --remotes --tags "$to" 2>&1)" ] || [ "$head" = ${quote(recorded ?? "")} ] || refuse "$p has commits of its own"
fi
echo "$to" >.git/fettle-unfinished || exit 20
[ -z "$force" ] || g reset -q --hard || exit 20
${move} || exit 20
${submodules ? `g submodule update -q --init --recursive${force ? " --force" : ""}${shallow} || exit 20\n` : ""}rm -f .git/fettle-unfinished
echo "$to"`
  // What it made for a checkout that came to nothing goes with it: a later run, and whoever looks, finds nothing half made.
  const working = `( ${as(user, script)} )
r=$?
[ $r = 0 ] || [ -z "$made" ] || { ${as(user, `cd / && rm -rf -- ${p}`)}; rmdir -- ${p}; } 2>/dev/null
exit $r`
  if (isRoots(checkout))
    return `${unlessAstray}made=
[ -d ${p} ] || { ( umask 022; mkdir -- ${p} ) && made=1; } || exit 20\n${working}`
  return `made=; [ -d ${p} ] || made=1
[ -d ${p} ] || ${as(user, `umask 022; mkdir -- ${p} 2>/dev/null`)} || {
${unlessAstray}( umask 022; mkdir -- ${p} ) && chown -h -- ${quote(user as string)} ${p}; } || exit 20
${working}`
}

/** Whether whoever fettle works as writes in the checkout itself. */
function isRoots({ user }: Checkout): boolean {
  return user === undefined || user === "root"
}

/** Folders in which whoever fettle works as writes: what another user owns, that user can make and empty. */
export function writesIn(checkout: Checkout): readonly string[] {
  return [isRoots(checkout) ? checkout.path : posix.dirname(checkout.path)]
}

/** Fetches what is wanted, and sets `to` to its commit. */
function fetchScript({ branch, tag, commit }: Checkout, shallow: string): string {
  if (commit !== undefined)
    return `g cat-file -e '${commit}^{commit}' 2>/dev/null || g fetch -q${shallow} origin ${commit} 2>/dev/null ||
  g fetch -q origin '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*' || exit 20
to=$(g rev-parse -q --verify '${commit}^{commit}') || refuse 'the repository has no commit ${commit}'`
  const [from, to] =
    tag !== undefined
      ? [`refs/tags/${tag}`, `refs/tags/${tag}`]
      : branch !== undefined
        ? [`refs/heads/${branch}`, `refs/remotes/origin/${branch}`]
        : ["HEAD", "refs/remotes/origin/HEAD"]
  return `g fetch -q --force${shallow} origin ${quote(`+${from}:${to}`)} || exit 20
to=$(g rev-parse -q --verify ${quote(`${to}^{commit}`)}) || exit 20`
}

/** Removes a checkout that holds nothing of its own: no modification, no file that git does not know, no commit but the recorded one. */
export function removeScript(checkout: Checkout, commit: string): string {
  const p = quote(checkout.path)
  const look = `${gitFunction(checkout)}
cd -- ${p} || exit 20
d=$(g status --porcelain) || exit 20
[ -z "$d" ] || { printf '%s holds what is not in the repository: %s\\n' ${p} "$(printf '%s\\n' "$d" | head -n 5 | tr '\\n' ',')" >&2; exit ${REFUSED}; }
h=$(g rev-parse -q --verify 'HEAD^{commit}')
[ "$h" = ${quote(commit)} ] || { printf '%s stands at %s, which nobody recorded\\n' ${p} "$h" >&2; exit ${REFUSED}; }`
  const looked = checkout.force ? "" : `( ${as(checkout.user, look)}\n) || exit $?\n`
  const emptied = isRoots(checkout)
    ? ""
    : `${as(checkout.user, `rm -rf -- ${p} 2>/dev/null`)}\n[ -e ${p} ] || [ -L ${p} ] || exit 0\n`
  return `[ -e ${p} ] || exit 0\n[ -d ${p} ] && [ ! -L ${p} ] || exit 10\n${looked}${emptied}${unlessAstray}rm -rf -- ${p}`
}
