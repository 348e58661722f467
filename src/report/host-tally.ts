import type { FettleEvent } from "../events/events.ts"
import type { PlannedChange } from "../events/plan.ts"

/** What became of one host, the worst of all that was done there. */
type Fate = "changed" | "left" | "failed"

const WORSE: Readonly<Record<Fate, number>> = { changed: 1, left: 2, failed: 3 }

/** Which hosts were changed and which failed. Memory grows with the changes of the plan. */
export class HostTally {
  readonly #connections = new Map<string, string>()
  readonly #fates = new Map<string, Fate>()

  take(event: FettleEvent): void {
    if (event.type === "plan.made") for (const change of event.plan.changes) this.#planned(change)
    else if (event.type === "node.finished") {
      const { outcome } = event
      const fate =
        outcome === "done" ? "changed" : outcome === "skipped" ? "left" : outcome === "unchanged" ? undefined : "failed"
      const host = this.#connections.get(event.address)
      if (fate !== undefined && host !== undefined) this.#note(host, fate)
    }
  }

  /** The connection that a change goes through. */
  hostOf(address: string): string | undefined {
    return this.#connections.get(address)
  }

  /** How many hosts anything is known of. */
  get size(): number {
    return this.#fates.size
  }

  /** Names of the hosts of one fate, in the order of the plan. */
  of(fate: Fate): readonly string[] {
    return [...this.#fates].filter(([, each]) => each === fate).map(([host]) => host)
  }

  #planned({ address, connection, type }: PlannedChange): void {
    if (connection !== undefined && connection !== "" && type !== "check" && type !== "task")
      this.#connections.set(address, connection)
  }

  #note(host: string, fate: Fate): void {
    const before = this.#fates.get(host)
    if (before === undefined || WORSE[fate] > WORSE[before]) this.#fates.set(host, fate)
  }
}
