import type { FettleEvent } from "../events/events.ts"
import { cutOffLines, liveLines } from "./live-lines.ts"
import { type Look, Page } from "./page.ts"
import { Progress } from "./progress.ts"
import { Screen } from "./screen.ts"
import { Story } from "./story.ts"
import type { TerminalOptions } from "./terminal-options.ts"

/** Shortest time between two drawings: faster than this nobody reads. */
const DRAW_MS = 100
/** How often the elapsed times are looked at while nothing happens. */
const TICK_MS = 250
/** Lines that may wait for the next drawing: a flood of log is written through. */
const WAITING_MAX = 2_000
/** Skipped nodes told one by one. */
const SKIPPED_MAX = 5

/** A terminal that can be drawn on: finished lines scroll, the area below shows what is under way. */
export class LiveTerminal {
  readonly #options: TerminalOptions
  readonly #now: () => number
  readonly #progress = new Progress()
  readonly #screen: Screen
  readonly #story: Story
  #waiting: string[] = []
  #drawnAt = 0
  #soon: NodeJS.Timeout | undefined
  #ticking: NodeJS.Timeout | undefined
  #pauses = 0
  #closed = false

  constructor(options: TerminalOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#screen = new Screen(options.write, options.columns)
    this.#story = new Story(() => this.#look(), {
      verbose: options.verbose,
      root: options.root,
      skippedMax: options.verbose ? Number.POSITIVE_INFINITY : SKIPPED_MAX,
    })
  }

  take(event: FettleEvent): void {
    if (this.#closed) return
    this.#progress.take(event)
    for (const line of this.#story.tell(event, this.#progress.finished)) this.#waiting.push(line)
    if (this.#pauses > 0) return
    if (this.#progress.phase === "idle") {
      // Somebody may be asked something now: nothing may be drawn over it.
      this.#stopTimers()
      this.#draw()
    } else {
      this.#ticking ??= setInterval(() => this.#drawSoon(), TICK_MS).unref()
      this.#drawSoon()
    }
  }

  say(text: string): void {
    const page = new Page(this.#look())
    page.add([text])
    this.#waiting.push(...page.lines)
    this.#draw()
  }

  pause(): () => void {
    this.#pauses += 1
    this.#stopTimers()
    this.#draw()
    return () => {
      this.#pauses -= 1
      if (this.#pauses > 0 || this.#closed) return
      if (this.#progress.phase !== "idle") this.#ticking ??= setInterval(() => this.#drawSoon(), TICK_MS).unref()
      this.#draw()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopTimers()
    this.#screen.draw([...this.#waiting, ...cutOffLines(this.#progress, this.#look())], [])
    this.#waiting = []
  }

  #look(): Look {
    return { color: this.#options.color, columns: this.#options.columns() }
  }

  #drawSoon(): void {
    if (this.#waiting.length > WAITING_MAX) {
      this.#screen.draw(this.#waiting, [])
      this.#waiting = []
    }
    const wait = this.#drawnAt + DRAW_MS - this.#now()
    if (wait <= 0) this.#draw()
    else this.#soon ??= setTimeout(() => this.#draw(), wait).unref()
  }

  #draw(): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
    this.#drawnAt = this.#now()
    const live = (): readonly string[] =>
      liveLines(this.#progress, this.#drawnAt, this.#look(), this.#options.rows?.() ?? 0)
    this.#screen.draw(this.#waiting, this.#pauses > 0 ? [] : live())
    this.#waiting = []
  }

  #stopTimers(): void {
    clearTimeout(this.#soon)
    clearInterval(this.#ticking)
    this.#soon = undefined
    this.#ticking = undefined
  }
}
