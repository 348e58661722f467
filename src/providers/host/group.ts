import { hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { type GroupOutputs, type GroupWant, groupOutputs as outputs, groupProps as props } from "./account-props.ts"
import { groupScript, readScript, removeGroupScript } from "./account-scripts.ts"
import { accountFailure, accountsOf } from "./account-seen.ts"

/**
 * A group of the host. One that was there before is not removed.
 * @example resource(host.group, { name: "deploy" }, { on: web })
 */
export const group = hostKind({
  kind: "host.group",
  version: 1,
  about: "A group of the host's own accounts.",
  props,
  outputs,
  asserts: true,
  id: (want) => want.name,
  predict: ({ name, gid }) => ({ name, ...(gid === undefined ? {} : { gid }) }),
  question: ({ id, want, last }) => ({
    shared: { script: readScript, words: [`g:${want?.name ?? id ?? last?.outputs.name ?? ""}`] },
  }),
  answer: ({ id, want, last }, found): Seen<GroupOutputs> =>
    answer(want?.name ?? id ?? last?.outputs.name ?? "", found.shared as ScriptRecord),
  plan,
  change: ({ want }) => ({ script: groupScript(want) }),
  exclusive: () => "accounts",
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeGroupScript(at.name) }
  },
  result: ({ script }, want) => {
    const at = answer(want.name, script as ScriptRecord)
    if ("outputs" in at) return at.outputs
    throw "failed" in at ? at.failed : new FettleError("CHANGE_FAILED", `group ${want.name} was made and is not there`)
  },
  failure: (script, want) => accountFailure(script, `group ${want?.name ?? ""}`),
})

function answer(name: string, record: ScriptRecord): Seen<GroupOutputs> {
  const accounts = accountsOf(record)
  if (accounts instanceof FettleError) return { failed: accounts }
  const line = accounts.groups.get(name)
  return line === undefined ? { absent: true } : { outputs: { name, gid: line.gid } }
}

function plan({ gid }: GroupWant, seen: Seen<GroupOutputs>): Change<GroupWant> {
  if (!("outputs" in seen)) return { action: "create" }
  return gid === undefined || seen.outputs.gid === gid
    ? { action: "none" }
    : { action: "update", props: ["gid"], because: `its number is ${seen.outputs.gid}, wanted ${gid}` }
}
