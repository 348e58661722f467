import type { Trial } from "./trial.ts"

/** One thing that a kind must keep. */
export interface Rule {
  /** What holds, as a sentence. */
  readonly name: string
  /** Looks whether it holds. Gives what was seen; throws `Broken` where it does not hold, `NotAsked` where it does not apply. */
  look(trial: Trial): Promise<string>
}
