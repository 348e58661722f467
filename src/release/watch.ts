import { sleep } from "../policies/timer.ts"
import type { ReleaseProps } from "../program/release-props.ts"
import { between, type Counted, type CountSource, readOrMissing } from "./counting.ts"
import { ms } from "./roll-out.ts"

/** What one look at the counters has brought. */
export interface Tick {
  readonly atMs: number
  readonly requests: number
  readonly bad: number
}

/**
 * Pairs of windows and burn rates for a budget of 30 days, from the workbook of Google's reliability engineers: the budget burns so many
 * times too fast over the long window, and still does over the short one.
 */
export const BURN_WINDOWS = [
  { longMs: 3_600_000, shortMs: 300_000, rate: 14.4 },
  { longMs: 21_600_000, shortMs: 1_800_000, rate: 6 },
  { longMs: 259_200_000, shortMs: 21_600_000, rate: 1 },
] as const

/** So few bad requests never are an alarm: at low traffic one alone would burn the budget. */
const BAD_MIN = 3

/**
 * Whether the error budget burns too fast. A window that reaches back before the release counts what came since. Pure.
 * @param objective share of requests that must be good, such as 0.999
 */
export function burning(ticks: readonly Tick[], nowMs: number, objective: number): string | undefined {
  for (const { longMs, shortMs, rate } of BURN_WINDOWS) {
    const long = within(ticks, nowMs - longMs)
    const short = within(ticks, nowMs - shortMs)
    if (long.bad < BAD_MIN) continue
    const burn = (each: { requests: number; bad: number }): number =>
      each.requests === 0 ? 0 : each.bad / each.requests / (1 - objective)
    if (burn(long) >= rate && burn(short) >= rate)
      return `${long.bad} of ${long.requests} requests were bad: the error budget of ${objective * 100} % burns ${Math.round(burn(long) * 10) / 10} times too fast, at most ${rate}`
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

/** What a watch works with. */
export interface WatchParts {
  readonly want: ReleaseProps
  /** Undefined where nothing is counted. */
  readonly source: CountSource | undefined
  readonly promotedMs: number
  now(): number
  tell(text: string): void
  /** Aborted where the run is to end in order: the watch ends, and is gone on with by the next run. */
  readonly stopping?: AbortSignal | undefined
}

/** Watches the error budget of a version that has all traffic; gives why it is to go back, or undefined at the end of its time. */
export async function watchBudget(
  { want, source, promotedMs, now, tell, stopping }: WatchParts,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (want.watch === undefined || source === undefined) return undefined
  const untilMs = promotedMs + ms(want.watch.for)
  const ticks: Tick[] = []
  let last: Counted | undefined
  tell(`watches ${want.version} with all traffic for ${String(want.watch.for)}`)
  for (;;) {
    const { candidate } = await readOrMissing(source, signal)
    const came = between(last, candidate)
    if (!("missing" in candidate)) last = candidate
    if (!("missing" in came)) ticks.push({ atMs: now(), ...came })
    const because = burning(ticks, now(), want.watch.objective)
    if (because !== undefined) return `Rolled back with all traffic on ${want.version}: ${because}`
    if (now() >= untilMs || stopping?.aborted === true) return undefined
    await sleep(Math.max(0, Math.min(ms(want.every), untilMs - now())), signal, stopping)
  }
}
