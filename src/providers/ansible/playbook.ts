import { readFile } from "node:fs/promises"
import { type PlayEvent, play } from "../../connect/ansible/play.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import {
  type Address,
  type Change,
  type Key,
  type Last,
  provider,
  type Read,
  type Seen,
  type Write,
} from "../../provider.ts"
import type { Secret } from "../../secrets/secret.ts"
import { argsOf } from "./module-props.ts"
import { opened } from "./module-run.ts"
import {
  argvOf,
  fingerprintOf,
  isSealed,
  type Outputs,
  playbookOutputs,
  playbookProps,
  type Want,
} from "./playbook-props.ts"
import { changesIn, failureOf, type Told, toldBy } from "./playbook-told.ts"

/** A playbook over many hosts may take long. */
const TIMEOUT_MS = 7_200_000
/** Playbooks asked at once: each is a process of its own with five forks. */
const AT_ONCE = 2

/**
 * A playbook, run by the operator's own `ansible-playbook`: asked with --check --diff for the plan, and run where that says that a
 * task would change something. It leaves nothing behind that Fettle would remove.
 * @example resource(ansible.playbook, "site", { playbook: "site.yml", inventory: "hosts.ini" })
 */
export const playbook = provider<typeof playbookProps, typeof playbookOutputs, undefined>({
  kind: "ansible.playbook",
  version: 1,
  about:
    "A playbook of Ansible, asked with --check --diff for the plan and run where that says that something would change.",
  connects: "none",
  props: playbookProps,
  outputs: playbookOutputs,
  settles: ({ repeatable }) => (repeatable ? "unique" : "ask"),
  volatile: ["hosts", "fingerprint"],
  asserts: true,
  followsNeeds: true,
  leavesNothing: true,
  timeoutMs: TIMEOUT_MS,
  id: () => undefined,
  read: readPlaybooks,
  plan: planPlaybook,
  ensure: runPlaybook,
  delete: async () => {},
})

async function readPlaybooks(
  keys: readonly Key<Want, Outputs>[],
  call: Read<undefined>,
): Promise<ReadonlyMap<Address, Seen<Outputs>>> {
  const answers = new Map<Address, Seen<Outputs>>()
  const waiting = [...keys]
  const lane = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift())
      answers.set(
        key.address,
        await readPlaybook(key, call).catch((thrown) => ({ failed: asFettleError(thrown, "READ_FAILED") })),
      )
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return answers
}

async function readPlaybook({ want, last }: Key<Want, Outputs>, call: Read<undefined>): Promise<Seen<Outputs>> {
  if (want === undefined) return { absent: true }
  const fingerprint = fingerprintOf(want, await fileOf(want))
  const why = !want.check
    ? "it is not asked"
    : isSealed(want)
      ? "its variables hold a secret, which a plan may not open"
      : ""
  if (why !== "") return seenOf(last, { says: "unasked", why, moved: isMoved(last, fingerprint) })
  const plain = opened(() => {
    throw new FettleError("INTERNAL", "a read was to open a secret")
  })
  const told = toldBy(await play({ ...playOf(want, true, plain), signal: call.signal }))
  const failed = failureOf(told)
  if (told.failed?.how === "unreachable" && failed !== undefined) return { failed }
  const { text } = told
  if (failed !== undefined) return seenOf(last, { says: "fails", why: failed.fact, text })
  if (told.changed.length > 0) return seenOf(last, { says: "changed", why: changesIn(told), text })
  if (told.unasked.length === 0)
    return { outputs: { hosts: last?.outputs.hosts ?? told.hosts, fingerprint }, shown: { says: "same" } }
  return seenOf(last, { says: "unasked", why: unaskedIn(told), moved: isMoved(last, fingerprint) })
}

function isMoved(last: Last<Want, Outputs> | undefined, fingerprint: string): boolean {
  const known = (last?.outputs as Partial<Outputs> | undefined)?.fingerprint
  return known !== undefined && known !== fingerprint
}

function unaskedIn({ unasked }: Told): string {
  const first = unasked[0]?.task
  return unasked.length === 1
    ? `its task "${first}" cannot say beforehand what it would change`
    : `${unasked.length} of its tasks, "${first}" first, cannot say beforehand what they would change`
}

function seenOf(
  last: Last<Want, Outputs> | undefined,
  shown: Readonly<Record<string, string | boolean>>,
): Seen<Outputs> {
  if (last === undefined) return { absent: true, shown }
  const { hosts = {}, fingerprint = "" } = last.outputs as Partial<Outputs>
  return { outputs: { hosts, fingerprint }, shown }
}

/** Decides by what the check said. Pure. */
export function planPlaybook(_want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  const { says, why, text, moved } = ("shown" in seen ? seen.shown : undefined) ?? {}
  const words = typeof why === "string" ? why : ""
  const shown = typeof text === "string" && text !== "" ? { text } : {}
  if (says === "same") return { action: "none" }
  if (says === "changed") return { action: "run", because: words, ...shown }
  if (says === "fails") return { action: "run", because: `asked as things are now: ${words}`, ...shown }
  if (!("outputs" in seen)) return { action: "run", because: `${words}: it runs now, and again when its inputs change` }
  if (moved === true) return { action: "run", because: `${words}; its inputs are others now` }
  return last?.unfinished === true
    ? { action: "run", because: `${words}; its last run did not end well` }
    : { action: "none", because: words }
}

async function runPlaybook(
  want: Want,
  _seen: Seen<Outputs>,
  _change: Change<Want>,
  call: Write<undefined>,
): Promise<Outputs> {
  const fingerprint = fingerprintOf(want, await fileOf(want))
  const open = opened((secret) => call.reveal(secret as Secret<unknown>))
  const events = await play({
    ...playOf(want, false, open),
    signal: call.signal,
    onEvent: (event) => {
      const line = lineOf(event)
      if (line !== undefined) call.log(call.hide?.(line) ?? line)
    },
  })
  const told = toldBy(events)
  const failed = failureOf(told)
  if (failed === undefined) return { hosts: told.hosts, fingerprint }
  throw new FettleError(failed.code, call.hide?.(failed.fact) ?? failed.fact, {
    details: { ...failed.details, hosts: told.hosts },
  })
}

function lineOf(event: PlayEvent): string | undefined {
  if (event.event === "play") return `play ${event.name}`
  if (event.event !== "result") return undefined
  const how = event.how === "ok" && event.changed ? "changed" : event.how
  return `${how} ${event.host}: ${event.task}${event.how === "failed" || event.how === "unreachable" ? `: ${event.words}` : ""}`
}

function playOf(
  want: Want,
  check: boolean,
  open: ReturnType<typeof opened>,
): Omit<Parameters<typeof play>[0], "signal"> {
  return {
    core: want.core ?? "",
    argv: argvOf(want, check),
    variables: open(argsOf(want.extraVars)) as Record<string, never>,
    environment: open(want.environment) as Record<string, string>,
    timeoutMs: TIMEOUT_MS,
  }
}

async function fileOf({ playbook: path }: Want): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (thrown) {
    throw new FettleError("READ_FAILED", `the playbook ${path} cannot be read`, {
      cause: thrown,
      details: { notMade: true },
    })
  }
}
