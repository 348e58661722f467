import { createHash } from "node:crypto"
import { z } from "zod"
import { canonical, isPlainValue } from "../../secrets/canonical.ts"
import { Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { core } from "./module-props.ts"

/** Cannot be taken for an option, and holds no NUL. */
const word = z.string().regex(/^[^-\0][^\0]*$/, "a text that does not begin with -")

export const playbookProps = z.strictObject({
  playbook: word.describe("The playbook, a file of this machine; relative to the folder where fettle runs."),
  inventory: z
    .union([word, z.array(word)])
    .optional()
    .describe('Inventories, or a list of hosts with a comma: "web1,". Default: what ansible.cfg says.'),
  extraVars: z
    .record(z.string(), z.unknown().refine(isPlainValue, "a variable is plain data, with secrets in it where needed"))
    .default({})
    .describe("Variables, as -e gives them. Secrets may stand anywhere in them."),
  limit: word.optional().describe("Only these hosts."),
  tags: z.array(word).default([]).describe("Only tasks with one of these tags."),
  skipTags: z.array(word).default([]).describe("No tasks with one of these tags."),
  become: z.boolean().default(false).describe("True: as root, by the operator's own settings of become."),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.union([z.string(), secretText]))
    .default({})
    .describe("Variables for ansible-playbook itself, besides the operator's environment."),
  runsWhen: z
    .array(z.unknown().refine(isPlainValue, "give a value or an output"))
    .default([])
    .describe("Where a plan cannot ask it: it runs again when one of these differs."),
  check: z
    .boolean()
    .default(true)
    .describe("False: it is not asked in check mode; it runs when its file, its variables or runsWhen change."),
  repeatable: z
    .boolean()
    .default(true)
    .describe("False: after being cut off it is not run again by itself; Fettle asks."),
  core,
})

const stats = z.object({
  ok: z.int(),
  changed: z.int(),
  failed: z.int(),
  unreachable: z.int(),
  skipped: z.int(),
})

export const playbookOutputs = z.object({
  hosts: z.record(z.string(), stats).describe("How many tasks ended how on each host, at its last run."),
  fingerprint: z.string().describe("Covers the file and the props; secrets by their own."),
})

export type Want = z.output<typeof playbookProps>
export type Outputs = z.output<typeof playbookOutputs>

/** Whether what it runs with may not be opened before it runs. */
export function isSealed({ extraVars, environment }: Want): boolean {
  const within = (given: unknown): boolean =>
    given instanceof Secret || (typeof given === "object" && given !== null && Object.values(given).some(within))
  return within([extraVars, environment])
}

/** @param file the playbook's bytes; roles and files beside it are not in it */
export function fingerprintOf({ core: _, check, repeatable, ...inputs }: Want, file: Uint8Array): string {
  return createHash("sha256").update(canonical(inputs)).update("\0").update(file).digest("hex")
}

/** What stands behind `ansible-playbook`. */
export function argvOf(want: Want, check: boolean): readonly string[] {
  const { inventory, limit, tags, skipTags, become, playbook } = want
  const each = (option: string, values: readonly string[]): string[] => values.flatMap((value) => [option, value])
  return [
    ...each("-i", inventory === undefined ? [] : [inventory].flat()),
    ...each("-l", limit === undefined ? [] : [limit]),
    ...each("-t", tags.length === 0 ? [] : [tags.join(",")]),
    ...each("--skip-tags", skipTags.length === 0 ? [] : [skipTags.join(",")]),
    ...(become ? ["-b"] : []),
    ...(check ? ["--check", "--diff"] : []),
    playbook,
  ]
}
