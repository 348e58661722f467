import { z } from "zod"
import { isPlainValue } from "../../secrets/canonical.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { hostPath } from "./props.ts"

export const commandWord = z.string().regex(/^[^\0]*$/, "an argument or a variable cannot hold a NUL")
const word = commandWord
const commandLine = z.union([word.min(1), z.tuple([word.min(1)], word)])

/** What host.command and host.script have in common: when, where and as whom something runs. */
export const commandParts = {
  creates: hostPath
    .optional()
    .describe("What it makes: it runs where this is missing, and has failed where it is missing afterwards."),
  unless: commandLine
    .optional()
    .describe(
      "A list or a script that only looks, asked in every plan, without env: it runs where this fails, and has failed where this fails afterwards. A program that is not installed yet fails.",
    ),
  onlyIf: commandLine.optional().describe("A list or a script that only looks: it runs where this succeeds."),
  runsWhen: z
    .array(
      z
        .unknown()
        .refine(isPlainValue, "give a value or an output, as in conf.hash; a node or a function cannot be compared"),
    )
    .default([])
    .describe("It runs again when one of these differs from what it was run with: runsWhen: [conf.hash]."),
  repeatable: z
    .boolean()
    .default(false)
    .describe("Running it twice does no harm: after a crash it is run again without asking."),
  cwd: hostPath.optional().describe("Where it runs. Default: /."),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable is letters, digits and _"),
      z.union([word, secretText]),
    )
    .default({})
    .describe(
      "Its environment, besides PATH, HOME, TMPDIR and LANG of the host, and LC_ALL=C, which env may set otherwise. Secrets go here.",
    ),
  user: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
    .optional()
    .describe("As whom it runs, by su; needs root. Default: whoever fettle works as."),
  exitCodes: z
    .array(z.int().min(0).max(255))
    .min(1)
    .default([0])
    .describe("Exit codes that say that it went well. Default: 0."),
  undo: commandLine
    .optional()
    .describe(
      "A list or a script that runs when it leaves the program, without env, in the same folder as the same user.",
    ),
}

export const commandOutputs = z.object({
  name: z.string(),
  /** The end of what it wrote to standard output: at most 2,000 characters. Empty where it was already so. */
  stdout: z.string(),
  exitCode: z.number(),
  /** Covers what runs, env, cwd, user and runsWhen; secrets by their own fingerprint. */
  fingerprint: z.string(),
})

export type CommandOutputs = z.output<typeof commandOutputs>

/** The props of either, as far as both have them. */
export type CommandWant = z.output<z.ZodObject<typeof commandParts>> & { readonly name: string }

/** Whether running it again after a crash is right without anybody's word. */
export function isProven({ creates, unless, onlyIf, repeatable }: CommandWant): boolean {
  return repeatable || creates !== undefined || unless !== undefined || onlyIf !== undefined
}
