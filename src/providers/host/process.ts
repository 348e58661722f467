import { createHash } from "node:crypto"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type ScriptRecord,
  type SealedContent,
} from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { canonical, hasFingerprints, isPlainValue } from "./canonical.ts"
import { DIED, readScript, removeScript, startScript } from "./process-scripts.ts"
import { hostPath, secretText } from "./props.ts"
import { SUPERVISOR } from "./supervisor.ts"

const SIGNALS = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"] as const

/** What can stand in an argument list or an environment. */
const word = z.string().regex(/^[^\0]*$/, "an argument or a variable cannot hold a NUL")

const props = z.strictObject({
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
  readyAfterMs: z
    .int()
    .min(0)
    .max(30_000)
    .default(500)
    .describe("It counts as started when it has stayed up for so long. Default 500."),
})

const outputs = z.object({
  directory: z.string(),
  log: z.string(),
  /** Covers command, environment, cwd and restartOn; secrets by their own fingerprint. */
  fingerprint: z.string(),
  running: z.boolean(),
  pid: z.number(),
  /** ISO 8601. */
  startedAt: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A process that is kept running, survives the run, and is restarted when what it was started with has changed. A supervisor starts
 * it again when it ends. Deleting it stops it and removes its files.
 * @example resource(host.process, "shop", { command: ["node", "server.js"], cwd: "/srv/shop", directory: "/srv/shop/run", restartOn: [conf.hash] }, { on: web })
 */
export const hostProcess = hostKind({
  kind: "host.process",
  version: 1,
  about: "A supervised process that survives the run and is restarted when what it was started with has changed.",
  props,
  outputs,
  stable: ["directory", "log"],
  volatile: ["pid", "startedAt"],
  /** 60 s of grace, 30 s until ready, and what the shell itself needs. */
  timeoutMs: 120_000,
  id: (want) => want.directory,
  predict: (want) => ({
    directory: want.directory,
    log: `${want.directory}/log`,
    running: true,
    ...(hasFingerprints([want.env, want.restartOn]) ? { fingerprint: fingerprintOf(want) } : {}),
  }),
  question: ({ id, want, last }) => {
    const directory = want?.directory ?? id ?? last?.outputs.directory ?? ""
    return { stat: [directory], script: readScript(directory) }
  },
  answer: ({ id, want, last }, found): Seen<Outputs> =>
    answerProcess(want?.directory ?? id ?? last?.outputs.directory ?? "", found),
  plan,
  change: changeProcess,
  removal: (seen, last) => {
    const directory = "outputs" in seen ? seen.outputs.directory : last?.outputs.directory
    return directory === undefined || "absent" in seen
      ? {}
      : { script: removeScript(directory, last?.props.stop ?? { signal: "TERM", graceMs: 10_000 }) }
  },
  result: ({ script }, want) => {
    const facts = factsOf(script?.out ?? "")
    return {
      directory: want.directory,
      log: `${want.directory}/log`,
      fingerprint: fingerprintOf(want),
      running: true,
      ...started(facts),
    }
  },
  failure: (script, want) => (script.exitCode === DIED ? died(script, want) : undefined),
})

function answerProcess(directory: string, found: HostAnswer): Seen<Outputs> {
  const at = found.path(directory)
  if (at === "absent") return { absent: true }
  if ("failed" in at) return { failed: new FettleError("READ_FAILED", `${directory} cannot be read: ${at.failed}`) }
  if (at.type !== "directory") return { failed: new FettleError("FILE_REFUSED", `${directory} is not a directory`) }
  const script = found.script as ScriptRecord
  if (script.exitCode !== 0)
    return {
      failed: new FettleError("READ_FAILED", `${directory}: ${script.out.trim() || `exit code ${script.exitCode}`}`),
    }
  const facts = factsOf(script.out)
  const fingerprint = facts.get("fingerprint")
  if (fingerprint === undefined) return { absent: true }
  const running = facts.get("supervisor") === "alive" && facts.get("child") === "alive"
  const outputs = { directory, log: `${directory}/log`, fingerprint, running, ...started(facts) }
  return { outputs, shown: { supervisor: facts.get("supervisor") ?? "gone", settings: facts.get("settings") ?? "" } }
}

function started(facts: ReadonlyMap<string, string>): { pid: number; startedAt: string } {
  return {
    pid: Number(facts.get("pid") ?? 0),
    startedAt: new Date(Number(facts.get("started") ?? 0) * 1_000).toISOString(),
  }
}

/** Lines of `name=value`. */
function factsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split("\n")
      .flatMap((line) =>
        line.includes("=") ? [[line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const] : [],
      ),
  )
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at, shown } = seen
  if (!at.running)
    return {
      action: "update",
      props: ["command"],
      because: shown?.supervisor === "alive" ? "it keeps ending: see its log" : "it is not running",
    }
  if (at.fingerprint !== fingerprintOf(want))
    return { action: "update", props: ["restartOn"], because: "it was started with something else: restart" }
  if (shown?.settings !== settingsOf(want))
    return { action: "update", props: ["log"], because: "the log is to be kept differently: no restart" }
  return { action: "none" }
}

function changeProcess({ want, seen, change }: ChangeParts<Want, Outputs>): HostChange {
  const settings = settingsOf(want)
  const onlyLog =
    "outputs" in seen && change.action === "update" && change.props.length === 1 && change.props[0] === "log"
  const script = startScript({
    directory: want.directory,
    stop: want.stop,
    readyAfterMs: want.readyAfterMs,
    expect: "outputs" in seen ? seen.outputs.fingerprint : undefined,
    fingerprint: fingerprintOf(want),
    onlySettings: onlyLog,
  })
  return { script, slots: { start: startFile(want), supervise: SUPERVISOR, settings: `${settings}\n` } }
}

function settingsOf({ log }: Want): string {
  return `MAX=${log.maxBytes} KEEP=${log.keep}`
}

/** What the child sources: it goes where it runs, takes its environment, and becomes the command. */
function startFile({ cwd, env, command }: Want): SealedContent {
  const secrets = Object.values(env).filter((value) => value instanceof Secret)
  return {
    secrets,
    build: (open) => {
      const exports = Object.entries(env).map(
        ([name, value]) => `export ${name}=${quote(value instanceof Secret ? open(value) : value)}\n`,
      )
      return `cd -- ${quote(cwd ?? "/")} || exit 126\n${exports.join("")}exec ${quoteAll(command)}\n`
    },
  }
}

/** Restart is a state: the same inputs give the same fingerprint. */
function fingerprintOf({ command, env, cwd, restartOn }: Want): string {
  return createHash("sha256")
    .update(canonical({ command, env, cwd: cwd ?? "/", restartOn }))
    .digest("hex")
}

function died(script: ScriptRecord, want: Want | undefined): FettleError {
  const tail = script.out.trim()
  const own = tail.split("\n").findLast((line) => line !== "" && !line.startsWith("fettle: "))
  const words = own === undefined ? " and wrote nothing" : `; its last words: ${own}`
  return new FettleError("PROCESS_DIED", `it did not stay up for ${want?.readyAfterMs ?? 0} ms${words}`, {
    details: { log: tail },
    next: want === undefined ? undefined : `see the end of ${want.directory}/log`,
  })
}
