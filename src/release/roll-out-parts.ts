import type { Traffic } from "../connect/traffic.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Before, Measured } from "../verify/answer.ts"
import type { Progress } from "./progress.ts"

/** Counts of one look, with all traffic on the new version. */
export interface Tick {
  readonly atMs: number
  readonly requests: number
  readonly bad: number
}

/** What the checks of a release say together. */
export interface Checked {
  readonly verdict: "yes" | "no" | "inconclusive"
  readonly evidence: string
  /** What each of them measured. */
  readonly measured: Readonly<Record<string, Measured>>
}

/** What the counts of a release say so far. */
export interface Judged {
  readonly decision: "rollback" | "promote" | "undecided"
  readonly sentence: string
}

/** How counts are taken and judged while a release goes on. */
export interface Judging {
  /** False where nothing is counted: then the checks decide alone. */
  readonly counts: boolean
  /** @throws FettleError `PROPS_INVALID` where something that is to be counted never can be */
  begin(signal: AbortSignal): Promise<void>
  /** True where requests of our own can judge a version before it has traffic. */
  readonly probes: boolean
  /** Share of bad requests of the version before it so far: the largest of all that is counted. */
  usual(): number
  /** Judges a version that has all traffic, and nothing beside it. */
  alone(signal: AbortSignal): Promise<Judged>
  /** Takes the counts since the last look. */
  look(step: number, signal: AbortSignal): Promise<Judged>
  save(): unknown
}

/** A watch, and what one that was cut off has left of it. */
export interface Watching {
  readonly promotedMs: number
  /** Share of bad requests of the version before it, as far as it was counted. */
  readonly usual: number
  readonly ticks: readonly Tick[]
  /** Writes down what was counted so far. */
  save(ticks: readonly Tick[]): Promise<void>
  /** Why the version is dead; undefined where it is not. */
  dead(): Promise<string | undefined>
}

/** What a roll-out works with. */
export interface RollOutParts {
  readonly want: ReleaseProps
  readonly before: ReleaseOutputs | undefined
  /** What a run that was cut off, or waits, has left of this very release. */
  readonly progress: Progress | undefined
  readonly traffic: Traffic | undefined
  readonly judging: Judging
  /** Watches with all traffic on the new version: why it is to go back, or undefined at the end of its time. */
  watch(watching: Watching, signal: AbortSignal): Promise<string | undefined>
  /** Puts its questions. `before` is of each by its name: when the release began, and what was measured before any traffic. */
  ask(before: (name: string) => Before, signal: AbortSignal): Promise<Checked>
  /** By the name of its check: the end of a log as it is, where a check looks at it from here on. Kept with the progress. */
  readonly logs?: Progress["logs"]
  hook(commands: readonly (readonly string[])[], signal: AbortSignal): Promise<void>
  tell(text: string): void
  /** Writes down how far it has come, before it goes on. */
  save(progress: Progress): Promise<void>
  now(): number
  readonly signal: AbortSignal
  /** Aborted where the run is to end in order: the release stays where it stands, and goes on with the next run. */
  readonly stopping?: AbortSignal | undefined
}

/** A duration of the props in milliseconds. */
export function ms(duration: number | string): number {
  return durationMs(duration as Duration)
}
