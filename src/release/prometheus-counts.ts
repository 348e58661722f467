import { follow } from "../policies/signals.ts"
import { startTimer } from "../policies/timer.ts"
import type { ReleaseProps } from "../program/release-props.ts"
import {
  type AskingPrometheus,
  askPrometheus,
  keyOf,
  type PrometheusPlace,
  type Series,
  seriesName,
} from "../verify/probes/prometheus-ask.ts"
import type { Counted, CountSource, Sides } from "./counting.ts"
import type { VersionInstances } from "./servers.ts"

type Source = Extract<NonNullable<ReleaseProps["metrics"]>[string]["source"], { readonly from: "prometheus" }>

/** Where the counts come from: the source as the program has it, its secrets opened. */
export type PrometheusSource = PrometheusPlace & Pick<Source, "requests" | "bad">

/** What it works with. */
export interface PrometheusCountsParts extends Pick<AskingPrometheus, "hide" | "dial"> {
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  /** Of one query. Default 10,000. */
  readonly timeoutMs?: number
}

type Side = "candidate" | "baseline"
type Count = "requests" | "bad"

/** What one side has come to since this run began to count. */
interface Total {
  requests: number
  bad: number
  /** Grows where a counter began anew. */
  epoch: number
}

/** Tells the four queries apart that are asked as one. */
const LABEL = "fettle_count"
const SIDES: readonly Side[] = ["candidate", "baseline"]
const COUNTS: readonly Count[] = ["requests", "bad"]
const TIMEOUT_MS = 10_000
/** Longest time that an interval waits for both sides: two scrapes of the usual minute. */
const HOLD_MS = 120_000

/**
 * Counts of both versions, as a Prometheus server has them.
 *
 * It reads the counters themselves, and takes the difference of two looks for each series. `increase` would lose what a series counts
 * before its second sample (the first error of a version is born with a new series), would lose or count twice what lies between two
 * windows, and would give fractions; differences of counters add up to what was counted, however often it is looked. All that is
 * wanted is asked in one query: so requests and bad ones of a process are of the same scrape. A restart is seen at each series: a
 * query that adds them up hides it.
 */
export class PrometheusCounts implements CountSource {
  readonly #source: PrometheusSource
  readonly #sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances }
  readonly #hide: (text: string) => string
  readonly #dial: AskingPrometheus["dial"]
  readonly #timeoutMs: number
  readonly #now: () => number
  /** The last value of each series that is or was there. */
  readonly #known = new Map<string, number>()
  #here: ReadonlyMap<string, Series> | undefined
  readonly #totals: Readonly<Record<Side, Total>> = {
    candidate: { requests: 0, bad: 0, epoch: 0 },
    baseline: { requests: 0, bad: 0, epoch: 0 },
  }
  #given: Readonly<Record<Side, number>> | undefined
  #givenMs = 0
  /** How often counters had begun anew by then. */
  #began = 0

  constructor(
    source: PrometheusSource,
    sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances },
    { hide, dial, timeoutMs = TIMEOUT_MS, now = () => performance.now() }: PrometheusCountsParts,
  ) {
    this.#dial = dial
    this.#timeoutMs = timeoutMs
    this.#source = source
    this.#sides = sides
    this.#hide = hide
    this.#now = now
  }

  async read(signal: AbortSignal): Promise<Sides> {
    const query = wholeQuery(this.#source, this.#sides)
    const isFirst = this.#here === undefined
    const earlier = isFirst ? await this.#ask(`last_over_time((${query})[1h:30s])`, signal) : undefined
    const told = await this.#ask(query, signal)
    if ("missing" in told) return bothMissing(told)
    if (earlier !== undefined && "missing" in earlier) return bothMissing(earlier)
    for (const each of earlier?.series ?? []) this.#known.set(keyOf(each), each.value)
    return this.#taken(told.series)
  }

  /** A server that does not answer in time must not hold up the release: its deadline counts on. */
  async #ask(query: string, signal: AbortSignal): ReturnType<typeof askPrometheus> {
    const { controller, release } = follow([signal])
    const stop = startTimer(this.#timeoutMs, () => controller.abort())
    try {
      const asking = { signal: controller.signal, at: () => {}, hide: this.#hide, dial: this.#dial }
      return await askPrometheus(this.#source, query, asking)
    } catch (thrown) {
      if (signal.aborted || !controller.signal.aborted) throw thrown
      return { missing: `Prometheus did not answer within ${this.#timeoutMs / 1_000} s` }
    } finally {
      stop()
      release()
    }
  }

  #taken(series: readonly Series[]): Sides {
    const before = this.#here
    this.#here = new Map(series.map((each) => [keyOf(each), each]))
    const of = (side: Side): Counted => {
      const own = series.filter(({ labels }) => labels[LABEL]?.startsWith(side))
      const missing = this.#move(side, own, before)
      if (missing !== undefined) return { missing }
      const { requests, bad, epoch } = this.#totals[side]
      return { requests, bad, epoch: String(epoch) }
    }
    const sides = { candidate: of("candidate"), baseline: of("baseline") }
    return this.#holds(sides) ? { ...sides, held: true } : sides
  }

  /** Adds what came to each series of one side; why that tells nothing where it does not. */
  #move(side: Side, own: readonly Series[], before: ReadonlyMap<string, Series> | undefined): string | undefined {
    const { version } = this.#sides[side]
    const reasons: string[] = []
    for (const each of own) {
      const key = keyOf(each)
      const last = this.#known.get(key)
      this.#known.set(key, each.value)
      if (!(Number.isFinite(each.value) && each.value >= 0)) reasons.push(`${this.#named(each)} is ${each.value}`)
      else if (before === undefined)
        continue // where counting begins
      else if (last !== undefined && !before.has(key)) reasons.push(`${this.#named(each)} is measured again`)
      else if (last !== undefined && each.value < last) this.#totals[side].epoch += 1
      else this.#totals[side][countOf(each)] += each.value - (last ?? 0)
    }
    const gone = [...(before ?? [])].find(
      ([key, { labels }]) => labels[LABEL]?.startsWith(side) && this.#here?.has(key) === false,
    )?.[1]
    if (!own.some((each) => countOf(each) === "requests")) return `nothing is counted for ${version}`
    if (!own.some((each) => countOf(each) === "bad"))
      return `no bad requests are counted for ${version}, not even 0: where that means none, end the query with: or vector(0)`
    return gone === undefined ? reasons[0] : `${this.#named(gone)} is no longer measured`
  }

  /** Scrapes come one after the other: an interval with news of one side alone goes on until there are some of both. */
  #holds({ candidate, baseline }: Sides): boolean {
    const now = this.#now()
    const totals = { candidate: this.#totals.candidate.requests, baseline: this.#totals.baseline.requests }
    const given = this.#given
    const isWhole = !("missing" in candidate) && !("missing" in baseline)
    const isNews = given === undefined || SIDES.every((side) => totals[side] > given[side])
    const began = this.#totals.candidate.epoch + this.#totals.baseline.epoch
    const isAnew = began !== this.#began
    if (isWhole && !isNews && !isAnew && now - this.#givenMs < HOLD_MS) return true
    this.#given = totals
    this.#givenMs = now
    this.#began = began
    return false
  }

  #named(series: Series): string {
    const { [LABEL]: count = "", ...labels } = series.labels
    const name = seriesName({ ...series, labels }, { hide: this.#hide })
    return `${name} of ${count.replace("candidate", this.#sides.candidate.version).replace("baseline", this.#sides.baseline.version)}`
  }
}

function bothMissing({ missing, lasting }: { readonly missing: string; readonly lasting?: boolean }): Sides {
  return { candidate: { missing }, baseline: { missing }, ...(lasting === true ? { never: missing } : {}) }
}

function countOf({ labels }: Series): Count {
  return labels[LABEL]?.endsWith("bad") === true ? "bad" : "requests"
}

/** Both counts of both versions, as one query. */
function wholeQuery(source: PrometheusSource, sides: Readonly<Record<Side, VersionInstances>>): string {
  const parts = SIDES.flatMap((side) =>
    COUNTS.map(
      (count) => `label_replace((\n${filled(source[count], sides[side])}\n), "${LABEL}", "${side} ${count}", "", "")`,
    ),
  )
  return parts.join("\nor\n")
}

/**
 * A query for one version: `{{version}}` becomes its version, `{{instances}}` a pattern of all its addresses. Both belong between
 * double quotes.
 */
export function filled(query: string, { version, instances }: VersionInstances): string {
  const host = (address: string): string => (address.includes(":") ? `[${address}]` : address)
  const pattern = instances.map(({ address, port }) => `${literal(host(address))}:${port}`).join("|")
  return query.replaceAll("{{version}}", () => escaped(version)).replaceAll("{{instances}}", () => escaped(pattern))
}

/** No sign of an address means anything in a pattern: dots stand in brackets, so that no backslash is needed. */
function literal(address: string): string {
  return address.replace(/[.^$*+?()[\]{}|\\]/g, (sign) => (sign === "." ? "[.]" : `\\${sign}`))
}

/** As a part of a text between double quotes. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
