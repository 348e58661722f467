import { FettleError } from "../errors.ts"
import type { NodeOutcome } from "../events/events.ts"
import type { FleetDeclaration } from "../program/fleet-declaration.ts"
import type { Step } from "./steps.ts"

/** One host of a fleet: all that lies below its name. */
interface Unit {
  readonly roll: Roll
  /** Steps that have not ended. */
  left: number
  active: boolean
}

interface Roll {
  readonly fleet: FleetDeclaration
  readonly units: Map<string, Unit>
  readonly failed: Set<Unit>
  active: number
}

/**
 * Keeps the number of hosts of a fleet that are under change at once. A host takes a place with the first of its steps and gives it
 * back with the last, checks included. Where too many have failed, no other begins.
 */
export class Rolls {
  readonly #rolls: ReadonlyMap<string, Roll>

  constructor(fleets: Iterable<FleetDeclaration>, steps: readonly Step[]) {
    const isLimited = ({ serial, maxUnavailable }: FleetDeclaration): boolean =>
      Number.isFinite(serial) || Number.isFinite(maxUnavailable)
    this.#rolls = new Map(
      [...fleets]
        .filter(isLimited)
        .map((fleet) => [fleet.path, { fleet, units: new Map(), failed: new Set<Unit>(), active: 0 }]),
    )
    for (const step of steps) this.add(step)
  }

  get isEmpty(): boolean {
    return this.#rolls.size === 0
  }

  /** A step that is known only now. */
  add(step: Step): void {
    for (const unit of this.#unitsOf(step)) unit.left += 1
  }

  /** Whether a step may begin now; its hosts then have their places. */
  admits(step: Step, force = false): boolean {
    if (this.isEmpty) return true
    const units = this.#unitsOf(step)
    const missing = units.filter((unit) => !unit.active)
    if (missing.some(({ roll }) => isStopped(roll))) return false
    if (!force && missing.some(({ roll }) => roll.active >= roll.fleet.serial)) return false
    for (const unit of missing) {
      unit.active = true
      unit.roll.active += 1
    }
    return true
  }

  /** Takes from a queue at most so many steps that may begin now. */
  take(queue: Step[], room: number): readonly Step[] {
    if (this.isEmpty) return queue.splice(0, room)
    const batch: Step[] = []
    const rest: Step[] = []
    for (const step of queue) (batch.length < room && this.admits(step) ? batch : rest).push(step)
    queue.length = 0
    for (const step of rest) queue.push(step)
    return batch
  }

  /**
   * Where nothing is under way any more: "refused" where some of these are not to begin at all; else one of the hosts that have a
   * place waits for one that has none, and that one gets one.
   */
  unlock(waiting: readonly Step[]): "refused" | "begun" | undefined {
    const [first] = waiting
    if (first === undefined || this.isEmpty) return undefined
    if (waiting.some((step) => this.refused(step) !== undefined)) return "refused"
    return this.admits(first, true) ? "begun" : undefined
  }

  /** Why a step is not begun at all: too many hosts of its fleet failed before its own began. */
  refused(step: Step): FettleError | undefined {
    if (this.isEmpty) return undefined
    const unit = this.#unitsOf(step).find((each) => !each.active && isStopped(each.roll))
    if (unit === undefined) return undefined
    const { fleet, failed } = unit.roll
    return new FettleError(
      "ROLL_STOPPED",
      `${failed.size} of ${fleet.members.size} hosts of ${fleet.path} failed, ${fleet.maxUnavailable} may: this one was not begun`,
    )
  }

  ended(step: Step, outcome: NodeOutcome): void {
    for (const unit of this.#unitsOf(step)) {
      unit.left -= 1
      if (outcome === "failed" || outcome === "maybe") unit.roll.failed.add(unit)
      if (unit.left > 0 || !unit.active) continue
      unit.active = false
      unit.roll.active -= 1
    }
  }

  /** A fleet may lie in another: a step then belongs to a host of each. */
  #unitsOf({ work: { address } }: Step): readonly Unit[] {
    if (this.isEmpty) return []
    const parts = address.slice(0, address.indexOf("[")).split("/")
    const units: Unit[] = []
    for (let at = 1; at < parts.length - 1; at += 1) {
      const roll = this.#rolls.get(parts.slice(0, at).join("/"))
      const name = parts[at] as string
      if (roll === undefined) continue
      const known = roll.units.get(name)
      if (known === undefined) {
        const unit: Unit = { roll, left: 0, active: false }
        roll.units.set(name, unit)
        units.push(unit)
      } else units.push(known)
    }
    return units
  }
}

function isStopped({ failed, fleet }: Roll): boolean {
  return failed.size > fleet.maxUnavailable
}
