import { createHash } from "node:crypto"
import {
  type ChangeParts,
  type HostChange,
  type HostContent,
  hostKind,
  type ScriptRecord,
  type SealedContent,
} from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Last, Seen } from "../../provider.ts"
import { canonical, hasFingerprints } from "../../secrets/canonical.ts"
import { Secret } from "../../secrets/secret.ts"
import { DIED, DIED_AT_FIRST, NOT_OURS } from "./process-files.ts"
import {
  type ProcessOutputs as Outputs,
  processOutputs as outputs,
  processProps as props,
  type ProcessWant as Want,
} from "./process-props.ts"
import { readScript, removeScript, startScript } from "./process-scripts.ts"
import { answerProcess, factsOf, noSystemd, startedAs } from "./process-seen.ts"
import { SUPERVISOR } from "./supervisor.ts"
import { NO_SYSTEMD } from "./systemd-scripts.ts"
import { environmentLine, unitHash, unitName, unitText } from "./systemd-unit.ts"

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
    ...unitOf(want),
    ...(hasFingerprints([want.env, want.restartOn]) ? { fingerprint: fingerprintOf(want) } : {}),
  }),
  question: ({ id, want, last }) => {
    const directory = want?.directory ?? id ?? last?.outputs.directory ?? ""
    return { stat: [directory], script: readScript(directory) }
  },
  answer: ({ id, want, last }, found): Seen<Outputs> =>
    answerProcess(want?.directory ?? id ?? last?.outputs.directory ?? "", found, want?.supervisor),
  writesAt: ({ id, want, last }) => [want?.directory ?? id ?? last?.outputs.directory ?? "/"],
  plan,
  change: changeProcess,
  removal: (seen, last) => {
    const directory = "outputs" in seen ? seen.outputs.directory : last?.outputs.directory
    return directory === undefined || "absent" in seen
      ? {}
      : {
          script: removeScript(
            directory,
            last?.props.stop ?? { signal: "TERM", graceMs: 10_000 },
            last?.props.supervisor ?? "sh",
          ),
          writesIn: [directory],
        }
  },
  result: ({ script }, want) => {
    const facts = factsOf(script?.out ?? "")
    return {
      directory: want.directory,
      log: `${want.directory}/log`,
      fingerprint: fingerprintOf(want),
      running: true,
      ...startedAs(facts),
      ...unitOf(want),
    }
  },
  failure: (script, want) => {
    if (script.exitCode === NO_SYSTEMD) return noSystemd(script.err)
    if (script.exitCode === NOT_OURS) return notOurs(script)
    return script.exitCode === DIED || script.exitCode === DIED_AT_FIRST ? died(script, want) : undefined
  },
})

function unitOf({ supervisor, directory }: Want): { readonly unit?: string } {
  return supervisor === "systemd" ? { unit: unitName(directory) } : {}
}

/** Props whose change restarts nothing. */
const QUIET: readonly string[] = ["log", "stop", "supervisor"] satisfies (keyof Want)[]

function plan(want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at, shown } = seen
  const update = (prop: keyof Want & string, because: string): Change<Want> => ({
    action: "update",
    props: [prop],
    because,
  })
  if (!at.running)
    return update("command", shown?.supervisor === "alive" ? "it keeps ending: see its log" : "it is not running")
  if (at.fingerprint !== fingerprintOf(want)) return update("restartOn", "it was started with something else: restart")
  if (want.supervisor === "systemd" && shown?.unitFile !== unitHash(want))
    return last !== undefined && shown?.unitFile === unitHash({ ...want, stop: last.props.stop })
      ? update("stop", "it is to be stopped differently: no restart")
      : update("command", "its unit file was changed: restart")
  if (shown?.settings !== settingsOf(want)) return update("log", "the log is to be kept differently: no restart")
  if (want.supervisor === "systemd" && shown.boot !== "enabled")
    return update("supervisor", "it does not start at boot: no restart")
  if (want.supervisor === "systemd" && shown.reload === "yes")
    return update("supervisor", "systemd has not read its unit file again: no restart")
  return { action: "none" }
}

function changeProcess({ want, seen, change }: ChangeParts<Want, Outputs>): HostChange {
  const script = startScript({
    directory: want.directory,
    supervisor: want.supervisor,
    cwd: want.cwd ?? "/",
    stop: want.stop,
    readyAfterMs: want.readyAfterMs,
    expect: "outputs" in seen ? seen.outputs.fingerprint : undefined,
    fingerprint: fingerprintOf(want),
    onlySettings: "outputs" in seen && change.action === "update" && change.props.every((each) => QUIET.includes(each)),
  })
  const shared = { supervise: SUPERVISOR, settings: `${settingsOf(want)}\n` }
  const own: Readonly<Record<string, HostContent>> =
    want.supervisor === "systemd" ? { env: environmentFile(want), unit: unitText(want) } : { start: startFile(want) }
  return { script, writesIn: [want.directory], slots: { ...own, ...shared } }
}

function settingsOf({ log }: Want): string {
  return `MAX=${log.maxBytes} KEEP=${log.keep}`
}

/** What the child sources: it goes where it runs, takes its environment, and becomes the command. */
function startFile({ cwd, env, command }: Want): SealedContent {
  const exports = withSecrets(env, (name, value) => `export ${name}=${quote(value)}\n`)
  return {
    ...exports,
    build: (open) => `cd -- ${quote(cwd ?? "/")} || exit 126\n${exports.build(open)}exec ${quoteAll(command)}\n`,
  }
}

/** What systemd reads its environment from. */
function environmentFile({ env }: Want): SealedContent {
  return withSecrets(env, environmentLine)
}

/** A line for each variable; those that are secret are opened when the file is written. */
function withSecrets(env: Want["env"], line: (name: string, value: string) => string): SealedContent {
  return {
    secrets: Object.values(env).filter((value) => value instanceof Secret),
    build: (open) =>
      Object.entries(env)
        .map(([name, value]) => line(name, value instanceof Secret ? open(value) : value))
        .join(""),
  }
}

/** Restart is a state: the same inputs give the same fingerprint. */
function fingerprintOf({ command, env, cwd, restartOn, supervisor }: Want): string {
  return createHash("sha256")
    .update(canonical({ command, env, cwd: cwd ?? "/", restartOn, supervisor }))
    .digest("hex")
}

function notOurs(script: ScriptRecord): FettleError {
  const next = "give the process a folder of its own, or remove the file"
  return new FettleError("FILE_REFUSED", script.err.trim(), { next })
}

/** Of its log, the end of so many characters is told. */
const TAIL_CHARACTERS = 4_096

/** Lines that say nothing of why: ours, and what Node prints around an error. */
const FRAME = /^(fettle: |Node\.js v\d|Emitted 'error' event|\s+at |\s+\w+: |[\s{}^]*$)/

function died(script: ScriptRecord, want: Want | undefined): FettleError {
  const tail = script.out.trim().slice(-TAIL_CHARACTERS)
  const own = tail.split("\n").findLast((line) => line !== "" && !FRAME.test(line))
  const words = own === undefined ? " and wrote nothing" : `; its last words: ${own}`
  return new FettleError("PROCESS_DIED", `it did not stay up for ${want?.readyAfterMs ?? 0} ms${words}`, {
    details: { log: tail },
    next: want === undefined || script.exitCode === DIED_AT_FIRST ? undefined : `see the end of ${want.directory}/log`,
  })
}
