import { createHash } from "node:crypto"
import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Key, Last, Seen } from "../../provider.ts"
import { canonical, hasFingerprints } from "../../secrets/canonical.ts"
import { commandParts, commandWord, isProven, commandOutputs as outputs } from "./command-props.ts"
import { changeScript, guardScript, runFile, undoScript } from "./command-script.ts"
import { commandFailure, commandSeen, planRun, saidIn } from "./command-seen.ts"

/** Longest text of a script in a program, in bytes; longer ones are local files. */
const CONTENT_MAX = 1_000_000

const props = z
  .strictObject({
    name: z.string().min(1).max(200).describe("Tells it from other scripts on the host; state knows it by this."),
    source: z
      .string()
      .min(1)
      .optional()
      .describe("The script: a file on the machine where fettle runs; relative to where fettle was started."),
    content: commandWord.min(1).max(CONTENT_MAX).optional().describe("In place of source: its text."),
    interpreter: z
      .tuple([commandWord.min(1)], commandWord)
      .optional()
      .describe('What runs it: ["python3", "-u"]. Default: what its first line says behind #!, else sh.'),
    args: z.array(commandWord).default([]).describe("What it gets as arguments."),
    ...commandParts,
  })
  .superRefine((given, context) => {
    if ((given.source === undefined) === (given.content === undefined))
      context.addIssue({ code: "custom", message: "give either source or content" })
  })

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A script that runs once, and again when its text or its inputs change or a guard says that it is due. It is sent each time, and
 * nothing of it stays on the host. Otherwise as host.command: one without a guard is asked about after a crash.
 * @example resource(host.script, { name: "seed", source: "scripts/seed.py", creates: "/srv/shop/seeded" }, { on: web })
 */
export const script = hostKind({
  kind: "host.script",
  version: 1,
  about: "A script that runs once, and again when its text or its inputs change or a guard says that it is due.",
  props,
  outputs,
  asserts: true,
  timeoutMs: 600_000,
  settles: (want) => (isProven(want) ? "unique" : "ask"),
  id: (want) => want.name,
  predict: (want) => ({
    name: want.name,
    ...(want.content !== undefined && hasFingerprints([want.env, want.runsWhen])
      ? { fingerprint: fingerprintOf(want, sha256Of(want.content)) }
      : {}),
  }),
  question: ({ want, last }) => {
    const text = want === undefined ? guardScript({ creates: last?.props.creates }, {}) : guardScript(want, want)
    return {
      ...(text === "" ? {} : { script: text }),
      ...(want?.source === undefined ? {} : { local: [want.source] }),
    }
  },
  answer,
  plan: (want, seen, last) => planRun({ want, seen, last, fingerprint: fingerprintOf(want, hashIn(want, seen, last)) }),
  change: changeRun,
  removal: (seen, last) => {
    const undo = last?.props.undo
    if (undo === undefined || last === undefined || "absent" in seen) return {}
    return { script: undoScript(last.props.user), slots: { undo: runFile(undo, { cwd: last.props.cwd }) } }
  },
  result: (outcome, want, _seal, parts) => {
    const told = outcome.script?.out ?? ""
    const at = told.indexOf("\n")
    return {
      name: want.name,
      ...saidIn({ exitCode: 0, err: "", out: told.slice(at + 1) }),
      fingerprint: fingerprintOf(want, hashIn(want, parts.seen, parts.last) || told.slice(0, at)),
    }
  },
  failure: commandFailure,
})

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const { want } = key
  const local = want?.source === undefined ? undefined : found.local(want.source)
  if (local !== undefined && "failed" in local)
    return { failed: new FettleError("FILE_REFUSED", `${want?.source} cannot be read: ${local.failed}`) }
  const hash = local?.sha256 ?? (want?.content === undefined ? "" : sha256Of(want.content))
  const seen = commandSeen(key, found, (each) => fingerprintOf(each, hash))
  if (local === undefined || "failed" in seen) return seen
  const shown = { wanted: hash, first: (local.text ?? "").split("\n")[0] ?? "" }
  return "absent" in seen ? { ...seen, shown } : { ...seen, shown: { ...seen.shown, ...shown } }
}

/** The hash of what would run, where a local file decides as it was read. */
function hashIn({ content }: Want, seen: Seen<Outputs>, _last: Last<Want, Outputs> | undefined): string {
  if (content !== undefined) return sha256Of(content)
  const wanted = "failed" in seen ? undefined : seen.shown?.wanted
  return typeof wanted === "string" ? wanted : ""
}

function changeRun({ want, seen, change, last }: ChangeParts<Want, Outputs>): HostChange {
  const { creates, unless, onlyIf, cwd, user, exitCodes, source, content } = want
  const sha256 = hashIn(want, seen, last)
  const shown = "failed" in seen ? undefined : seen.shown?.first
  const first = content?.split("\n")[0] ?? (typeof shown === "string" ? shown : "")
  const run = `exec ${quoteAll(want.interpreter ?? interpreterIn(first))} "$FETTLE_SCRIPT" ${quoteAll(want.args)}`
  const again = change.action === "update"
  return {
    script: `${given(user)}${changeScript({ creates, unless, onlyIf, cwd, user, exitCodes, again })}`,
    slots: {
      run: runFile(run, want),
      script: source === undefined ? (content as string) : { local: source, ...(sha256 === "" ? {} : { sha256 }) },
    },
  }
}

/** As a kernel reads it: one word, and all the rest as another. */
function interpreterIn(first: string): readonly string[] {
  const [, path, rest] = /^#!\s*(\S+)\s*(.*?)\s*$/.exec(first) ?? []
  return path === undefined ? ["sh"] : [path, ...(rest === undefined || rest === "" ? [] : [rest])]
}

/** Tells the hash of what came, and makes a copy where another user is to read it, which goes when the script has ended. */
function given(user: string | undefined): string {
  const copy =
    user === undefined
      ? ""
      : `FETTLE_SCRIPT=$(mktemp "\${TMPDIR:-/tmp}/fettle-script-XXXXXX") || exit 20
trap 'rm -f -- "$FETTLE_SCRIPT"' EXIT; trap 'exit 143' TERM INT
cat -- "$S/script" >"$FETTLE_SCRIPT" && chown -- ${quote(user)} "$FETTLE_SCRIPT" && chmod 400 "$FETTLE_SCRIPT" || exit 20
`
  return `FETTLE_SCRIPT=$S/script; export FETTLE_SCRIPT
h=$(sha256sum <"$S/script") || exit 20; printf '%s\n' "\${h%% *}"
${copy}`
}

function fingerprintOf({ interpreter, args, env, cwd, user, runsWhen }: Want, hash: string): string {
  return sha256Of(
    canonical({ hash, interpreter: interpreter ?? null, args, env, cwd: cwd ?? "/", user: user ?? null, runsWhen }),
  )
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
