import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import type { PackedModule, Payload } from "../../connect/ansible/payload.ts"
import type { ModuleCall } from "../../connect/ansible/warm-python.ts"
import { FettleError } from "../../errors.ts"
import type { Json } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { type Arg, type Args, type Choice, type ModuleParts, modulePartsOf } from "./module-call.ts"
import { argsOf, isSealed, type Want } from "./module-props.ts"

/** Largest file that travels inside a call. */
const SENT_MAX = 16 * 1_048_576

/** Opens what stands in a value. */
export type Open = (value: Arg) => Json

/** A way to open arguments with this way to open one secret. */
export function opened(reveal: (secret: Secret<unknown>) => unknown): Open {
  const open = (value: Arg): Json => {
    if (value instanceof Secret) return reveal(value) as Json
    if (Array.isArray(value)) return value.map(open)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value as Args).map(([key, each]) => [key, open(each)]))
  }
  return open
}

/** Names of the modules that may be run; the payload must hold them. @throws FettleError `ANSIBLE_MODULE` */
export function namesOf(module: string, args: Want["args"]): readonly string[] {
  return modulePartsOf(module, argsOf(args)).choices.map(({ name }) => name)
}

export interface CallParts {
  readonly payload: Payload
  readonly open: Open
  readonly check: boolean
  readonly timeoutMs: number
}

/**
 * The call of a module on a host, with all that travels with it.
 * @throws FettleError `ANSIBLE_MODULE`, `ANSIBLE_ARGS`
 */
export async function callOf(want: Want, given: Want["args"], parts: CallParts): Promise<ModuleCall> {
  const { payload, open, check, timeoutMs } = parts
  const { choices, args, sends } = modulePartsOf(want.module, argsOf(given))
  const noLog = want.noLog || isSealed(want)
  return {
    modules: choices.flatMap((each) => packedChoice(each, choices, payload, args)),
    args: {
      ...(open(args) as Record<string, Json>),
      _ansible_check_mode: check,
      _ansible_diff: check && !noLog,
      _ansible_no_log: noLog,
      _ansible_version: payload.core,
      _ansible_module_name: want.module,
    },
    files: sends === undefined ? {} : { src: (await sent(sends, open)).toString("base64") },
    env: open(want.environment) as Record<string, string>,
    diff: check && !noLog,
    noLog,
    timeoutS: timeoutMs / 1_000,
  }
}

function packedChoice(
  { where, name, without }: Choice,
  choices: readonly Choice[],
  { modules, core }: Payload,
  args: Args,
): ModuleCall["modules"] {
  const packed = modules[name] as PackedModule
  if ("python" in packed && (!packed.action || choices.length > 1 || PLAIN.has(name) || args.remote_src === true))
    return [{ where, python: packed.python, without }]
  if (choices.length > 1) return []
  if ("python" in packed)
    throw new FettleError("ANSIBLE_MODULE", `${name} has a part that only a playbook can run`, {
      next: "let ansible.playbook run it, or say remote_src: true where it has that",
    })
  throw new FettleError("ANSIBLE_MODULE", `ansible-core ${core} finds no module ${name}: ${packed.missing}`)
}

/** Modules whose part on the controller does nothing that is missing here. */
const PLAIN = new Set(
  ["command", "copy", "uri", "dnf", "service", "unarchive", "assemble"].flatMap((each) => [
    each,
    `ansible.builtin.${each}`,
  ]),
)

async function sent(sends: NonNullable<ModuleParts["sends"]>, open: Open): Promise<Buffer> {
  if ("content" in sends) {
    const content = open(sends.content)
    return Buffer.from(typeof content === "string" ? content : JSON.stringify(content))
  }
  const path = resolve(sends.local)
  try {
    const bytes = await readFile(path)
    if (bytes.length <= SENT_MAX) return bytes
  } catch (thrown) {
    throw (thrown as NodeJS.ErrnoException).code === "EISDIR"
      ? new FettleError("ANSIBLE_ARGS", `copy: ${path} is a folder`, { next: "host.tree sends a folder" })
      : new FettleError("ANSIBLE_ARGS", `copy: ${path} cannot be read`, { cause: thrown, details: { notMade: true } })
  }
  throw new FettleError("ANSIBLE_ARGS", `copy: ${path} is longer than 16 MB`, { next: "host.file streams it" })
}
