import { z } from "zod"
import type { AnyProvider } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import type { Command, NodeOptions } from "./declaration.ts"
import { NodeHandle } from "./declaration.ts"
import { fixOptions } from "./options.ts"
import type { Input, Output } from "./output.ts"
import { here } from "./place.ts"
import { fixProps } from "./props.ts"
import { defineOutput, formerAddress, nodeAddress, withAfter } from "./resource.ts"
import { add, scopeOf } from "./scope.ts"

export const TASK_KIND = "fettle.task"

/** A string, or a secret string. */
const maybeSecret = z.union([z.string(), z.instanceof(Secret)]) as unknown as z.ZodType<Word, Word>
type Word = string | Secret<string>

/** What a task's function may use. */
export interface TaskCall {
  readonly signal: AbortSignal
  /** Runs a command as `run` of the task would. */
  run(
    command: Command,
    options?: {
      readonly cwd?: string
      readonly env?: Readonly<Record<string, string>>
      readonly input?: string
      readonly timeoutMs?: number
      readonly check?: boolean
    },
  ): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }>
  /** Opens a secret that stands in the task's `secrets` or `env`. */
  reveal<T>(secret: Secret<T>): T
  log(text: string): void
  /** The resolved `values` of the task. */
  readonly values: Readonly<Record<string, unknown>>
}

export type TaskFunction = (call: TaskCall) => Promise<unknown> | unknown

export const taskProps = z.strictObject({
  run: z
    .union([
      z.array(z.union([z.string(), maybeSecret])).min(1),
      z.custom<TaskFunction>(
        (value) => typeof value === "function",
        "expected a command (a list of words) or a function",
      ),
    ])
    .meta({ description: "A command as a list of words, run without a shell, or a function." }),
  files: z
    .array(z.string())
    .default([])
    .meta({ description: "Globs whose files' contents are inputs: the task runs again when one changes." }),
  values: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description: "Values that are inputs; a function gets them as `call.values`." }),
  outputs: z
    .array(z.string())
    .default([])
    .meta({ description: "Files the task makes: it runs again when one is missing or altered." }),
  secrets: z.array(z.instanceof(Secret)).default([]).meta({ description: "Secrets that the function may reveal." }),
  cwd: z.string().optional().meta({ description: "Working folder; default: the folder of the program." }),
  env: z
    .record(z.string(), maybeSecret)
    .default({})
    .meta({ description: "The environment. Nothing else is passed but PATH, HOME, TMPDIR and LANG." }),
  input: maybeSecret.optional().meta({ description: "Text for the command's standard input." }),
  timeoutMs: z.number().int().positive().optional().meta({ description: "Limit in milliseconds; default 10 minutes." }),
  once: z
    .boolean()
    .default(false)
    .meta({ description: "True: after being cut off it is not run again by itself; Fettle asks." }),
  always: z.boolean().default(false).meta({ description: "True: runs at every apply." }),
  finally: z
    .array(z.array(z.string()).min(1))
    .default([])
    .meta({ description: "Commands that run at its end, however it ended; after a kill, at the next start." }),
})

export type TaskProps = z.output<typeof taskProps>

/** What a task gives: its result as data, and when it ended well. */
export const taskOutputs = z.object({
  result: z.unknown(),
  inputsHash: z.string(),
  outputsHash: z.string(),
  durationMs: z.number().meta({ volatile: true }),
})

/** What stands in for the runner while a program is built: name and schema, no doing. */
const shape = { kind: TASK_KIND, props: taskProps } as unknown as AnyProvider

/** A declared task; `result` is what its function returned, or what its command printed to stdout. */
export class TaskNode<T = unknown> extends NodeHandle {
  declare readonly result: Output<T>
  declare readonly inputsHash: Output<string>
}

type Declared = Omit<z.input<typeof taskProps>, "run">

/** What a task takes. A command gives its standard output, a function what it returns. */
type TaskInputs<T> = { readonly [K in keyof Declared]: Input<Declared[K]> } & {
  readonly run: Input<readonly [Word, ...Word[]]> | ((call: TaskCall) => Promise<T> | T)
}

/**
 * Work done once per change of its inputs.
 * @throws FettleError `PROPS_INVALID`, `DUPLICATE_ADDRESS`
 * @example task("tests", { run: ["node", "--test"], files: ["src/**"], outputs: ["junit.xml"] })
 */
export function task<T = string>(name: string, props: TaskInputs<T>, given: Omit<NodeOptions, "on"> = {}): TaskNode<T> {
  const scope = scopeOf("task(…)", task)
  const place = here(task)
  const address = nodeAddress(scope, shape, name, place)
  const options = fixOptions("task", given, address, place)
  const { props: fixed, needs, complete } = fixProps(shape, props, address, place)
  const commands = ((fixed as { finally?: readonly Command[] }).finally ?? []) as readonly Command[]
  add(scope, {
    address,
    type: "task",
    kind: TASK_KIND,
    provider: undefined,
    props: fixed,
    complete,
    connection: undefined,
    needs: withAfter(needs, options.after, address, place),
    options,
    renamedFrom: formerAddress(scope, TASK_KIND, options.renamedFrom),
    place,
    finally: commands,
  })
  return new TaskNode(address)
}

defineOutput(TaskNode.prototype, "result")
defineOutput(TaskNode.prototype, "inputsHash")
