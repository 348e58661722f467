import { createInterface } from "node:readline"
import { FettleError } from "../../errors.ts"
import type { Json } from "../../provider.ts"
import { endChild, endOf } from "../host/carrier.ts"
import { startPiped } from "../process.ts"
import { diesWithUs, GRACE_MS } from "../process-group.ts"
import { coreMissing, inCore, NO_CORE } from "./payload.ts"
import { PLAY } from "./play-python.ts"

/** What begins each line of ours; anything else that Ansible prints is noise. */
const MARK = "FETTLE1 "
/** Bytes of standard error that stand in an error. */
const SAID_MAX = 8_192
/** Most events of one run that are kept. */
const EVENTS_MAX = 100_000

/** How one task ended on one host. */
export interface TaskResult {
  readonly event: "result"
  readonly how: "ok" | "skipped" | "failed" | "unreachable"
  readonly host: string
  readonly task: string
  readonly changed: boolean
  /** Its message; empty where it is not to be told. */
  readonly words: string
  /** It was left out because it cannot say beforehand what it would change. */
  readonly unasked: boolean
  readonly ignored?: boolean
}

/** How often what happened on a host, in Ansible's words. */
export interface HostStats {
  readonly ok: number
  readonly changed: number
  readonly failures: number
  readonly unreachable: number
  readonly skipped: number
}

export type PlayEvent =
  | TaskResult
  | { readonly event: "play" | "task"; readonly name: string }
  | { readonly event: "diff"; readonly host: string; readonly task: string; readonly text: string }
  | { readonly event: "stats"; readonly hosts: Readonly<Record<string, HostStats>> }

/** One run of `ansible-playbook`. */
export interface Play {
  readonly core: string
  /** What stands behind `ansible-playbook`; no secrets. */
  readonly argv: readonly string[]
  /** Secrets are open in these two. */
  readonly variables: Readonly<Record<string, Json>>
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  onEvent?(event: PlayEvent): void
}

/**
 * Runs a playbook in the operator's own environment; gives all its events. That a task failed is one of them.
 * @throws FettleError `ANSIBLE_MISSING`, `PLAYBOOK_FAILED` where no play came to its end, `TIMEOUT`, `CANCELLED`
 */
export async function play(given: Play): Promise<readonly PlayEvent[]> {
  const { core, argv, variables, environment, timeoutMs, signal } = given
  signal.throwIfAborted()
  const child = startPiped(inCore(core, PLAY, []))
  const release = child.pid === undefined ? () => {} : diesWithUs(child.pid)
  let ended: FettleError | undefined
  const end = (why: FettleError): void => {
    ended ??= why
    endChild(child, "SIGTERM")
    setTimeout(endChild, GRACE_MS, child, "SIGKILL").unref()
  }
  const timer = setTimeout(
    () => end(new FettleError("TIMEOUT", `the playbook did not end within ${timeoutMs / 1_000} s`)),
    timeoutMs,
  )
  const abort = (): void => end(new FettleError("CANCELLED", "the playbook was ended"))
  signal.addEventListener("abort", abort, { once: true })
  let said = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX)
  })
  const events: PlayEvent[] = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith(MARK) || events.length >= EVENTS_MAX) return
    const event = JSON.parse(line.slice(MARK.length)) as PlayEvent
    events.push(event)
    given.onEvent?.(event)
  })
  child.stdin.on("error", () => {}).end(JSON.stringify({ argv, variables, environment }))
  const how = await endOf(child)
  clearTimeout(timer)
  signal.removeEventListener("abort", abort)
  release()
  if (ended !== undefined) throw ended
  if (how === `exit code ${NO_CORE}` && events.length === 0) throw coreMissing(core)
  if (events.some(({ event }) => event === "stats")) return events
  throw new FettleError("PLAYBOOK_FAILED", `ansible-playbook ended with ${how}: ${lastWords(said)}`, {
    details: { stderr: said.slice(-2_000), notMade: !events.some(({ event }) => event === "result") },
  })
}

/** The last line that says what is wrong. */
function lastWords(said: string): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "")
  return (lines.find((line) => /error:|\[ERROR\]/i.test(line)) ?? lines.at(-1) ?? "it said nothing").trim()
}
