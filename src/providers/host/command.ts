import { createHash } from "node:crypto"
import { z } from "zod"
import { type ChangeParts, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { canonical, hasFingerprints } from "../../secrets/canonical.ts"
import { commandOutputs, commandParts, commandWord, isProven } from "./command-props.ts"
import { changeScript, guardScript, runFile, undoScript } from "./command-script.ts"
import { commandFailure, commandSeen, planRun, saidIn } from "./command-seen.ts"

const props = z
  .strictObject({
    name: z.string().min(1).max(200).describe("Tells it from other commands on the host; state knows it by this."),
    command: z
      .tuple([commandWord.min(1)], commandWord)
      .optional()
      .describe("The argument list. No shell."),
    script: commandWord
      .min(1)
      .max(60_000)
      .optional()
      .describe("In place of command: text for sh. It ends at the first command that fails."),
    ...commandParts,
  })
  .superRefine((given, context) => {
    if ((given.command === undefined) === (given.script === undefined))
      context.addIssue({ code: "custom", message: "give either command or script" })
  })

const outputs = commandOutputs

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A command that runs once, and again when its inputs change or a guard says that it is due. The host notes beginning and end of one
 * without a guard; where that does not tell after a crash what it came to, the next run asks, unless it is `repeatable`. Its limit is the node's `timeout`, ten minutes where none is given.
 * @example resource(host.command, { name: "certificates", script: "./make-certificates", creates: "/etc/shop/tls.pem" }, { on: web })
 */
export const command = hostKind({
  kind: "host.command",
  version: 1,
  about: "A command that runs once, and again when its inputs change or a guard says that it is due.",
  props,
  outputs,
  asserts: true,
  timeoutMs: 600_000,
  noted: (want) => (isProven(want) ? undefined : fingerprintOf(want)),
  id: (want) => want.name,
  predict: (want) => ({
    name: want.name,
    ...(hasFingerprints([want.env, want.runsWhen]) ? { fingerprint: fingerprintOf(want) } : {}),
  }),
  question: ({ want, last }) => {
    const script = want === undefined ? guardScript({ creates: last?.props.creates }, {}) : guardScript(want, want)
    return script === "" ? {} : { script }
  },
  answer: (key, found) => commandSeen(key, found, fingerprintOf),
  plan: (want, seen, last) => planRun({ want, seen, last, fingerprint: fingerprintOf(want) }),
  change: changeCommand,
  removal: (seen, last) => {
    const undo = last?.props.undo
    if (undo === undefined || last === undefined || "absent" in seen) return {}
    return { script: undoScript(last.props.user), slots: { undo: runFile(undo, { cwd: last.props.cwd }) } }
  },
  result: ({ script }, want) => ({ name: want.name, ...saidIn(script), fingerprint: fingerprintOf(want) }),
  failure: commandFailure,
})

function changeCommand({ want, change }: ChangeParts<Want, Outputs>): HostChange {
  const run = want.command ?? (want.script as string)
  const { creates, unless, onlyIf, cwd, user, exitCodes } = want
  return {
    script: changeScript({ creates, unless, onlyIf, cwd, user, exitCodes, again: change.action === "update" }),
    slots: { run: runFile(run, want) },
  }
}

function fingerprintOf({ command: argv, script, env, cwd, user, runsWhen }: Want): string {
  return createHash("sha256")
    .update(canonical({ run: argv ?? script, env, cwd: cwd ?? "/", user: user ?? null, runsWhen }))
    .digest("hex")
}
