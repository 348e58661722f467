import type { Change, Last, Seen } from "../../provider.ts"
import type { ServerOutputs, ServerProps } from "./server-props.ts"

type Recorded = Last<ServerProps, ServerOutputs> | undefined
type Present = Extract<Seen<ServerOutputs>, { outputs: unknown }>
type Prop = keyof ServerProps & string

/** What to do with one server. Pure. */
export function planServer(want: ServerProps, seen: Seen<ServerOutputs>, last: Recorded): Change<ServerProps> {
  if ("failed" in seen) return { action: "none", because: "it could not be read" }
  if (!("outputs" in seen)) return { action: "create" }
  const isOtherCheck = seen.outputs.added && checkDiffers(want, seen, last)
  const inPlace = inPlaceOf(want, seen, last)
  if (isOtherCheck)
    return {
      action: "replace",
      props: ["check", ...inPlace.map(({ prop }) => prop)],
      because: "checks are given once, when a server is added",
      order: "delete-first",
    }
  if (inPlace.length === 0) return { action: "none" }
  return {
    action: "update",
    props: [...new Set(inPlace.map(({ prop }) => prop))],
    because: inPlace.map(({ words }) => words).join("; "),
  }
}

function inPlaceOf(want: ServerProps, { outputs, shown }: Present, last: Recorded): { prop: Prop; words: string }[] {
  const found: { prop: Prop; words: string }[] = []
  for (const prop of ["address", "port", "weight", "state"] as const)
    if (outputs[prop] !== want[prop]) found.push({ prop, words: `${prop} is ${outputs[prop]}, wanted ${want[prop]}` })
  const limit = shown?.maxConnections
  const hasLeft = want.maxConnections === undefined && last?.props.maxConnections !== undefined
  if (hasLeft ? limit !== undefined : want.maxConnections !== undefined && want.maxConnections !== limit)
    found.push({
      prop: "maxConnections",
      words: `maxConnections is ${limit ?? "without limit"}, wanted ${want.maxConnections ?? "none"}`,
    })
  return found
}

/** HAProxy shows how many checks it counts, and not how often it makes them: that is compared with what was recorded. */
function checkDiffers({ check }: ServerProps, { shown }: Present, last: Recorded): boolean {
  const there = shown?.check as { readonly rise: number; readonly fall: number } | false | undefined
  if (there === undefined || check === false || there === false) return (check === false) !== (there === false)
  const recorded = last?.props.check
  const isOtherPace = recorded !== undefined && recorded !== false && recorded.intervalMs !== check.intervalMs
  return isOtherPace || there.rise !== check.rise || there.fall !== check.fall
}
