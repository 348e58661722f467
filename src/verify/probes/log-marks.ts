import { causeText } from "../../errors.ts"
import type { LogSince } from "../../program/log-probes.ts"
import { isPlain } from "../../program/output.ts"
import { probeSchemas } from "../../program/probe-settings.ts"
import type { Json } from "../../provider.ts"
import { shown } from "../expectation.ts"
import type { Standpoint } from "../where.ts"
import { placeOf } from "./log.ts"
import { soughtIn } from "./log-place.ts"

/** Whether a probe looks at a log from the beginning of its release. */
export function isSinceRelease(probe: unknown): boolean {
  return isPlain(probe) && probe.probe === "log" && probe.since === "release"
}

/** Longest time that the end of a log may take to be found, in milliseconds. */
const LIMIT_MS = 60_000

/**
 * The end of the log that a probe looks at, as it is now. Where it cannot be found that is the mark: the check then says so, and is neither yes
 * nor no.
 */
export async function markFor(
  probe: unknown,
  standpoint: () => Promise<Standpoint>,
  call: { readonly signal: AbortSignal; hide(text: string): string },
): Promise<Json> {
  const untaken = (because: string): Json => ({ untaken: `no mark was taken when the release began: ${because}` })
  try {
    const settings = probeSchemas.log.parse(probe)
    const { where, tools } = await standpoint()
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(LIMIT_MS)])
    const question = {
      ...{ signal, limitMs: LIMIT_MS, tools, where, memory: new Map<string, unknown>() },
      hide: call.hide,
      show: (value: unknown) => shown(value, call.hide),
      at: () => {},
      waits: () => {},
      goesOn: () => {},
    }
    const place = await placeOf(settings, soughtIn(settings), question)
    if ("verdict" in place) return untaken(place.evidence)
    const mark = await place.mark()
    return typeof mark === "object" && "verdict" in mark
      ? untaken(mark.evidence)
      : (mark as Exclude<LogSince, undefined> as Json)
  } catch (error) {
    if (call.signal.aborted) throw error
    return untaken(call.hide(causeText(error)))
  }
}
