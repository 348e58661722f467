import type { HostStats, PlayEvent, TaskResult } from "../../connect/ansible/play.ts"
import { FettleError } from "../../errors.ts"
import type { Outputs } from "./playbook-props.ts"

/** Most lines of a plan's text; what is left out is counted. */
const LINES_MAX = 400

/** What a playbook came to, asked or run. */
export interface Told {
  readonly hosts: Outputs["hosts"]
  /** Tasks that changed something, or would. */
  readonly changed: readonly TaskResult[]
  /** Tasks that a check leaves out. */
  readonly unasked: readonly TaskResult[]
  /** The first that failed, and was not to be ignored. */
  readonly failed: TaskResult | undefined
  readonly failures: number
  /** Each task that changed something, with its difference. */
  readonly text: string
}

/** Reads the events of one run. Pure. */
export function toldBy(events: readonly PlayEvent[]): Told {
  const results = events.filter((each) => each.event === "result")
  const stats: Record<string, HostStats> = {}
  for (const each of events) if (each.event === "stats") Object.assign(stats, each.hosts)
  const bad = Object.values(stats).reduce((all, each) => all + each.failures + each.unreachable, 0)
  const failures = results.filter(({ how, ignored }) => (how === "failed" && ignored !== true) || how === "unreachable")
  return {
    hosts: Object.fromEntries(Object.entries(stats).map(([name, each]) => [name, statsOf(each)])),
    changed: results.filter(({ changed }) => changed),
    unasked: results.filter(({ unasked }) => unasked),
    failed: bad > 0 ? failures.at(-1) : undefined, // what a rescue caught came before
    failures: bad,
    text: textOf(events),
  }
}

/** Why it failed. @returns undefined where it did not */
export function failureOf({ failed, failures }: Told): FettleError | undefined {
  if (failures === 0) return undefined
  const more = failures > 1 ? ` (and ${failures - 1} more)` : ""
  if (failed === undefined) return new FettleError("PLAYBOOK_FAILED", `${failures} of its tasks failed`)
  const what = failed.how === "unreachable" ? "cannot be reached" : `failed at "${failed.task}"`
  const words = failed.words === "" ? "" : `: ${failed.words}`
  return new FettleError("PLAYBOOK_FAILED", `${failed.host} ${what}${words}${more}`, {
    details: { host: failed.host, task: failed.task },
  })
}

/** "2 tasks would change something on web1 and web2" */
export function changesIn({ changed }: Told): string {
  const hosts = [...new Set(changed.map(({ host }) => host))]
  const named = hosts.length <= 3 ? hosts.join(", ") : `${hosts.slice(0, 3).join(", ")} and ${hosts.length - 3} more`
  return `${changed.length} ${changed.length === 1 ? "task" : "tasks"} would change something on ${named}`
}

function statsOf({ ok, changed, failures, unreachable, skipped }: HostStats): Outputs["hosts"][string] {
  return { ok, changed, failed: failures, unreachable, skipped }
}

/** The difference of a task is told before its result. */
function textOf(events: readonly PlayEvent[]): string {
  const lines: string[] = []
  let diffs: string[] = []
  for (const each of events) {
    if (each.event === "diff") diffs.push(each.text)
    if (each.event !== "result") continue
    if (each.changed) lines.push(`${each.host}: ${each.task}`, ...diffs.flatMap(bodyOf))
    diffs = []
  }
  const more = lines.length - LINES_MAX
  return [...lines.slice(0, LINES_MAX), ...(more > 0 ? [`… ${more} more lines`] : [])].join("\n")
}

function bodyOf(diff: string): readonly string[] {
  return diff.split("\n").filter((line) => line !== "" && !/^(---|\+\+\+) /.test(line))
}
