import { createHash } from "node:crypto"
import { z } from "zod"
import { canonical, isPlainValue } from "../../secrets/canonical.ts"
import { Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { type Args, shortName } from "./module-call.ts"

const value = z
  .unknown()
  .refine(
    (given) => isPlainValue(given) && !hasBytes(given),
    "an argument is plain data, with secrets in it where needed",
  )

const args = z.record(z.string().regex(/^(?!_ansible_)./, "names with _ansible_ are its own"), value)

export const core = z
  .string()
  .regex(/^[^\0]+$/)
  .optional()
  .describe(
    "On this machine: the venv or the Python that has ansible-core. Default: python3, else that of `ansible` in PATH.",
  )

export const moduleProps = z
  .strictObject({
    module: z
      .string()
      .regex(
        /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/i,
        'a module is a name, as in "lineinfile" or "community.general.ini_file"',
      )
      .describe("Name of the module: lineinfile, community.general.ini_file."),
    args: args.default({}).describe("Its arguments, as in a task. Secrets may stand anywhere in them."),
    absent: args
      .optional()
      .describe(
        'Arguments with which it undoes itself when it leaves the program: { path, state: "absent" }. No secrets.',
      ),
    runsWhen: z
      .array(value)
      .default([])
      .describe(
        "Where the module cannot say beforehand what it would change: it runs again when one of these differs.",
      ),
    repeatable: z
      .boolean()
      .optional()
      .describe(
        "Running it twice does no harm. Default: false for command, shell, expect and uri, true for all others.",
      ),
    noLog: z
      .boolean()
      .default(false)
      .describe(
        "Its result is not kept, its difference not shown, and the host notes nothing of it; so also where it has secrets.",
      ),
    environment: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.union([z.string(), secretText]))
      .default({})
      .describe("Variables of its environment on the host."),
    python: z
      .string()
      .regex(/^\/[^\0\n ]*$/, "a Python is named by its path")
      .optional()
      .describe("The Python on the host. Default: /usr/bin/python3, else python3."),
    core,
  })
  .superRefine((given, context) => {
    if (given.absent !== undefined && secretsWithin(given.absent))
      context.addIssue({
        code: "custom",
        path: ["absent"],
        message: "what state keeps holds no secrets: absent cannot",
      })
  })

export const moduleOutputs = z.object({
  module: z.string(),
  result: z.record(z.string(), z.unknown()).describe("What it returned: ansible_facts, stat, stdout …"),
  fingerprint: z.string().describe("Covers module, args, environment and runsWhen; secrets by their own."),
})

export type Want = z.output<typeof moduleProps>
export type Outputs = z.output<typeof moduleOutputs>

/** Modules of which a second run may do harm; one of these is proven only by what it creates. */
const ONCE = new Set(["command", "shell", "ansible.builtin.expect", "expect", "uri", "community.general.shutdown"])

/** Whether running it again after a crash is right without anybody's word. */
export function isRepeatable({
  module,
  args: given,
  repeatable,
}: Pick<Want, "module" | "args" | "repeatable">): boolean {
  if (repeatable !== undefined) return repeatable
  const name = shortName(module)
  if (name === "uri") return ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].includes(String(given.method ?? "GET"))
  return !ONCE.has(name) || given.creates !== undefined || given.removes !== undefined
}

/** Whether what it runs with may not be opened before it runs. */
export function isSealed({ args: given, environment }: Pick<Want, "args" | "environment">): boolean {
  return secretsWithin([given, environment])
}

export function fingerprintOf({ module, args: given, environment, runsWhen }: Want): string {
  return createHash("sha256")
    .update(canonical({ module, args: given, environment, runsWhen }))
    .digest("hex")
}

function secretsWithin(given: unknown): boolean {
  if (given instanceof Secret) return true
  return typeof given === "object" && given !== null && Object.values(given).some(secretsWithin)
}

function hasBytes(given: unknown): boolean {
  if (given instanceof Uint8Array || typeof given === "bigint") return true
  return (
    typeof given === "object" && given !== null && !(given instanceof Secret) && Object.values(given).some(hasBytes)
  )
}

/** Arguments as the rest of the folder holds them. */
export function argsOf(given: Readonly<Record<string, unknown>>): Args {
  return given as Args
}
