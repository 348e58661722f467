import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Change, Last, Seen } from "../provider.ts"
import { type Progress, progressIn } from "./progress.ts"

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
  const left = progressIn(shown?.progress)
  if (left !== undefined) {
    const words = `${left.version}, ${inWords(left.phase)}`
    if (left.version === want.version && !want.back) return `goes on with ${words}`
    const then = live?.version === want.version ? `${want.version} has all traffic` : `then ${onward(want, live)}`
    return `${words}, is taken back; ${then}`
  }
  if (want.back && live?.version === want.version) return undefined
  if (live === undefined || live.version !== want.version) return onward(want, live)
  if (last?.unfinished === true) return "its last run did not end well"
  if (JSON.stringify(live.instances) !== JSON.stringify(want.instances)) return "its instances have moved"
  const traffic = shown?.traffic
  return typeof traffic === "string" ? traffic : undefined
}

/** What is to happen to the traffic of the version that has it. */
function onward(want: ReleaseProps, live: ReleaseOutputs["live"]): string {
  if (live === undefined) return `${want.version} is the first version`
  if (want.back) return `back from ${live.version} to ${want.version}`
  return `${live.version} → ${want.version}: ${stepsInWords(want)}`
}

/** How far a release has come that was cut off, or waits. */
function inWords(phase: Progress["phase"]): string {
  return (
    {
      before: "which had no traffic yet",
      shifting: "which had a part of the traffic",
      promoted: "which was getting all traffic",
      watching: "which has all traffic and is watched",
      back: "which was being taken back",
    }[phase] ?? phase
  )
}

function stepsInWords({ steps, instances, traffic, metrics = {}, deadline }: ReleaseProps): string {
  if (traffic === undefined && Object.keys(metrics).length > 0)
    return `checked, and counted beside the version before it, decided within ${String(deadline)}`
  if (traffic === undefined) return "checked, then it has all traffic"
  const words = steps === "rolling" ? `${instances.length} instances, one after the other` : `${steps.join(" → ")} %`
  return `${words}, decided within ${String(deadline)}`
}
