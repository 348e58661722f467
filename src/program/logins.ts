import { FettleError } from "../errors.ts"
import type { Connection } from "../provider.ts"
import { here } from "./place.ts"
import { scopeOf } from "./scope.ts"

/**
 * A target with two logins: one that may look, for `plan` and `verify`, and one that may change things, for `apply`, `destroy`, `run`,
 * `adopt`, `rollback`, `exec` and `shell`. Of the one that is not meant nothing is opened, no secret either.
 * @throws FettleError `CONNECTION_WRONG` where the two have not one type and one name: for state and plans they are one
 * @example
 * const web = logins({
 *   plan: host.ssh("reader@web1", { name: "web1" }),
 *   apply: host.ssh("deploy@web1", { name: "web1", become: "sudo" }),
 * })
 */
export function logins<C>(given: { readonly plan: Connection<C>; readonly apply: Connection<C> }): Connection<C> {
  const scope = scopeOf("logins(…)", logins)
  const { plan, apply } = given
  const wrong = (fact: string, next: string): FettleError =>
    new FettleError("CONNECTION_WRONG", `logins(…): ${fact}`, { place: here(logins), next })
  if (plan.type !== apply.type)
    throw wrong(`plan is a connection of type ${plan.type}, apply one of type ${apply.type}`, "give two of one type")
  if (plan.name !== apply.name)
    throw wrong(
      `plan is named ${plan.name}, apply ${apply.name}: for state they are one`,
      `give both the same name: { name: ${JSON.stringify(apply.name)} }`,
    )
  const chosen = scope.phase === "apply" ? apply : plan
  scope.logins.set(chosen, apply)
  return chosen
}
