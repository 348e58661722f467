import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import { checkName } from "./address.ts"
import type { GroupOptions } from "./declaration.ts"
import { fixGroupOptions } from "./options.ts"
import { here } from "./place.ts"
import { scopeOf, useConnection } from "./scope.ts"
import { refuseAsync } from "./sync.ts"

/**
 * Puts everything declared inside under `name/` in its address.
 * @throws FettleError `NAME_INVALID`, `PROGRAM_ASYNC`, `PROPS_INVALID`
 * @example group("web", () => resource(host.file, "config", …)) // web/host.file[config]
 */
export function group<T>(name: string, build: () => T): T
export function group<T>(name: string, options: GroupOptions, build: () => T): T
export function group<T>(name: string, first: GroupOptions | (() => T), second?: () => T): T {
  const build = typeof first === "function" ? first : second
  const scope = scopeOf("group(…)", group)
  checkName(name, "group")
  const place = here(group)
  if (typeof first === "function" && second !== undefined)
    throw new FettleError("PROPS_INVALID", `group ${name}: its options stand before its function`, {
      place,
      next: "write group(name, { finally: … }, () => { … })",
    })
  if (typeof build !== "function") throw new FettleError("PROPS_INVALID", `group ${name} has no function`, { place })
  const last = typeof first === "function" ? undefined : fixGroupOptions(first, name, place).finally
  scope.path.push(name)
  const path = scope.path.join("/")
  if (last !== undefined) scope.groups.set(path, Object.freeze({ path, finally: last, place }))
  try {
    const result = build()
    refuseAsync(result, `the function of group ${name}`, place)
    return result
  } finally {
    scope.path.pop()
  }
}

/**
 * Gives everything declared inside this connection, unless it names its own.
 * @throws FettleError `PROGRAM_ASYNC`, `CONNECTION_DUPLICATE`
 * @example on(web, () => { resource(host.directory, { path: "/srv/shop" }) })
 */
export function on<T>(connection: Connection, build: () => T): T {
  const scope = scopeOf("on(…)", on)
  const place = here(on)
  useConnection(scope, connection, place)
  scope.around.push(connection)
  try {
    const result = build()
    refuseAsync(result, `the function of on(${connection.name}, …)`, place)
    return result
  } finally {
    scope.around.pop()
  }
}

/**
 * Says that all that was made through a connection is to be deleted; afterwards the call may go.
 * @example retire(host.ssh("old-web"))
 */
export function retire(connection: Connection): void {
  const scope = scopeOf("retire(…)", retire)
  useConnection(scope, connection, here(retire))
  scope.retired.add(connection.name)
}
