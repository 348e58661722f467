import type { ErrorFacts, FettleEvent } from "../../events/events.ts"
import type { Plan, PlannedChange } from "../../events/plan.ts"
import { Tally } from "../tally.ts"
import { KeptLog } from "./kept-log.ts"
import { ReleaseRecord } from "./release-record.ts"

type Of<T extends FettleEvent["type"]> = Extract<FettleEvent, { type: T }>

/** One turn of a node. What a release has done with is made in one and deleted in another. */
export interface Turn {
  /** When it began, in milliseconds since 1970. */
  readonly begunAt: number | undefined
  finished?: Of<"node.finished">
}

/** What became of one node in a run. */
export interface NodeRecord {
  readonly address: string
  change?: PlannedChange
  readonly turns: Turn[]
  answered?: Of<"check.finished">
  log?: KeptLog
  release?: ReleaseRecord
}

/** All that a report tells of a run, gathered from its events; logs are kept in part. */
export class RunRecord {
  readonly tally = new Tally()
  readonly nodes = new Map<string, NodeRecord>()
  readonly reads: Of<"plan.read">[] = []
  readonly notes: Of<"note">[] = []
  readonly settled: Of<"settle.done">[] = []
  started: Of<"run.started"> | undefined
  ended: Of<"run.finished"> | undefined
  plan: Plan | undefined
  /** Undefined where a run does not tell what needs what. */
  ordered: Of<"plan.ordered"> | undefined
  /** When its first and its last event were told. */
  firstAt: number | undefined
  lastAt = 0

  take(event: FettleEvent): void {
    this.tally.take(event)
    this.firstAt ??= event.at
    this.lastAt = event.at
    if (event.type === "run.started") this.started = event
    else if (event.type === "run.finished") this.ended = event
    else if (event.type === "plan.ordered") this.ordered = event
    else if (event.type === "plan.made") this.#planned(event.plan)
    else if (event.type === "plan.read") this.reads.push(event)
    else if (event.type === "settle.done") this.settled.push(event)
    else if (event.type === "note") this.notes.push(event)
    else if ("address" in event) this.#ofNode(event)
  }

  /** The error that ended the run, where one did. */
  get fatal(): ErrorFacts | undefined {
    return this.notes.findLast(({ level, error }) => level === "error" && error !== undefined)?.error
  }

  #planned(plan: Plan): void {
    // A later pass tells the same again, or more: what it says counts.
    this.plan = this.plan === undefined ? plan : { ...plan, total: Math.max(plan.total, this.plan.total) }
    for (const change of plan.changes) this.#node(change.address).change = change
  }

  #ofNode(event: Of<"node.started" | "node.log" | "node.measured" | "node.finished" | "check.finished">): void {
    const node = this.#node(event.address)
    if (event.type === "node.started") begin(node, event.at)
    else if (event.type === "node.log") {
      node.log ??= new KeptLog()
      node.log.add(event.stream, event.text)
    } else if (event.type === "node.measured") {
      node.release ??= new ReleaseRecord()
      node.release.take(event.at, event.measured)
    } else if (event.type === "check.finished") node.answered = event
    else finish(node, event)
  }

  #node(address: string): NodeRecord {
    const known = this.nodes.get(address)
    if (known !== undefined) return known
    const made: NodeRecord = { address, turns: [] }
    this.nodes.set(address, made)
    return made
  }
}

/** A replace that deletes first begins twice; that is one turn. */
function begin({ turns }: NodeRecord, at: number): void {
  const last = turns.at(-1)
  if (last === undefined || last.finished !== undefined) turns.push({ begunAt: at })
}

function finish({ turns }: NodeRecord, event: Of<"node.finished">): void {
  const last = turns.at(-1)
  if (last === undefined || last.finished !== undefined) turns.push({ begunAt: undefined, finished: event })
  else last.finished = event
}

/** How the last turn of a node ended. */
export function finishOf({ turns }: NodeRecord): Of<"node.finished"> | undefined {
  return turns.at(-1)?.finished
}

/** Whether a node began and did not end. */
export function isUnderWay({ turns }: NodeRecord): boolean {
  const last = turns.at(-1)
  return last !== undefined && last.finished === undefined
}
