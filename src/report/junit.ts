import type { ErrorFacts, FettleEvent, Subscriber } from "../events/events.ts"
import { nextStep, shortPlace } from "./error-lines.ts"
import { escapeText } from "./escape.ts"
import { Progress } from "./progress.ts"
import { needOf } from "./tally.ts"

/** Longest text of one element, in characters. */
const TEXT_MAX = 20_000

interface Case {
  readonly address: string
  readonly ms: number
  /** The element inside, if it did not simply pass. */
  readonly bad?:
    | {
        readonly tag: "failure" | "error" | "skipped"
        readonly type: string
        readonly message: string
        readonly text: string
      }
    | undefined
  readonly output: string
}

type Finished = Extract<FettleEvent, { type: "node.finished" }>
type Answered = Extract<FettleEvent, { type: "check.finished" }>

/**
 * Writes the checks and tasks of a run as one JUnit XML file when it ends. A "no" is a failure; what could not be
 * answered is an error; what was not reached is skipped.
 * @example events.subscribe(junitReporter((xml) => writeFileSync("fettle.xml", xml)))
 */
export function junitReporter(write: (xml: string) => void, root?: string): Subscriber {
  const collected = new Cases(root)
  return (event) => {
    collected.take(event)
    if (event.type === "run.finished") write(collected.xml(event.durationMs))
  }
}

class Cases {
  readonly #root: string | undefined
  readonly #progress = new Progress()
  readonly #types = new Map<string, string>()
  /** By address, in the order in which they ended; a check that was asked twice counts as it was last. */
  readonly #cases = new Map<string, Case>()
  #suite = "fettle"
  #startedAt = 0

  constructor(root: string | undefined) {
    this.#root = root
  }

  take(event: FettleEvent): void {
    this.#progress.take(event)
    if (event.type === "run.started") {
      this.#suite = `${event.program} ${event.stage}`
      this.#startedAt = event.at
    } else if (event.type === "plan.made") {
      for (const change of event.plan.changes) this.#types.set(change.address, change.type)
    } else if (event.type === "check.finished") this.#cases.set(event.address, answered(event))
    else if (event.type === "node.finished") this.#finish(event)
  }

  xml(durationMs: number): string {
    const cases = [...this.#cases.values()]
    const amount = (tag: string): number => cases.filter((each) => each.bad?.tag === tag).length
    const counts = `tests="${cases.length}" failures="${amount("failure")}" errors="${amount("error")}" skipped="${amount("skipped")}" time="${inSeconds(durationMs)}"`
    const name = attribute(this.#suite)
    const at = new Date(this.#startedAt).toISOString()
    const body = cases.map((each) => caseXml(each, name)).join("")
    return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="fettle" ${counts}>\n  <testsuite name="${name}" timestamp="${at}" ${counts}>\n${body}  </testsuite>\n</testsuites>\n`
  }

  #finish(event: Finished): void {
    const { address, action, outcome, error, durationMs } = event
    const type = this.#types.get(address)
    const isCase = action === "check" || action === "run" || type === "check" || type === "task"
    if (!isCase || outcome === "unchanged") return
    const before = this.#cases.get(address)
    if (before !== undefined && action === "check") {
      // It was answered; what is new is where it was declared and what to do.
      if (before.bad !== undefined && error !== undefined)
        this.#cases.set(address, { ...before, bad: { ...before.bad, text: this.#remedy(event, error) } })
      return
    }
    const output = outcome === "failed" ? this.#progress.finished.join("\n") : ""
    this.#cases.set(address, { address, ms: durationMs, bad: this.#badOf(event), output })
  }

  #badOf(event: Finished): Case["bad"] {
    const { outcome, error } = event
    const need = needOf(event)
    if (outcome === "done") return undefined
    if (need !== undefined)
      return { tag: "skipped", type: "skipped", message: need === "" ? "skipped" : `waits for ${need}`, text: "" }
    const text = error === undefined ? "" : this.#remedy(event, error)
    return { tag: "failure", type: error?.code ?? outcome, message: error?.fact ?? outcome, text }
  }

  #remedy(event: Finished, { fact, place, cause, next }: ErrorFacts): string {
    const lines = [fact]
    if (cause !== undefined && !fact.includes(cause)) lines.push(`cause: ${cause}`)
    if (place !== undefined) lines.push(`declared: ${shortPlace(place, this.#root)}`)
    if (next !== "") lines.push(`next: ${nextStep(next, event)}`)
    return lines.join("\n")
  }
}

function answered({ address, verdict, evidence, durationMs }: Answered): Case {
  if (verdict === "yes") return { address, ms: durationMs, output: evidence }
  const tag = verdict === "no" ? "failure" : "error"
  const type = verdict === "no" ? "CHECK_NO" : "CHECK_INCONCLUSIVE"
  return { address, ms: durationMs, bad: { tag, type, message: evidence, text: evidence }, output: "" }
}

function caseXml({ address, ms, bad, output }: Case, suite: string): string {
  const inside = `${badXml(bad)}${output === "" ? "" : `      <system-out>${xmlText(output)}</system-out>\n`}`
  const head = `    <testcase name="${attribute(address)}" classname="${suite}" time="${inSeconds(ms)}"`
  return inside === "" ? `${head}/>\n` : `${head}>\n${inside}    </testcase>\n`
}

function badXml(bad: Case["bad"]): string {
  if (bad === undefined) return ""
  if (bad.tag === "skipped") return `      <skipped message="${attribute(bad.message)}"/>\n`
  return `      <${bad.tag} type="${attribute(bad.type)}" message="${attribute(bad.message)}">${xmlText(bad.text)}</${bad.tag}>\n`
}

function inSeconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}

/** What XML 1.0 allows at all; escaping alone does not make the rest legal. */
const NOT_XML = /[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\t": "&#9;",
}

function xmlText(text: string): string {
  const shown = escapeText(text.replaceAll("\r\n", "\n"), { keepNewlines: true, maxLength: TEXT_MAX })
  return shown
    .toWellFormed()
    .replace(NOT_XML, "\ufffd")
    .replace(/[&<>]/g, (sign) => ENTITIES[sign] ?? sign)
}

function attribute(text: string): string {
  return xmlText(text).replace(/["\n\t]/g, (sign) => ENTITIES[sign] ?? sign)
}
