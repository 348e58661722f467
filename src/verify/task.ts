import { posix } from "node:path"
import { asFettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import { TASK_KIND, type TaskProps, taskOutputs, taskProps } from "../program/task.ts"
import { type Json, type Key, type Provider, provider, type Read, type Seen } from "../provider.ts"
import { FileHasher } from "./hash-files.ts"
import { baseOf, observe, type TaskFiles } from "./task-inputs.ts"
import { planTask, seenOf, type TaskOutputs } from "./task-plan.ts"
import { runTask } from "./task-run.ts"
import { LONGEST_MS, type LocalTools } from "./tools.ts"

/**
 * Runs tasks as nodes of a plan: a task runs where an input changed, a declared output is missing or altered, or its last
 * run did not end well.
 *
 * Inputs are the command or the source text of the function (not what the function imports: name those files), values,
 * environment, standard input, secrets by fingerprint, and files by content. Its own limit is `timeoutMs` of the task.
 */
export const taskProvider: Provider<typeof taskProps, typeof taskOutputs, LocalTools> = provider({
  kind: TASK_KIND,
  leavesNothing: true,
  followsNeeds: true,
  makesHere: ({ outputs, cwd }) => (outputs.length === 0 ? undefined : outputs.map((path) => inFolder(cwd, path))),
  carry: taskCarry,
  version: 1,
  about: "Work done once per change of its inputs.",
  connects: "local",
  props: taskProps,
  outputs: taskOutputs,
  settles: (want: TaskProps) => (want.once ? ("ask" as const) : ("unique" as const)),
  // Inputs that moved are the reason to run, not drift: to take the new hashes over would mean that it never runs.
  volatile: ["result", "inputsHash", "outputsHash", "durationMs"],
  adoptsFound: true,
  timeoutMs: LONGEST_MS,
  id: () => undefined,
  read: readTasks,
  plan: planTask,
  ensure: async (want, _seen, _change, call) => {
    const { outputs, files } = await runTask(want, call)
    carried.set(outputs, files)
    return outputs
  },
  delete: async () => {},
})

/** A path as the task means it, from the folder of the program where it is relative. */
function inFolder(folder: string | undefined, path: string): string {
  return folder === undefined || posix.isAbsolute(path) ? path : posix.join(folder, path)
}

const carried = new WeakMap<object, TaskFiles>()

/** What is to be remembered beside the outputs that `ensure` gave: which file held what, so that a plan can name it. */
function taskCarry(outputs: object): Json | undefined {
  const files = carried.get(outputs)
  return files === undefined ? undefined : { inputs: { ...files.inputs }, outputs: { ...files.outputs } }
}

type TaskKey = Key<TaskProps, TaskOutputs>

async function readTasks(
  keys: readonly TaskKey[],
  call: Read<LocalTools>,
): Promise<ReadonlyMap<Address, Seen<TaskOutputs>>> {
  const hasher = new FileHasher(call.signal)
  const answers = await Promise.all(keys.map(async (key) => [key.address, await readTask(key, hasher, call)] as const))
  return new Map(answers)
}

/** A task that never ran has nothing to be seen, and so has one that was cut off and left the program. */
async function readTask(
  { want, last, open }: TaskKey,
  hasher: FileHasher,
  call: Read<LocalTools>,
): Promise<Seen<TaskOutputs>> {
  if (last === undefined) return { absent: true }
  if (want === undefined)
    return taskOutputs.safeParse(last.outputs).success ? { outputs: last.outputs } : { absent: true }
  try {
    const now = await observe(want, baseOf(want, call.connection.cwd), hasher, call.signal)
    return seenOf(now, last, (open ?? []).length > 0)
  } catch (error) {
    if (call.signal.aborted) throw error
    return { failed: asFettleError(error, "READ_FAILED") }
  }
}
