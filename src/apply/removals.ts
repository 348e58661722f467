import { decideLeaving } from "../plan/decide.ts"
import type { Engine } from "../plan/engine.ts"
import { Heirs } from "../plan/twins.ts"
import type { Work } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Row } from "../state/store.ts"
import { deposedStep, link, type Step } from "./steps.ts"

/** The steps of a run that remove something, in their order among each other. */
export class Removals {
  readonly #works: ReadonlyMap<Address, Work>
  /** Made when the first thing has been replaced: most runs replace nothing. */
  #heirs: Heirs | undefined
  /** By the address that what they remove is recorded under. */
  readonly #steps = new Map<string, Step[]>()
  readonly #engine: Engine

  constructor(works: ReadonlyMap<Address, Work>, steps: readonly Step[], engine: Engine) {
    this.#engine = engine
    this.#works = works
    for (const step of steps) if (step.kind !== "node" && step.work.row !== undefined) this.#note(step, step.work.row)
  }

  /** Notes nodes whose ids may be others by now. */
  moved(steps: readonly Step[]): void {
    this.#heirs?.add(steps.map(({ work }) => work))
  }

  /**
   * The step that deletes the old one of a replaced thing: once everything that used it has moved on, and what that left behind is gone.
   * The old server of a proxy is drained before the container behind it is stopped. What is another node's by now is only forgotten.
   */
  ofReplaced(step: Step, old: Row): Step {
    const later = deposedStep(step, old)
    const { work } = later
    this.#heirs ??= new Heirs(this.#works.values())
    work.heir = this.#heirs.of(work)
    if (work.heir !== undefined) work.planned = decideLeaving(work, this.#engine)
    for (const follower of step.followers) if (follower.kind === "node") link(follower, later)
    link(step, later)
    for (const need of old.needs)
      for (const removal of this.#steps.get(need) ?? []) if (removal.waits > 0) link(later, removal) // others have begun
    this.#note(later, old)
    return later
  }

  #note(step: Step, { address }: Row): void {
    const known = this.#steps.get(address)
    if (known === undefined) this.#steps.set(address, [step])
    else known.push(step)
  }
}
