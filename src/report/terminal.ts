import type { Subscriber } from "../events/events.ts"
import { LiveTerminal } from "./live-terminal.ts"
import { PlainTerminal } from "./plain-terminal.ts"
import type { TerminalOptions } from "./terminal-options.ts"

export interface TerminalReporter {
  readonly subscriber: Subscriber
  /** Prints a line of the caller's own without disturbing what is drawn. */
  say(text: string): void
  /** Draws nothing until the function it gives is called: somebody is asked something. */
  pause(): () => void
  /** Prints what is still held back, takes the live area away, stops the clock. Safe to call twice, and at a crash. */
  close(): void
}

/**
 * Shows a run to a person: what is planned, what is under way, how it ended, and what to look at.
 * @example
 * const reporter = terminalReporter({ write, columns: () => 80, color: true, isTTY: true, verbose: false })
 * events.subscribe(reporter.subscriber)
 */
export function terminalReporter(options: TerminalOptions): TerminalReporter {
  const terminal = options.isTTY ? new LiveTerminal(options) : new PlainTerminal(options)
  return {
    subscriber: (event) => terminal.take(event),
    say: (text) => terminal.say(text),
    pause: () => terminal.pause(),
    close: () => terminal.close(),
  }
}
