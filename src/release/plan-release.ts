import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Change, Last, Seen } from "../provider.ts"

/** What is to happen to a release. Pure. */
export function planRelease(
  want: ReleaseProps,
  seen: Seen<ReleaseOutputs>,
  last: Last<ReleaseProps, ReleaseOutputs> | undefined,
): Change<ReleaseProps> {
  const because = reason(want, seen, last)
  return because === undefined ? { action: "none" } : { action: "run", because }
}

function reason(
  want: ReleaseProps,
  seen: Seen<ReleaseOutputs>,
  last: Last<ReleaseProps, ReleaseOutputs> | undefined,
): string | undefined {
  const live = "outputs" in seen ? seen.outputs.live : undefined
  const shown = "failed" in seen ? undefined : seen.shown
  const cutOff = shown?.cutOff
  if (typeof cutOff === "string") return `goes on with ${cutOff}`
  if (want.back) return live?.version === want.version ? undefined : `back from ${live?.version} to ${want.version}`
  if (live === undefined) return `${want.version} is the first version`
  if (live.version !== want.version) return `${live.version} → ${want.version}: ${stepsInWords(want)}`
  if (last?.unfinished === true) return "its last run did not end well"
  if (JSON.stringify(live.instances) !== JSON.stringify(want.instances)) return "its instances have moved"
  const traffic = shown?.traffic
  return typeof traffic === "string" ? traffic : undefined
}

function stepsInWords({ steps, instances, traffic, metrics = {}, deadline }: ReleaseProps): string {
  if (traffic === undefined && Object.keys(metrics).length > 0)
    return `checked, and counted beside the version before it, decided within ${String(deadline)}`
  if (traffic === undefined) return "checked, then it has all traffic"
  const words = steps === "rolling" ? `${instances.length} instances, one after the other` : `${steps.join(" → ")} %`
  return `${words}, decided within ${String(deadline)}`
}
