import type { FettleEvent } from "../events/events.ts"
import { LogTail } from "./log-tail.ts"

/** Lines kept of the log of a node that is under way: what is shown when it fails. */
const TAIL_LINES = 20

/** What a run is doing. */
export type Phase = "idle" | "planning" | "settling" | "applying"

/** A node that is under way. */
export interface Running {
  readonly action: string
  readonly startedAt: number
  readonly tail: LogTail
}

/** Where a run stands: all that the live area shows. Memory grows with what is under way, not with the run. */
export class Progress {
  phase: Phase = "idle"
  /** Since when the phase has been going on, in milliseconds since 1970. */
  since = 0
  /** When the wait of a settling run ends. */
  until = 0
  /** Nodes of the program that is being planned. */
  nodes = 0
  reads = 0
  total = 0
  done = 0
  failed = 0
  /** By address, longest-running first. */
  readonly running = new Map<string, Running>()
  /** The log of the node that finished last, for the lines that tell of it. */
  finished: readonly string[] = []

  take(event: FettleEvent): void {
    if (event.type === "node.started") this.#start(event.address, event.action, event.at)
    else if (event.type === "node.log") this.running.get(event.address)?.tail.add(event.text)
    else if (event.type === "node.finished")
      this.#finish(event.address, event.outcome === "failed" || event.outcome === "maybe")
    else if (event.type === "plan.read") this.reads += 1
    else this.#turn(event)
  }

  /** Events that begin or end a phase. */
  #turn(event: FettleEvent): void {
    if (event.type === "plan.started") {
      this.#enter("planning", event.at)
      this.nodes = event.nodes
      this.reads = 0
    } else if (event.type === "settle.started") {
      this.#enter("settling", event.at)
      this.until = event.at + event.waitMs
    } else if (event.type === "apply.started") {
      this.#enter("applying", event.at)
      this.total = event.total
      this.done = 0
    } else if (event.type === "plan.made" || event.type === "run.finished") this.#enter("idle", event.at)
  }

  #enter(phase: Phase, at: number): void {
    this.phase = phase
    this.since = at
  }

  #start(address: string, action: string, at: number): void {
    // A replace that deletes first starts twice; it has been under way since the first.
    const before = this.running.get(address)
    this.running.set(address, {
      action,
      startedAt: before?.startedAt ?? at,
      tail: before?.tail ?? new LogTail(TAIL_LINES),
    })
  }

  #finish(address: string, isBad: boolean): void {
    this.finished = this.running.get(address)?.tail.lines ?? []
    this.running.delete(address)
    this.done += 1
    if (isBad) this.failed += 1
    // What is left of a replaced thing is deleted by a turn of its own, which the plan did not count.
    this.total = Math.max(this.total, this.done + this.running.size)
  }
}
