import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import { checkName } from "./address.ts"
import { here } from "./place.ts"
import { scopeOf, useConnection } from "./scope.ts"

/** How many, or how much of all. */
export type Share = number | `${number}%`

export interface FleetOptions {
  /** Most hosts under change at once, checks of theirs included: a number or "25%". Default: all. */
  readonly serial?: Share
  /** How many may fail, or be unreachable, before those that have not begun are left alone. Default: 0 with `serial`, else all. */
  readonly maxUnavailable?: Share
}

/** Something that a fleet is made of: a connection, or a host of an inventory. */
export type Member = Connection | { readonly name: string; readonly connection: Connection }

/**
 * Declares the same for many hosts: what `build` declares lies under `name/HOST/` and goes through that host's connection. Hosts do
 * not wait for each other, unless `serial` says so.
 * @throws FettleError `NAME_INVALID`, `KEY_DUPLICATE` where two hosts have one name, `PROPS_INVALID`
 * @example fleet("web", inventory.in("web"), () => resource(host.file, "motd", { path: "/etc/motd", content }), { serial: "25%" })
 */
export function fleet<M extends Member>(
  name: string,
  members: Iterable<M>,
  build: (member: M) => unknown,
  options: FleetOptions = {},
): void {
  const scope = scopeOf("fleet(…)", fleet)
  const place = here(fleet)
  checkName(name, "group")
  const all = [...members]
  const path = [...scope.path, name].join("/")
  const byName = new Map<string, Connection>()
  for (const member of all) {
    checkName(member.name, "group")
    if (byName.has(member.name) || scope.fleets.get(path)?.members.has(member.name) === true)
      throw new FettleError("KEY_DUPLICATE", `two hosts of the fleet ${name} are called ${member.name}`, { place })
    byName.set(member.name, connectionOf(member))
  }
  const serial = shareOf("serial", options.serial, all.length, Number.POSITIVE_INFINITY)
  const fallback = options.serial === undefined ? Number.POSITIVE_INFINITY : 0
  const maxUnavailable = shareOf("maxUnavailable", options.maxUnavailable, all.length, fallback)
  scope.fleets.set(path, Object.freeze({ path, members: byName, serial: Math.max(1, serial), maxUnavailable }))
  for (const member of all) {
    const connection = connectionOf(member)
    useConnection(scope, connection, place)
    scope.path.push(name, member.name)
    scope.around.push(connection)
    try {
      build(member)
    } finally {
      scope.around.pop()
      scope.path.splice(-2)
    }
  }
}

function connectionOf(member: Member): Connection {
  return "connection" in member ? member.connection : member
}

/** @throws FettleError `PROPS_INVALID` */
function shareOf(what: string, share: Share | undefined, all: number, fallback: number): number {
  if (share === undefined) return fallback
  const percent = /^(\d{1,3})%$/.exec(String(share))?.[1]
  if (percent !== undefined && Number(percent) <= 100) return Math.floor((all * Number(percent)) / 100)
  if (typeof share === "number" && Number.isInteger(share) && share >= 0) return share
  throw new FettleError(
    "PROPS_INVALID",
    `${what} is a whole number or a part such as "25%", not ${JSON.stringify(share)}`,
  )
}
