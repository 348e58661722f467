import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import type { LazyPlace } from "./place.ts"
import { askedThrough } from "./probe-settings.ts"

/** A probe that looks only at this machine must not seem to look at another. @throws FettleError `PROPS_INVALID` */
export function refuseElsewhere(probe: unknown, on: Connection, address: string, place: LazyPlace): void {
  const name = String(Object(probe).probe)
  const through = (askedThrough as Readonly<Record<string, readonly string[] | undefined>>)[name] ?? []
  if (through.includes(on.type)) return
  const able = Object.entries(askedThrough).flatMap(([each, types]) => (types.includes(on.type) ? [each] : []))
  throw new FettleError("PROPS_INVALID", `${address}: a ${name} probe cannot be asked on ${on.name}`, {
    place,
    next: able.length === 0 ? "leave `on` out" : `leave \`on\` out, or ask one of these there: ${able.join(", ")}`,
  })
}
