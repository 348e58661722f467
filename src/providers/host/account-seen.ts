import type { ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import { ENDS } from "./account-scripts.ts"
import { notRoot } from "./not-root.ts"

export interface UserLine {
  readonly uid: number
  readonly gid: number
  readonly comment: string
  readonly home: string
  readonly shell: string
}

export interface GroupLine {
  readonly gid: number
  readonly members: readonly string[]
}

export interface PasswordState {
  /** Locked, a password, none, or open to all. */
  readonly state: string
  /** Plain SHA-256 of the hash; empty where there is none. */
  readonly sha256: string
}

/** What the host told of its accounts. Those in its own files come first. */
export interface Accounts {
  readonly users: ReadonlyMap<string, UserLine>
  readonly groups: ReadonlyMap<string, GroupLine>
  readonly groupNames: ReadonlyMap<number, string>
  /** The groups that name a user as a member, sorted. */
  readonly groupsOf: ReadonlyMap<string, readonly string[]>
  /** Undefined where /etc/shadow may not be read. */
  readonly passwords: ReadonlyMap<string, PasswordState> | undefined
}

/** One answer serves all items of a read: its text is taken apart once. */
const known = new WeakMap<ScriptRecord, Accounts | FettleError>()

export function accountsOf(record: ScriptRecord): Accounts | FettleError {
  const found = known.get(record) ?? parse(record)
  known.set(record, found)
  return found
}

function parse({ exitCode, out }: ScriptRecord): Accounts | FettleError {
  const sections = sectionsOf(out)
  const own = sections.get("passwd")
  const ownGroups = sections.get("group")
  if (exitCode !== 0 || own === undefined || ownGroups === undefined)
    return new FettleError("READ_FAILED", `the accounts of the host cannot be read: ${out.trim().slice(-500)}`)
  const groups = groupsFrom([...(sections.get("group elsewhere") ?? []), ...ownGroups])
  const shadow = sections.get("shadow")
  return {
    users: usersFrom([...(sections.get("passwd elsewhere") ?? []), ...own]),
    groups,
    groupNames: new Map([...groups].reverse().map(([name, { gid }]) => [gid, name])),
    groupsOf: membersOf(groups),
    passwords: sections.has("shadow unread")
      ? undefined
      : new Map((shadow ?? []).map(([name = "", state = "", sha256 = ""]) => [name, { state, sha256 }])),
  }
}

/** The fields of each line, by the title that stands above it. */
function sectionsOf(out: string): ReadonlyMap<string, readonly (readonly string[])[]> {
  const sections = new Map<string, string[][]>()
  let current: string[][] = []
  for (const line of out.split("\n"))
    if (line.startsWith(":")) {
      current = []
      sections.set(line.slice(1), current)
    } else if (line !== "") current.push(line.split(":"))
  return sections
}

/** Later lines win, which are the host's own. */
function usersFrom(lines: readonly (readonly string[])[]): ReadonlyMap<string, UserLine> {
  return new Map(
    lines
      .filter((line) => line.length >= 7)
      .map(([name = "", , uid, gid, comment = "", home = "", ...shell]) => [
        name,
        { uid: Number(uid), gid: Number(gid), comment, home, shell: shell.join(":") },
      ]),
  )
}

function groupsFrom(lines: readonly (readonly string[])[]): ReadonlyMap<string, GroupLine> {
  return new Map(
    lines
      .filter((line) => line.length >= 4)
      .map(([name = "", , gid, members = ""]) => [
        name,
        { gid: Number(gid), members: members.split(",").filter((member) => member !== "") },
      ]),
  )
}

function membersOf(groups: ReadonlyMap<string, GroupLine>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const [name, { members }] of groups)
    for (const member of members) {
      const own = found.get(member) ?? []
      if (own.length === 0) found.set(member, own)
      own.push(name)
    }
  for (const names of found.values()) names.sort()
  return found
}

/** Why a change of an account failed, where its own words are not enough. */
export function accountFailure({ exitCode, err }: ScriptRecord, what: string): FettleError | undefined {
  if (exitCode === ENDS.notRoot) return notRoot("change accounts")
  if (exitCode === ENDS.noTools) return new FettleError("HOST_TOOLS", err.trim())
  if (exitCode === ENDS.elsewhere)
    return new FettleError("CHANGE_FAILED", `${what} comes from a directory service, not from the host's own files`, {
      next: "change it there, or choose another name",
    })
  if (exitCode === ENDS.noHash)
    return new FettleError("CHANGE_FAILED", `the password of ${what} is no hash that can stand in /etc/shadow`, {
      next: "give a hash, as `openssl passwd -6` prints it",
    })
  return undefined
}
