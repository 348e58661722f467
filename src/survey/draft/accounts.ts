import { posix } from "node:path"
import type { Rows } from "../section.ts"
import { ownerOf, pathNode } from "./configuration.ts"
import type { Draft, DraftNode, LeftOut, PathText } from "./node.ts"

/** Where the numbers of people begin, and those of packages; 65533 to 65535 are nobody's. */
const PEOPLE = 1_000
const PACKAGES = 100
const NOBODY: readonly number[] = [65_533, 65_534, 65_535]

/** Names that props can hold: a user in a group of another name is drafted without it. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,30}[A-Za-z0-9_.$-]?$/
const COMMENT_MAX = 500

/** Users and groups that somebody made: people, and system users that no package's scripts name. With their keys. */
export const accounts: Draft = {
  kinds: ["host.group", "host.user", "host.directory", "host.file"],
  name: "accounts",
  about: "Users and groups that somebody made, and the keys by which they log in. Passwords stay as they are.",
  look: () => LOOK,
  paths: ({ accounts: found }) =>
    (found?.users ?? []).flatMap(({ home, keys }) => (keys.length > 0 && isPlain(home) ? keyPaths(home) : [])),
  draft: ({ accounts: found }, at, told) => {
    const known = accountsIn(told)
    const users = known.users.filter(isOwn(known.ofPackages))
    const groups = known.groups.filter((each) => isOwn(known.ofPackages)(each) && !comesWith(each, users))
    const drafted = new Set(groups.map(({ name }) => groupId(name)))
    const keys = (found?.users ?? []).filter((each) => each.keys.length > 0 && isPlain(each.home))
    const leftOut: LeftOut[] = []
    const made = new Set(users.map(({ name }) => name))
    return {
      nodes: [
        ...groups.map(groupNode),
        ...users.map((each) => userNode(each, known, drafted)),
        ...keys.flatMap(({ name, home }) => keyNodes(home, at, made.has(name) ? userId(name) : undefined, leftOut)),
      ],
      leftOut,
    }
  },
}

/** The names of system accounts that a package's scripts mention: it made them, or expects them. */
const LOOK = String.raw`
tagged user </etc/passwd
tagged group </etc/group
set --
while IFS=: read -r n x i r; do
  case $n$i in *[!A-Za-z0-9_.-]*|'') ;; *) [ "$i" -ge ${PACKAGES} ] && [ "$i" -lt ${PEOPLE} ] && set -- "$@" -e "$n";; esac
done <<END
$(cat /etc/passwd /etc/group)
END
scripts() {
  cat /usr/lib/sysusers.d/*.conf 2>/dev/null
  if [ -d /var/lib/dpkg/info ]; then cat /var/lib/dpkg/info/*.preinst /var/lib/dpkg/info/*.postinst /var/lib/dpkg/info/*.config 2>/dev/null
  elif [ -r /lib/apk/db/scripts.tar ]; then tar -xOf /lib/apk/db/scripts.tar 2>/dev/null
  elif [ -r /lib/apk/db/scripts.tar.gz ]; then tar -xzOf /lib/apk/db/scripts.tar.gz 2>/dev/null
  elif has rpm; then soon rpm -qa --scripts 2>/dev/null; fi
}
[ $# = 0 ] || scripts | grep -aowF "$@" | sort -u | tagged mentioned
[ ! -d /var/lib/dpkg/info ] && [ ! -r /lib/apk/db/installed ] && ! has rpm || printf 'packages\tyes\n'
:
`

interface Group {
  readonly name: string
  readonly number: number
  readonly members: readonly string[]
}

interface User {
  readonly name: string
  readonly number: number
  readonly gid: number
  readonly comment: string
  readonly home: string
  readonly shell: string
}

interface Known {
  readonly users: readonly User[]
  readonly groups: readonly Group[]
  /** Whether a system account is a package's; where there is no package manager, all of them are somebody else's. */
  ofPackages(name: string): boolean
}

/** As the kinds read them: of two lines for one name the last holds. */
function accountsIn(told: Rows): Known {
  const lines = (tag: string, least: number): readonly (readonly string[])[] =>
    told
      .lines(tag)
      .map((line) => line.split(":"))
      .filter((fields) => fields.length >= least && /^\d+$/.test(fields[2] ?? "") && !/^[+-]|^$/.test(fields[0] ?? ""))
  const users = lines("user", 7).map(([name = "", , number, gid, comment = "", home = "", ...shell]): User => {
    return { name, number: Number(number), gid: Number(gid), comment, home, shell: shell.join(":") }
  })
  const groups = lines("group", 4).map(([name = "", , number, members = ""]): Group => {
    return { name, number: Number(number), members: members.split(",").filter((each) => each !== "") }
  })
  const mentioned = new Set(told.lines("mentioned"))
  const knows = told.one("packages") === "yes"
  const byName = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] => [
    ...new Map(all.map((each) => [each.name, each])).values(),
  ]
  return { users: byName(users), groups: byName(groups), ofPackages: (name) => !knows || mentioned.has(name) }
}

function isOwn(ofPackages: Known["ofPackages"]): (of: { readonly name: string; readonly number: number }) => boolean {
  return ({ name, number }) => {
    if (number >= PEOPLE) return !NOBODY.includes(number)
    return number >= PACKAGES && NAME.test(name) && !ofPackages(name)
  }
}

/** A group that is made with its user: it has its name and its number. */
function comesWith({ name, number }: Group, users: readonly User[]): boolean {
  return users.some((user) => user.name === name && user.number === number && user.gid === number)
}

function userId(name: string): string {
  return `user ${name}`
}

function groupId(name: string): string {
  return `group ${name}`
}

function groupNode({ name, number }: Group): DraftNode {
  const system = number < PEOPLE ? { system: true } : {}
  return { kind: "host.group", id: groupId(name), props: { name, gid: number, ...system } }
}

function userNode(user: User, { groups }: Known, drafted: ReadonlySet<string>): DraftNode {
  const { name, number, gid, comment, home, shell } = user
  const primary = groups.filter((each) => each.number === gid).map((each) => each.name)
  const [group] = primary
  // Of two groups with one number nobody can say by which name it goes.
  const named = primary.length === 1 && group !== undefined && NAME.test(group) ? group : undefined
  const others = groups
    .filter((each) => each.members.includes(name) && !primary.includes(each.name) && NAME.test(each.name))
    .map((each) => each.name)
  const isOwnGroup = named === name && gid === number
  const after = [...(named === undefined ? [] : [named]), ...others].map(groupId).filter((id) => drafted.has(id))
  return {
    kind: "host.user",
    id: userId(name),
    props: {
      name,
      uid: number,
      ...(named === undefined || isOwnGroup ? {} : { group: named }),
      ...(others.length === 0 ? {} : { groups: others.sort() }),
      ...(comment === "" || comment.length > COMMENT_MAX || comment.includes("\uFFFD") ? {} : { comment }),
      ...(isPlain(home) ? { home } : {}),
      ...(isPlain(shell) ? { shell } : {}),
      ...(number < PEOPLE ? { system: true } : {}),
    },
    after,
  }
}

/** A path in the form that props take. */
function isPlain(path: string): boolean {
  return /^\/[^:\n\0\uFFFD]*[^/:\n\0\uFFFD]$/.test(path) && posix.normalize(path) === path
}

function keyPaths(home: string): readonly [folder: string, file: string] {
  return [`${home}/.ssh`, `${home}/.ssh/authorized_keys`]
}

function keyNodes(
  home: string,
  at: (path: string) => PathText | undefined,
  user: string | undefined,
  leftOut: LeftOut[],
): readonly DraftNode[] {
  const [folder, file] = keyPaths(home)
  const [outside, inside] = [at(folder), at(file)]
  if (outside?.type !== "directory" || inside?.type !== "file") return []
  const node = pathNode(file, inside)
  if ("why" in node) {
    leftOut.push({ what: file, why: node.why })
    return []
  }
  const props = { path: folder, mode: outside.mode, ...ownerOf(outside) }
  return [
    { kind: "host.directory", id: folder, props, after: user },
    { ...node, after: folder },
  ]
}
