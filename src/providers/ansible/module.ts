import { payloadOf } from "../../connect/ansible/payload.ts"
import { warmPythonOn } from "../../connect/ansible/warm-python.ts"
import type { HostClient } from "../../connect/host/kind.ts"
import { type Change, type Last, provider, type Seen, type Write } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { saidBy, warningsOf } from "./module-answer.ts"
import { fingerprintOf, isRepeatable, moduleOutputs, moduleProps, type Outputs, type Want } from "./module-props.ts"
import { readModules } from "./module-read.ts"
import { callOf, namesOf, opened } from "./module-run.ts"

/** As long as an upgrade of many packages may take. */
export const TIMEOUT_MS = 1_800_000

/**
 * A module of Ansible, unmodified, from the operator's own ansible-core: asked in check mode for the plan, and run where that says
 * that it would change something. It leaves nothing behind for Fettle to remove, unless `absent` says how.
 * @example resource(ansible.module, "swap off", { module: "ansible.posix.mount", args: { path: "none", src: "/swap", fstype: "swap", state: "absent" } }, { on: web })
 */
export const module = provider<typeof moduleProps, typeof moduleOutputs, HostClient>({
  kind: "ansible.module",
  version: 1,
  about: "A module of Ansible, unmodified, asked in check mode for the plan and run by a warm Python on the host.",
  connects: "host",
  props: moduleProps,
  outputs: moduleOutputs,
  settles: (want) => (isRepeatable(want) ? "unique" : "ask"),
  volatile: ["result", "fingerprint"],
  asserts: true,
  followsNeeds: true,
  leavesNothing: ({ absent }) => absent === undefined,
  timeoutMs: TIMEOUT_MS,
  id: () => undefined,
  read: readModules,
  plan: planModule,
  ensure: async (want, _seen, _change, call) => run(want, want.args, call),
  delete: async (_seen, last, call) => {
    if (last?.props.absent === undefined) return
    await run({ ...last.props, environment: {} }, last.props.absent, call)
  },
})

/** Decides by what the module said. Pure. */
export function planModule(want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  const shown = "shown" in seen ? (seen.shown ?? {}) : {}
  const [why, text] = [shown.why, shown.text].map((each) => (typeof each === "string" ? each : ""))
  if (shown.says === "same") return { action: "none" }
  if (shown.says === "changed")
    return {
      action: "run",
      because: `${want.module} says that it would change something`,
      ...(text ? { text } : {}),
    }
  if (shown.says === "fails") return { action: "run", because: `asked as things are now it fails: ${why}` }
  if (!("outputs" in seen))
    return { action: "run", because: `${why}: it runs now, and again when its arguments change` }
  if (seen.outputs.fingerprint !== fingerprintOf(want))
    return { action: "run", because: `${why}; its arguments are others now` }
  return last?.unfinished === true
    ? { action: "run", because: `${why}; its last run did not end well` }
    : { action: "none" }
}

/** Runs it for real. @throws FettleError `ANSIBLE_FAILED`, `ANSIBLE_ARGS`, `ANSIBLE_MISSING`, `ANSIBLE_PYTHON_MISSING` */
async function run(want: Want, args: Want["args"], call: Write<HostClient>): Promise<Outputs> {
  const { core = "", python = "" } = want
  const payload = await payloadOf(core, namesOf(want.module, args))
  const open = opened((secret) => call.reveal(secret as Secret<unknown>))
  const made = await callOf(want, args, { payload, open, check: false, timeoutMs: TIMEOUT_MS })
  const answer = await warmPythonOn(call.connection).change(made, { payload, python, signal: call.signal })
  for (const each of warningsOf(answer)) call.log(`warning: ${each}`)
  const said = saidBy(want.module, answer)
  if (said.says === "fails") throw said.error
  const result = said.says === "unasked" || want.noLog ? {} : hidden(said.result, call)
  return { module: want.module, result, fingerprint: fingerprintOf(want) }
}

/** A module may return what it was given: secrets in it are hidden. */
function hidden<T>(value: T, call: Write<HostClient>): T {
  if (typeof value === "string") return (call.hide?.(value) ?? value) as T
  if (Array.isArray(value)) return value.map((each) => hidden(each, call)) as T
  if (typeof value !== "object" || value === null || value instanceof Secret) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, hidden(each, call)])) as T
}
