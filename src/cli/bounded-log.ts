import type { FettleEvent } from "../events/events.ts"

/** What is kept of the beginning and of the end of one node's log in one run, in characters: enough to see why, and no disk is filled. */
const KEPT = { head: 8 << 20, tail: 1 << 20 }

type LogEvent = Extract<FettleEvent, { type: "node.log" }>

interface NodeLog {
  written: number
  /** The last lines, not written yet. */
  tail: string[]
  tailSize: number
  left: number
  last: LogEvent
}

/** The lines of a run's log, with the middle of what one node wrote left out where that is more than fits. */
export class BoundedLog {
  readonly #nodes = new Map<string, NodeLog>()
  readonly #kept: typeof KEPT

  constructor(kept: typeof KEPT = KEPT) {
    this.#kept = kept
  }

  /** The text to write for an event, which may be nothing yet. */
  take(event: FettleEvent): string {
    const line = `${JSON.stringify(event)}\n`
    if (event.type === "node.log") return this.#add(event, line)
    if (event.type === "node.finished") return this.#endOf(event.address) + line
    return event.type === "run.finished" ? this.rest() + line : line
  }

  /** What is still held back. */
  rest(): string {
    return [...this.#nodes.keys()].map((address) => this.#endOf(address)).join("")
  }

  #add(event: LogEvent, line: string): string {
    const node = this.#nodes.get(event.address) ?? { written: 0, tail: [], tailSize: 0, left: 0, last: event }
    this.#nodes.set(event.address, node)
    node.last = event
    if (node.written + line.length <= this.#kept.head && node.tail.length === 0) {
      node.written += line.length
      return line
    }
    node.tail.push(line)
    node.tailSize += line.length
    if (node.tailSize > 2 * this.#kept.tail) this.#shorten(node)
    return ""
  }

  /** Drops what is too much of the tail; not at every line, so that a line costs no more than itself. */
  #shorten(node: NodeLog): void {
    let at = 0
    for (; node.tailSize > this.#kept.tail && at < node.tail.length; at += 1) {
      const size = node.tail[at]?.length ?? 0
      node.tailSize -= size
      node.left += size
    }
    node.tail = node.tail.slice(at)
  }

  #endOf(address: string): string {
    const node = this.#nodes.get(address)
    if (node === undefined) return ""
    this.#nodes.delete(address)
    if (node.tail.length === 0) return ""
    this.#shorten(node)
    const told = { ...node.last, stream: "fettle" as const, text: `… ${node.left} characters are left out here` }
    return (node.left === 0 ? "" : `${JSON.stringify(told)}\n`) + node.tail.join("")
  }
}
