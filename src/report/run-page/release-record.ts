/** What one version has had of one metric until a look. */
interface Counts {
  readonly requests: number
  readonly bad: number
}

/** One look of a release at its counts, as far as it was told in a shape that is known. */
export interface Look {
  readonly at: number
  readonly step: number
  readonly decision: string
  readonly sentence: string
  readonly evidence: number | undefined
  readonly rollbackAt: number | undefined
  readonly promoteAt: number | undefined
  readonly metrics: readonly {
    readonly name: string
    readonly candidate: Counts
    readonly baseline: Counts
    readonly promoteEvidence: number | undefined
  }[]
}

/** Most looks that are kept: a curve of more is no finer on a screen. */
const LOOKS_MAX = 400

/** The looks of one release. Where there are too many every second one goes, but never the last. */
export class ReleaseRecord {
  #looks: Look[] = []
  #last: Look | undefined
  #every = 1
  #seen = 0

  take(at: number, measured: unknown): void {
    const look = lookIn(at, measured)
    if (look === undefined) return
    this.#last = look
    if (this.#seen++ % this.#every === 0) this.#looks.push(look)
    if (this.#looks.length <= LOOKS_MAX) return
    this.#looks = this.#looks.filter((_look, index) => index % 2 === 0)
    this.#every *= 2
  }

  get looks(): readonly Look[] {
    const last = this.#last
    return last === undefined || this.#looks.at(-1) === last ? this.#looks : [...this.#looks, last]
  }
}

/** A kind may tell anything as measured: what is no look is left out. */
function lookIn(at: number, measured: unknown): Look | undefined {
  const { step, decision, sentence, metrics, rollbackEvidence, rollbackAt, promoteAt } = fieldsOf(measured)
  if (typeof decision !== "string" || !Array.isArray(metrics)) return undefined
  return {
    at,
    step: numberIn(step) ?? 0,
    decision,
    sentence: typeof sentence === "string" ? sentence : "",
    evidence: numberIn(rollbackEvidence),
    rollbackAt: numberIn(rollbackAt),
    promoteAt: numberIn(promoteAt),
    metrics: metrics.flatMap((each) => {
      const { name, candidate, baseline, promoteEvidence } = fieldsOf(each)
      const sides = [countsIn(candidate), countsIn(baseline)] as const
      if (typeof name !== "string" || sides[0] === undefined || sides[1] === undefined) return []
      return [{ name, candidate: sides[0], baseline: sides[1], promoteEvidence: numberIn(promoteEvidence) }]
    }),
  }
}

function countsIn(value: unknown): Counts | undefined {
  const { requests, bad } = fieldsOf(value)
  const [all, wrong] = [numberIn(requests), numberIn(bad)]
  return all === undefined || wrong === undefined ? undefined : { requests: all, bad: wrong }
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
}
