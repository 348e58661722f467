/** One line of a benchmark's table and of `bench/out/NAME.json`. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly ours: number
  /** The peer or the floor, measured in the same run. */
  readonly other?: number
  readonly otherName?: string
  /** What must hold, as in "ours <= 0.3" or "ratio <= 3, ours <= 250"; ratio is ours / other. */
  readonly target?: string
  /** Decides by itself where a target cannot be written like that. */
  readonly ok?: boolean
}

/** Measures one side once. A number it returns is the figure; else the wall time in milliseconds is. */
export type Measure = () => unknown

export interface Medians {
  readonly ours: number
  readonly other: number
}

/** What a benchmark is given: `export default async ({ row, interleave }: Bench) => { … }`. */
export interface Bench {
  /** Adds a row, and prints it. */
  row(row: Row): void
  /** Runs both sides `rounds` times in turn (at least 3; 5 unless one takes over 30 s), and gives the medians. */
  interleave(rounds: number, sides: { readonly ours: Measure; readonly other: Measure }): Promise<Medians>
  /** The machine's load average over one minute. */
  load(): number
  /** Words given after the name: `npm run bench -- NAME WORDS`. */
  readonly args: readonly string[]
}
