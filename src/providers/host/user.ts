import { type ChangeParts, type HostChange, hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { userOutputs as outputs, userProps as props, type UserOutputs, type UserWant } from "./account-props.ts"
import { readScript, removeUserScript, userScript } from "./account-scripts.ts"
import { accountFailure, accountsOf } from "./account-seen.ts"

type Seal = (sha256: string) => string

/**
 * A user of the host. One that was there before is not removed; the home of one that is removed stays unless `purge`.
 * @example resource(host.user, { name: "shop", system: true, groups: ["deploy"], shell: "/usr/sbin/nologin" }, { on: web })
 */
export const user = hostKind({
  kind: "host.user",
  version: 1,
  about: "A user of the host's own accounts, its groups and its password.",
  props,
  outputs,
  asserts: true,
  id: (want) => want.name,
  predict: ({ name, uid, group, shell, home, comment }) => ({
    name,
    ...(uid === undefined ? {} : { uid }),
    ...(group === undefined ? {} : { group }),
    ...(shell === undefined ? {} : { shell }),
    ...(home === undefined ? {} : { home }),
    ...(comment === undefined ? {} : { comment }),
  }),
  question: (key) => ({ shared: { script: readScript, words: wordsOf(nameOf(key), key.want) } }),
  answer: (key, found, seal): Seen<UserOutputs> => answer(nameOf(key), key.want, found.shared as ScriptRecord, seal),
  plan,
  change: changeUser,
  exclusive: () => "accounts",
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeUserScript(at.name, last?.props.purge ?? false) }
  },
  result: ({ script }, want, seal) => {
    const at = answer(want.name, want, script as ScriptRecord, seal)
    if ("outputs" in at) return at.outputs
    throw "failed" in at ? at.failed : new FettleError("CHANGE_FAILED", `user ${want.name} was made and is not there`)
  },
  failure: (script, want) => accountFailure(script, `user ${want?.name ?? ""}`),
})

function nameOf({ id, want, last }: Key<UserWant, UserOutputs>): string {
  return want?.name ?? id ?? last?.outputs.name ?? ""
}

/** Only who wants to know of a password looks at /etc/shadow, which is root's. */
function wordsOf(name: string, want: UserWant | undefined): readonly string[] {
  const asks = want?.password !== undefined || want?.locked !== undefined
  return asks ? [`u:${name}`, `s:${name}`] : [`u:${name}`]
}

function answer(name: string, want: UserWant | undefined, record: ScriptRecord, seal: Seal): Seen<UserOutputs> {
  const accounts = accountsOf(record)
  if (accounts instanceof FettleError) return { failed: accounts }
  const line = accounts.users.get(name)
  if (line === undefined) return { absent: true }
  const asks = want?.password !== undefined || want?.locked !== undefined
  const group = accounts.groupNames.get(line.gid) ?? String(line.gid)
  if (asks && accounts.passwords === undefined)
    return { failed: new FettleError("READ_FAILED", "only root can tell whether a password is set on the host") }
  const password = accounts.passwords?.get(name)
  return {
    outputs: {
      name,
      ...line,
      group,
      // busybox also writes a new user among the members of its primary group, which says nothing more.
      groups: (accounts.groupsOf.get(name) ?? []).filter((each) => each !== group),
      ...(asks ? { locked: password === undefined || !"PE".includes(password.state) } : {}),
      ...(want?.password === undefined ? {} : { password: password?.sha256 ? seal(password.sha256) : "none" }),
    },
  }
}

function plan(want: UserWant, seen: Seen<UserOutputs>): Change<UserWant> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at } = seen
  const differ: { readonly prop: keyof UserWant; readonly because: string }[] = []
  for (const prop of ["uid", "group", "shell", "home", "comment"] as const)
    if (want[prop] !== undefined && want[prop] !== at[prop])
      differ.push({ prop, because: `${prop} is ${at[prop] === "" ? "empty" : at[prop]}, wanted ${want[prop]}` })
  const missing = (want.groups ?? []).filter((name) => name !== (want.group ?? at.group) && !at.groups.includes(name))
  if (missing.length > 0) differ.push({ prop: "groups", because: `it is not in ${missing.join(", ")}` })
  const more = want.exactGroups ? at.groups.filter((name) => want.groups?.includes(name) !== true) : []
  if (more.length > 0) differ.push({ prop: "exactGroups", because: `it is also in ${more.join(", ")}` })
  if (want.password !== undefined && want.password.fingerprint !== at.password)
    differ.push({ prop: "password", because: "its password is another one" })
  const locked = want.locked ?? (want.password === undefined ? undefined : false)
  if (locked !== undefined && at.locked !== locked)
    differ.push({ prop: "locked", because: locked ? "it is not locked" : "it is locked" })
  return differ.length === 0
    ? { action: "none" }
    : {
        action: "update",
        props: differ.map(({ prop }) => prop),
        because: differ.map(({ because }) => because).join("; "),
      }
}

function changeUser({ want, seen }: ChangeParts<UserWant, UserOutputs>): HostChange {
  const expect = "outputs" in seen ? seen.outputs.uid : undefined
  return {
    script: userScript({ want, expect, words: wordsOf(want.name, want) }),
    ...(want.password === undefined ? {} : { slots: { password: want.password } }),
  }
}
