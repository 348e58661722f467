import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import type { LazyPlace } from "./place.ts"
import { askedNowhereElse, askedThrough } from "./probe-settings.ts"
import { BEFORE_THE_RELEASE } from "./usage-settings.ts"

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

/** A probe that only a connection can answer is asked on one. @throws FettleError `PROPS_INVALID` */
export function refuseHere(probe: unknown, address: string, place: LazyPlace): void {
  const name = String(Object(probe).probe)
  if (!(askedNowhereElse as readonly string[]).includes(name)) return
  const types = (askedThrough as Readonly<Record<string, readonly string[]>>)[name] ?? []
  throw new FettleError(
    "PROPS_INVALID",
    `${address}: a ${name} probe needs a connection of type ${types.join(" or ")}`,
    {
      place,
      next: "say where it is asked: { on: CONNECTION }",
    },
  )
}

/** Outside of a release there is no time before it. @throws FettleError `PROPS_INVALID` */
export function refuseOutsideRelease(probe: unknown, address: string, place: LazyPlace): void {
  if (Object(probe).against !== BEFORE_THE_RELEASE) return
  throw new FettleError(
    "PROPS_INVALID",
    `${address}: only a check of a release can be asked against the time before it`,
    {
      place,
      next: "put it into the checks of release(…), or leave `against` out",
    },
  )
}
