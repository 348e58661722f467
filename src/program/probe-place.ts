import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import { isPlain } from "./output.ts"
import type { LazyPlace } from "./place.ts"
import { askedNowhereElse, askedThrough } from "./probe-settings.ts"
import { BEFORE_THE_RELEASE } from "./usage-settings.ts"

/**
 * A probe that looks only at this machine must not seem to look at another, nor one that needs another at this one.
 * @throws FettleError `PROPS_INVALID`
 */
export function refuseElsewhere(probe: unknown, on: Connection | undefined, address: string, place: LazyPlace): void {
  const name = String(Object(probe).probe)
  const isContainer = isPlain(probe) && name === "log" && probe.container !== undefined
  const refuse = (fact: string, next: string): never => {
    throw new FettleError("PROPS_INVALID", `${address}: ${fact}`, { place, next })
  }
  if (isContainer && on?.type !== "docker")
    refuse(
      on === undefined ? "the log of a container needs its Engine" : `${on.name} has no containers`,
      "give the connection of the Engine: { on: docker.engine() } of fettle/docker",
    )
  if (on === undefined) return
  const through = (askedThrough as Readonly<Record<string, readonly string[] | undefined>>)[name] ?? []
  if (through.includes(on.type) && (name !== "log" || isContainer === (on.type === "docker"))) return
  const able = Object.entries(askedThrough).flatMap(([each, types]) => (types.includes(on.type) ? [each] : []))
  const said = name === "log" ? "a log probe of a file or a journal" : `a ${name} probe`
  refuse(
    `${said} cannot be asked on ${on.name}`,
    able.length === 0 ? "leave `on` out" : `leave \`on\` out, or ask one of these there: ${able.join(", ")}`,
  )
}

/** Only a release has a beginning to look from. @throws FettleError `PROPS_INVALID` */
export function refuseReleaseMark(probe: unknown, address: string, place: LazyPlace): void {
  if (!isPlain(probe) || probe.since !== "release") return
  throw new FettleError("PROPS_INVALID", `${address}: since: "release" stands in a check outside of a release`, {
    place,
    next: 'put the check into `checks` of release(…), or look from a mark: task("mark", { run: () => markLog(path), always: true })',
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
