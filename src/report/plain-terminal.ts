import type { FettleEvent } from "../events/events.ts"
import { count, seconds, several } from "./amounts.ts"
import { cutOffLines } from "./live-lines.ts"
import { type Look, Page } from "./page.ts"
import { Progress } from "./progress.ts"
import { Story } from "./story.ts"
import type { TerminalOptions } from "./terminal-options.ts"

/** Time between two lines that say how far a run is, for logs that somebody watches. */
const PROGRESS_MS = 10_000

/** Output that only grows: a file, a pipe, the log of a CI job. One line for each node that ended. */
export class PlainTerminal {
  readonly #options: TerminalOptions
  readonly #now: () => number
  readonly #progress = new Progress()
  readonly #story: Story
  #timer: NodeJS.Timeout | undefined
  /** Lines that wait while somebody is asked something. */
  readonly #waiting: string[] = []
  #pauses = 0
  #closed = false

  constructor(options: TerminalOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#story = new Story(() => this.#look(), {
      verbose: options.verbose,
      root: options.root,
      skippedMax: Number.POSITIVE_INFINITY,
    })
  }

  take(event: FettleEvent): void {
    if (this.#closed) return
    this.#progress.take(event)
    this.#later(this.#story.tell(event, this.#progress.finished))
    if (this.#progress.phase === "idle") this.#stop()
    else
      this.#timer ??= setInterval(
        () => this.#pauses === 0 && this.#write(progressLines(this.#progress, this.#now(), this.#look())),
        PROGRESS_MS,
      ).unref()
  }

  say(text: string): void {
    const page = new Page(this.#look())
    page.add([text])
    this.#write(page.lines)
  }

  pause(): () => void {
    this.#pauses += 1
    return () => {
      this.#pauses -= 1
      if (this.#pauses === 0) this.#write(this.#waiting.splice(0))
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stop()
    this.#write([...this.#waiting.splice(0), ...cutOffLines(this.#progress, this.#look())])
  }

  #look(): Look {
    return { color: this.#options.color, columns: this.#options.columns() }
  }

  #later(lines: readonly string[]): void {
    if (this.#pauses > 0) this.#waiting.push(...lines)
    else this.#write(lines)
  }

  #write(lines: readonly string[]): void {
    if (lines.length > 0) this.#options.write(`${lines.join("\n")}\n`)
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** One line that says how far the run is. */
function progressLines(progress: Progress, now: number, look: Look): readonly string[] {
  const page = new Page(look)
  const elapsed = seconds(now - progress.since)
  if (progress.phase === "planning")
    page.add([["dim", `  … planning ${several(progress.nodes, "node")} · ${elapsed}`]], 4)
  if (progress.phase === "settling" && progress.until > now)
    page.add([["dim", `  … waiting, ${seconds(progress.until - now + 999)} left`]], 4)
  if (progress.phase === "applying") {
    const [longest] = progress.running
    const named = longest === undefined ? "" : ` · longest: ${longest[0]} ${seconds(now - longest[1].startedAt)}`
    page.add(
      [
        [
          "dim",
          `  … ${count(progress.done)} of ${count(progress.total)} done, ${count(progress.running.size)} under way · ${elapsed}${named}`,
        ],
      ],
      4,
    )
  }
  return page.lines
}
