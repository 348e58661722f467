import { type Payload, payloadOf } from "../../connect/ansible/payload.ts"
import { type ModuleCall, warmPythonOn } from "../../connect/ansible/warm-python.ts"
import type { HostClient } from "../../connect/host/kind.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Address, Key, Last, Read, Seen } from "../../provider.ts"
import { type Said, saidBy } from "./module-answer.ts"
import { fingerprintOf, isSealed, type Outputs, type Want } from "./module-props.ts"
import { callOf, namesOf, opened } from "./module-run.ts"

/** How long a module may look. */
const LOOK_MS = 120_000

type ModuleKey = Key<Want, Outputs>
type Answers = Map<Address, Seen<Outputs>>

/** One module that is asked: as wanted, or, where it left the program, whether there is something to undo. */
interface Asked {
  readonly key: ModuleKey
  readonly want: Want
  readonly args: Want["args"]
}

/** Asks all modules of a host in check mode, in one request for each ansible-core and Python that they name. */
export async function readModules(
  keys: readonly ModuleKey[],
  call: Read<HostClient>,
): Promise<ReadonlyMap<Address, Seen<Outputs>>> {
  const answers: Answers = new Map()
  const asked = keys.flatMap((key) => askedOf(key, answers))
  const groups = Map.groupBy(asked, ({ want }) => JSON.stringify([want.core ?? "", want.python ?? ""]))
  await Promise.all([...groups.values()].map((group) => askGroup(group, call, answers)))
  return answers
}

/** What is to be asked for a key; nothing where its answer is known without. */
function askedOf(key: ModuleKey, answers: Answers): readonly Asked[] {
  const { address, want, last } = key
  const absent = last?.props.absent
  if (want === undefined) {
    if (last !== undefined && absent !== undefined)
      return [{ key, want: { ...last.props, environment: {} }, args: absent }]
    answers.set(address, { absent: true })
    return []
  }
  if (!isSealed(want)) return [{ key, want, args: want.args }]
  const why = "its arguments hold a secret, which a plan may not open"
  answers.set(address, unasked(want, last, why))
  return []
}

async function askGroup(group: readonly Asked[], call: Read<HostClient>, answers: Answers): Promise<void> {
  try {
    const { core = "", python = "" } = (group[0] as Asked).want
    const named = group.filter((each) => tried(each, answers, () => namesOf(each.want.module, each.args)) !== undefined)
    if (named.length === 0) return
    const payload = await payloadOf(
      core,
      named.flatMap(({ want, args }) => namesOf(want.module, args)),
    )
    const calls = await callsOf(named, payload, answers)
    const told = await warmPythonOn(call.connection).look(
      calls.map((each) => each.call),
      { payload, python, signal: call.signal },
    )
    for (const [at, { asked }] of calls.entries()) {
      const answer = told[at]
      if (answer !== undefined) answers.set(asked.key.address, seenOf(asked, saidBy(asked.want.module, answer)))
    }
  } catch (thrown) {
    const failed = asFettleError(thrown, "READ_FAILED")
    for (const { key } of group) if (!answers.has(key.address)) answers.set(key.address, { failed })
  }
}

async function callsOf(
  group: readonly Asked[],
  payload: Payload,
  answers: Answers,
): Promise<readonly { readonly asked: Asked; readonly call: ModuleCall }[]> {
  const open = opened(() => {
    throw new FettleError("INTERNAL", "a read was to open a secret")
  })
  const made = group.map(async (asked) => {
    try {
      const call = await callOf(asked.want, asked.args, { payload, open, check: true, timeoutMs: LOOK_MS })
      return [{ asked, call }]
    } catch (thrown) {
      answers.set(asked.key.address, { failed: asFettleError(thrown, "READ_FAILED") })
      return []
    }
  })
  return (await Promise.all(made)).flat()
}

function tried<T>({ key }: Asked, answers: Answers, make: () => T): T | undefined {
  try {
    return make()
  } catch (thrown) {
    answers.set(key.address, { failed: asFettleError(thrown, "READ_FAILED") })
    return undefined
  }
}

/** What a module said, as what is there. */
export function seenOf({ key, want }: Pick<Asked, "key" | "want">, said: Said): Seen<Outputs> {
  const { last } = key
  if (said.says === "fails" && said.error.code === "ANSIBLE_ARGS") return { failed: said.error }
  if (key.want === undefined) return leaving(said, last as Last<Want, Outputs>)
  if (said.says === "unasked") return unasked(want, last, said.why)
  if (said.says === "same") {
    const result = want.noLog ? {} : said.result
    return {
      outputs: { module: want.module, result, fingerprint: fingerprintOf(want) },
      shown: { says: "same" },
    }
  }
  const shown =
    said.says === "fails"
      ? { says: "fails", why: said.error.fact }
      : { says: "changed", ...(said.text === undefined ? {} : { text: said.text }) }
  return last === undefined ? { absent: true, shown } : { outputs: recorded(last), shown }
}

/** There is something to undo, unless the module says that it would change nothing. */
function leaving(said: Said, last: Last<Want, Outputs>): Seen<Outputs> {
  if (said.says === "fails") return { failed: said.error }
  return said.says === "same" ? { absent: true } : { outputs: recorded(last) }
}

function unasked(want: Want, last: Last<Want, Outputs> | undefined, why: string): Seen<Outputs> {
  const shown = { says: "unasked", why }
  if (last === undefined) return { absent: true, shown }
  const known = recorded(last)
  return { outputs: { ...known, fingerprint: known.fingerprint || fingerprintOf(want) }, shown }
}

/** What state remembers; of one that was settled by hand it knows no more than that it was made. */
function recorded({ outputs, props }: Last<Want, Outputs>): Outputs {
  const { module = props.module, result = {}, fingerprint = "" } = outputs as Partial<Outputs>
  return { module, result, fingerprint }
}
