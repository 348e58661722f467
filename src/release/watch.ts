import { sleep } from "../policies/timer.ts"
import type { ReleaseProps } from "../program/release-props.ts"
import { between, type Counted, type CountSource, readOrMissing } from "./counting.ts"
import { ms, type Tick, type Watching } from "./roll-out-parts.ts"

/**
 * Pairs of windows and burn rates for a budget of 30 days, from the workbook of Google's reliability engineers: the budget burns so many
 * times too fast over the long window, and still does over the short one. The fast ones are what somebody is woken for there; the
 * slow one is a ticket, and no reason to take a version back: windows begin with the release, and a few errors would fill it.
 */
export const BURN_WINDOWS = [
  { longMs: 3_600_000, shortMs: 300_000, rate: 14.4, takesBack: true },
  { longMs: 21_600_000, shortMs: 1_800_000, rate: 6, takesBack: true },
  { longMs: 259_200_000, shortMs: 21_600_000, rate: 1, takesBack: false },
] as const

/** So few bad requests never are an alarm: at low traffic one alone would burn the budget. */
const BAD_MIN = 3

/** How fast an error budget burns, in words. */
export interface Burning {
  readonly words: string
  readonly takesBack: boolean
}

/**
 * Whether the error budget burns too fast. A window that reaches back before the release counts what came since. Pure.
 * @param objective share of requests that must be good, such as 0.999
 * @param usual share of bad requests of the version before it: a budget that was never kept is none
 */
export function burning(ticks: readonly Tick[], nowMs: number, objective: number, usual = 0): Burning | undefined {
  const budget = Math.max(1 - objective, usual)
  for (const { longMs, shortMs, rate, takesBack } of BURN_WINDOWS) {
    const long = within(ticks, nowMs - longMs)
    const short = within(ticks, nowMs - shortMs)
    if (long.bad < BAD_MIN) continue
    const burn = (each: { requests: number; bad: number }): number =>
      each.requests === 0 ? 0 : each.bad / each.requests / budget
    if (burn(long) >= rate && burn(short) >= rate)
      return {
        words: `${long.bad} of ${long.requests} requests were bad: the error budget of ${Math.round((1 - budget) * 1e5) / 1e3} % burns ${Math.round(burn(long) * 10) / 10} times too fast, at most ${rate}`,
        takesBack,
      }
  }
  return undefined
}

function within(ticks: readonly Tick[], sinceMs: number): { readonly requests: number; readonly bad: number } {
  let requests = 0
  let bad = 0
  for (const tick of ticks) {
    if (tick.atMs < sinceMs) continue
    requests += tick.requests
    bad += tick.bad
  }
  return { requests, bad }
}

/** At most so many spans of time are remembered: what has passed is told less finely. */
const SPANS_MAX = 240
/** So often it is written down what was counted. */
const SAVE_MS = 10_000

/** The same counts in fewer spans: neighbours among the older half become one. Pure. */
export function coarser(ticks: readonly Tick[]): readonly Tick[] {
  if (ticks.length <= SPANS_MAX) return ticks
  const half = Math.floor(ticks.length / 4) * 2
  const merged: Tick[] = []
  for (let at = 0; at < half; at += 2) {
    const [one, two] = [ticks[at] as Tick, ticks[at + 1] as Tick]
    merged.push({ atMs: two.atMs, requests: one.requests + two.requests, bad: one.bad + two.bad })
  }
  return [...merged, ...ticks.slice(half)]
}

/** What a watch works with. */
export interface WatchParts extends Watching {
  readonly want: ReleaseProps
  /** Undefined where nothing is counted. */
  readonly source: CountSource | undefined
  now(): number
  tell(text: string): void
  /** Aborted where the run is to end in order: the watch ends, and is gone on with by the next run. */
  readonly stopping?: AbortSignal | undefined
}

/** Watches the error budget of a version that has all traffic; gives why it is to go back, or undefined at the end of its time. */
export async function watchBudget(parts: WatchParts, signal: AbortSignal): Promise<string | undefined> {
  const { want, source, promotedMs, now, tell, stopping } = parts
  if (want.watch === undefined || (source === undefined && want.traffic === undefined)) return undefined
  const untilMs = promotedMs + ms(want.watch.for)
  let ticks = parts.ticks
  let last: Counted | undefined
  let [savedMs, isSlowTold] = [now(), false]
  tell(`watches ${want.version} with all traffic for ${String(want.watch.for)}`)
  for (;;) {
    const candidate = source === undefined ? NOBODY : (await readOrMissing(source, signal)).candidate
    const came = between(last, candidate)
    if (!("missing" in candidate)) last = candidate
    if (!("missing" in came)) ticks = coarser([...ticks, { atMs: now(), ...came }])
    const burns = burning(ticks, now(), want.watch.objective, parts.usual)
    const because = (await parts.dead()) ?? (burns?.takesBack === true ? burns.words : undefined)
    if (because !== undefined) return `Rolled back with all traffic on ${want.version}: ${because}`
    if (burns !== undefined && !isSlowTold) tell(`no reason to go back, but worth a look: ${burns.words}`)
    isSlowTold ||= burns !== undefined
    const isOver = now() >= untilMs || stopping?.aborted === true
    if (isOver || now() - savedMs >= SAVE_MS) {
      await parts.save(ticks)
      savedMs = now()
    }
    if (isOver) return undefined
    await sleep(Math.max(0, Math.min(ms(want.every), untilMs - now())), signal, stopping)
  }
}

const NOBODY: Counted = { missing: "nobody counts" }
