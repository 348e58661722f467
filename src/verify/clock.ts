import { startTimer } from "../policies/timer.ts"
import type { Answer, Asker } from "./answer.ts"

/** The time of one question: it counts only while the target is asked, not while we wait for something of our own. */
export class Clock {
  readonly #limitMs: number
  readonly #late: Asker<unknown>["late"]
  readonly #ended = Promise.withResolvers<Answer>()
  #leftMs: number
  #since: number
  #stage = ""
  #isOurs = false
  #isWaiting = false
  #stop: () => void

  constructor(limitMs: number, late: Asker<unknown>["late"]) {
    this.#limitMs = limitMs
    this.#late = late
    this.#leftMs = limitMs
    this.#since = performance.now()
    this.#stop = this.#start(limitMs)
  }

  /** The answer where the time runs out. */
  get late(): Promise<Answer> {
    return this.#ended.promise
  }

  at(words: string): void {
    this.#stage = words
  }

  waits(words: string): void {
    this.#stop()
    if (!this.#isWaiting) this.#leftMs -= performance.now() - this.#since
    this.#isWaiting = true
    this.#isOurs = true
    this.#stage = words
    this.#stop = this.#start(this.#limitMs)
  }

  goesOn(ours?: string): void {
    this.#stop()
    this.#isWaiting = false
    this.#isOurs = ours !== undefined
    this.#stage = ours ?? ""
    this.#since = performance.now()
    this.#stop = this.#start(Math.max(1, this.#leftMs))
  }

  stop(): void {
    this.#stop()
  }

  #start(ms: number): () => void {
    return startTimer(ms, () =>
      this.#ended.resolve({
        verdict: this.#isOurs ? "inconclusive" : this.#late,
        evidence: `no answer within ${this.#limitMs} ms${this.#stage === "" ? "" : ` (${this.#stage})`}`,
      }),
    )
  }
}
