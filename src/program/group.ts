import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import { checkName } from "./address.ts"
import type { Command } from "./declaration.ts"
import { here } from "./place.ts"
import { scopeOf, useConnection } from "./scope.ts"

interface GroupOptions {
  /** Commands that run when everything in the group has ended, however it ended; after a kill, at the next start. */
  readonly finally?: readonly Command[]
}

/**
 * Puts everything declared inside under `name/` in its address.
 * @throws FettleError `NAME_INVALID`
 * @example group("web", () => resource(host.file, "config", …)) // web/host.file[config]
 */
export function group<T>(name: string, build: () => T): T
export function group<T>(name: string, options: GroupOptions, build: () => T): T
export function group<T>(name: string, first: GroupOptions | (() => T), second?: () => T): T {
  const build = typeof first === "function" ? first : second
  const scope = scopeOf("group(…)", group)
  checkName(name, "group")
  if (typeof build !== "function")
    throw new FettleError("PROPS_INVALID", `group ${name} has no function`, { place: here(group) })
  scope.path.push(name)
  const path = scope.path.join("/")
  if (typeof first !== "function" && first.finally !== undefined)
    scope.groups.set(path, { path, finally: first.finally, place: here(group) })
  try {
    return build()
  } finally {
    scope.path.pop()
  }
}

/**
 * Gives everything declared inside this connection, unless it names its own.
 * @example on(web, () => { resource(host.directory, { path: "/srv/shop" }) })
 */
export function on<T>(connection: Connection, build: () => T): T {
  const scope = scopeOf("on(…)", on)
  useConnection(scope, connection, here(on))
  scope.around.push(connection)
  try {
    return build()
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
