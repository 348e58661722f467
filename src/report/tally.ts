import type { FettleEvent } from "../events/events.ts"
import type { PlannedChange } from "../events/plan.ts"
import { sameError } from "./error-lines.ts"
import { HostTally } from "./host-tally.ts"
import type { Answered, Finished, Verdict } from "./outcome-lines.ts"

/** Most failures and verdicts kept for the summary; the others are counted. */
const KEPT_MAX = 5

/** The first node that failed with an error, and how many others did with the same. */
export interface Failure {
  readonly first: Finished
  others: number
}

/** What of a run its summary needs. Memory grows with its checks and its different errors only. */
export class Tally {
  /** The first few different errors of nodes that failed of themselves. */
  readonly failures = new Map<string, Failure>()
  /** How many failed of themselves, kept or not, and for how many of these nobody knows. */
  failed = 0
  maybe = 0
  /** How many were left alone, by the address that they wait for; empty where that is not known. */
  readonly waiting = new Map<string, number>()
  /** Entries of the first plan that could not be changed. */
  blocked = 0
  applied = false
  /** Releases: what they say is told as it comes, for they take long and each line is a turn. */
  readonly releases = new Set<string>()
  readonly hosts = new HostTally()
  /** Checks by address, as they were answered last. */
  readonly #answers = new Map<string, Verdict>()
  readonly #doubts = new Map<string, Answered>()
  /** The address where each error was told first. */
  readonly #told = new Map<string, string>()

  take(event: FettleEvent): void {
    this.hosts.take(event)
    if (event.type === "check.finished") this.#answer(event)
    else if (event.type === "node.finished") this.#finish(event)
    else if (event.type === "apply.started") this.applied = true
    else if (event.type === "plan.made" && !this.applied) for (const change of event.plan.changes) this.#planned(change)
    if (event.type === "plan.made")
      for (const { type, address } of event.plan.changes) if (type === "release") this.releases.add(address)
  }

  /** Whether a release went back to the version before it. */
  get isRolledBack(): boolean {
    return [...this.failures.values()].some(({ first }) => first.error?.code === "RELEASE_ROLLED_BACK")
  }

  /** How many checks gave each answer. */
  get verdicts(): Readonly<Record<Verdict, number>> {
    const verdicts = { yes: 0, no: 0, inconclusive: 0 }
    for (const verdict of this.#answers.values()) verdicts[verdict] += 1
    return verdicts
  }

  /** Checks that did not say yes, the first few. */
  get doubts(): readonly Answered[] {
    return [...this.#doubts.values()]
  }

  /** The address where the error of a node was told before; remembers it where it was not. */
  toldAt({ address, error }: Finished): string | undefined {
    if (error === undefined) return undefined
    const key = sameError(error)
    const before = this.#told.get(key)
    if (before === undefined) this.#told.set(key, address)
    return before
  }

  hasAnswered(address: string): boolean {
    return this.#answers.has(address)
  }

  #planned({ action, error, address }: PlannedChange): void {
    if (action !== "blocked") return
    this.blocked += 1
    if (error !== undefined && !this.#told.has(sameError(error))) this.#told.set(sameError(error), address)
  }

  #answer(event: Answered): void {
    const { address, verdict } = event
    this.#answers.set(address, verdict)
    if (verdict === "yes") this.#doubts.delete(address)
    else if (this.#doubts.size < KEPT_MAX || this.#doubts.has(address)) this.#doubts.set(address, event)
  }

  #finish(event: Finished): void {
    const { address, outcome } = event
    const need = needOf(event)
    if (need !== undefined) this.waiting.set(need, (this.waiting.get(need) ?? 0) + 1)
    else if ((outcome === "failed" || outcome === "maybe") && !this.#answers.has(address)) {
      this.failed += 1
      if (outcome === "maybe") this.maybe += 1
      this.#keep(event)
    }
  }

  #keep(event: Finished): void {
    const key = event.error === undefined ? event.address : sameError(event.error)
    const known = this.failures.get(key)
    if (known !== undefined) known.others += 1
    else if (this.failures.size < KEPT_MAX) this.failures.set(key, { first: event, others: 0 })
  }
}

/** The address that a node waits for, where it did not fail of itself; empty where that is not said. */
export function needOf({ address, outcome, error }: Finished): string | undefined {
  if (outcome === "skipped") return /^waits for (.+)$/.exec(error?.fact ?? "")?.[1] ?? ""
  return error?.address === address ? undefined : error?.address
}
