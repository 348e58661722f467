import { z } from "zod"
import { isPlainValue } from "../../secrets/canonical.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { hostPath } from "./props.ts"
import { fitsUnit } from "./systemd-unit.ts"

const SIGNALS = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"] as const

/** What can stand in an argument list or an environment. */
const word = z.string().regex(/^[^\0]*$/, "an argument or a variable cannot hold a NUL")

const shape = z.strictObject({
  command: z.tuple([word.min(1)], word).describe("The argument list. No shell."),
  directory: hostPath.describe(
    "A folder of its own, for its pid, log and start files; made where it is missing, with mode 0700.",
  ),
  cwd: hostPath.optional().describe("Where it runs. Default: /."),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable is letters, digits and _"),
      z.union([word, secretText]),
    )
    .default({})
    .describe("Its environment, besides PATH, HOME, TMPDIR and LANG of the host."),
  restartOn: z
    .array(
      z
        .unknown()
        .refine(
          isPlainValue,
          "give a value or an output, as in conf.hash; a whole node or a function cannot be compared",
        ),
    )
    .default([])
    .describe("It is restarted when one of these differs from what it was started with: restartOn: [conf.hash]."),
  log: z
    .strictObject({ maxBytes: z.int().min(65_536).default(10_485_760), keep: z.int().min(0).max(100).default(3) })
    .default({ maxBytes: 10_485_760, keep: 3 })
    .describe(
      "Its output goes to DIRECTORY/log; from maxBytes on (default 10 MB) to a new one, with `keep` old ones (default 3).",
    ),
  stop: z
    .strictObject({ signal: z.enum(SIGNALS).default("TERM"), graceMs: z.int().min(0).max(60_000).default(10_000) })
    .default({ signal: "TERM", graceMs: 10_000 })
    .describe(
      "The signal that asks it to end (default TERM), and how long it may take (default 10 s) before KILL. INT and QUIT need GNU env on the host, or a handler in the process: shells ignore them for what they start.",
    ),
  supervisor: z
    .enum(["sh", "systemd"])
    .default("sh")
    .describe(
      "What keeps it running. sh (default): a shell script beside it, on any host, until the host boots anew. systemd: a unit of its own (output `unit`), which also starts it at boot; a unit of the system as root, else of the user, who must linger (loginctl enable-linger USER).",
    ),
  readyAfterMs: z
    .int()
    .min(0)
    .max(30_000)
    .default(500)
    .describe("It counts as started when it has stayed up for so long. Default 500."),
})

export const processProps = shape.superRefine(({ supervisor, directory, cwd }, context) => {
  if (supervisor !== "systemd") return
  for (const [name, path] of Object.entries({ directory, cwd: cwd ?? "/" }))
    if (!fitsUnit(path))
      context.addIssue({
        code: "custom",
        path: [name],
        message: "a unit file of systemd takes no such path: use letters, digits and / . _ - + @ : , = ~ in it",
      })
})

export const processOutputs = z.object({
  directory: z.string(),
  log: z.string(),
  /** Covers command, environment, cwd and restartOn; secrets by their own fingerprint. */
  fingerprint: z.string(),
  running: z.boolean(),
  pid: z.number(),
  /** ISO 8601. */
  startedAt: z.string(),
  /** Its unit, where systemd runs it. */
  unit: z.string().optional(),
})

export type ProcessWant = z.output<typeof processProps>
export type ProcessOutputs = z.output<typeof processOutputs>
