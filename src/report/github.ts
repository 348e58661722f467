import { randomBytes } from "node:crypto"
import type { ErrorFacts, FettleEvent, Subscriber } from "../events/events.ts"
import { duration, several } from "./amounts.ts"
import { nextStep, shortPlace } from "./error-lines.ts"
import { escapeText } from "./escape.ts"
import { StepSummary } from "./github-summary.ts"
import { needOf, Tally } from "./tally.ts"

export interface GithubOptions {
  /** Standard output, where the runner reads commands. */
  readonly write: (text: string) => void
  /** Appends Markdown to the file that GITHUB_STEP_SUMMARY names. */
  readonly summary?: ((markdown: string) => void) | undefined
  /** The checkout: GITHUB_WORKSPACE. Places in it become annotations of their file. */
  readonly root?: string | undefined
  /** The word that ends `stop-commands`. Default: random, so that no text from outside knows it. */
  readonly token?: string | undefined
}

export interface GithubReporter {
  readonly subscriber: Subscriber
  /** Lets the runner obey commands again. Call it when nothing more is printed. */
  close(): void
}

/** Annotations of one level that GitHub shows of a step; further ones are dropped by it. */
const ANNOTATIONS_MAX = 10
/** Longest text of an annotation, in characters. */
const TEXT_MAX = 4_000

interface Annotation {
  readonly level: "error" | "warning"
  readonly title: string
  readonly text: string
  readonly place: string | undefined
}

/**
 * Annotates the program's lines with what failed and writes a summary of the step. While the run prints, the runner
 * is told to obey no commands, so that a log or a name that spells one does nothing.
 * @example const github = githubReporter({ write, summary, root }); events.subscribe(github.subscriber)
 */
export function githubReporter(options: GithubOptions): GithubReporter {
  const step = new GithubStep(options)
  return { subscriber: (event) => step.take(event), close: () => step.close() }
}

/** One step of a job: what the runner is told about a run. */
class GithubStep {
  readonly #options: GithubOptions
  readonly #token: string
  readonly #annotations = new Annotations()
  readonly #summary = new StepSummary()
  readonly #tally = new Tally()
  #stopped = false

  constructor(options: GithubOptions) {
    this.#options = options
    this.#token = options.token ?? `fettle-${randomBytes(16).toString("hex")}`
  }

  take(event: FettleEvent): void {
    this.#stop()
    this.#tally.take(event)
    this.#annotations.add(event, this.#tally)
    this.#summary.take(event, this.#tally)
    if (event.type !== "run.finished") return
    this.#annotate()
    // Others may still print what they know of the run.
    this.#stop()
    this.#options.summary?.(this.#summary.text(`${event.outcome} · ${duration(event.durationMs)}`))
  }

  close(): void {
    this.#annotate()
    this.#go()
  }

  #annotate(): void {
    const lines = this.#annotations.take().map((each) => `${commandOf(each, this.#options.root)}\n`)
    if (lines.length === 0) return
    this.#go()
    this.#options.write(lines.join(""))
  }

  #stop(): void {
    if (!this.#stopped) this.#options.write(`::stop-commands::${this.#token}\n`)
    this.#stopped = true
  }

  #go(): void {
    if (this.#stopped) this.#options.write(`::${this.#token}::\n`)
    this.#stopped = false
  }
}

/** What is to be annotated, until it is written. */
class Annotations {
  #kept: Annotation[] = []
  readonly #left = { error: 0, warning: 0 }

  add(event: FettleEvent, tally: Tally): void {
    const { runId } = event
    if (event.type === "note" && event.error !== undefined)
      this.#keep(fromError(event.error, event.error.address, runId, "error"))
    if (event.type !== "node.finished" || event.error === undefined || needOf(event) !== undefined) return
    const isDoubt = tally.hasAnswered(event.address) && event.error.code === "CHECK_INCONCLUSIVE"
    this.#keep(fromError(event.error, event.address, runId, isDoubt ? "warning" : "error"))
  }

  /** Gives what is to be written now; what is too much is one annotation that counts it. */
  take(): readonly Annotation[] {
    const result = [...this.#kept]
    for (const level of ["error", "warning"] as const)
      if (this.#left[level] > 0)
        result.push({
          level,
          title: "Fettle",
          text: `${several(this.#left[level], `more ${level}`)}: see the log and the summary of this step`,
          place: undefined,
        })
    this.#kept = []
    this.#left.error = 0
    this.#left.warning = 0
    return result
  }

  #keep(annotation: Annotation): void {
    const ofLevel = this.#kept.filter((each) => each.level === annotation.level).length
    if (ofLevel < ANNOTATIONS_MAX - 1) this.#kept.push(annotation)
    else this.#left[annotation.level] += 1
  }
}

function fromError(
  error: ErrorFacts,
  address: string | undefined,
  runId: string,
  level: Annotation["level"],
): Annotation {
  const cause = error.cause === undefined || error.fact.includes(error.cause) ? "" : `\ncause: ${error.cause}`
  const title = address === undefined ? error.code : `${address}: ${error.code}`
  return {
    level,
    title,
    text: `${error.fact}${cause}\nnext: ${nextStep(error.next, { address, runId })}`,
    place: error.place,
  }
}

function commandOf({ level, title, text, place }: Annotation, root: string | undefined): string {
  const properties = [...placeProperties(place, root), `title=${property(title)}`]
  return `::${level} ${properties.join(",")}::${message(text)}`
}

/** The file is given only where it lies in the checkout: GitHub shows no others. */
function placeProperties(place: string | undefined, root: string | undefined): readonly string[] {
  const match = /^(.+?):(\d+)(?::\d+)?$/.exec(shortPlace(place ?? "", root))
  if (match?.[1] === undefined || match[1].startsWith("/")) return []
  return [`file=${property(match[1])}`, `line=${match[2]}`]
}

function message(text: string): string {
  return escapeText(text, { keepNewlines: true, maxLength: TEXT_MAX })
    .replaceAll("%", "%25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A")
}

function property(text: string): string {
  return message(text.replaceAll("\n", " ")).replaceAll(":", "%3A").replaceAll(",", "%2C")
}
