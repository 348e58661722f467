import type { ReleaseProps } from "../program/release-props.ts"
import type { Json, Write } from "../provider.ts"
import { isSinceRelease, markFor } from "../verify/probes/log-marks.ts"
import type { LocalTools } from "../verify/tools.ts"
import { standpointOf } from "../verify/where.ts"

/** By the name of its check: the end of a log when the release began. */
export type LogMarks = Readonly<Record<string, unknown>>

/** Takes the marks of all logs that are looked at from the beginning of the release. */
export async function takeMarks(
  { checks }: ReleaseProps,
  tools: LocalTools,
  call: Write<unknown>,
): Promise<Readonly<Record<string, Json>> | undefined> {
  const named = Object.entries(checks).filter(([, { probe }]) => isSinceRelease(probe))
  if (named.length === 0) return undefined
  const hide = (text: string): string => call.hide?.(text) ?? text
  const local = { ...call, connection: tools }
  const marks = await Promise.all(
    named.map(async ([name, { probe, on }]) => {
      const mark = await markFor(probe, () => standpointOf(on, local), { signal: call.signal, hide })
      return [name, mark] as const
    }),
  )
  return Object.fromEntries(marks)
}

/** The checks with the marks that were taken. One that was not is said to be missing: a check may have come since. */
export function withMarks({ checks }: Pick<ReleaseProps, "checks">, marks: LogMarks): ReleaseProps["checks"] {
  const marked = Object.entries(checks).map(([name, check]) => {
    if (!isSinceRelease(check.probe)) return [name, check] as const
    const since = marks[name] ?? { untaken: "no mark was taken when the release began: the check has come since" }
    return [name, { ...check, probe: { ...check.probe, since } }] as const
  })
  return Object.fromEntries(marked)
}
