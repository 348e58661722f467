import { asFettleError, FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import { addressOf, checkName } from "./address.ts"
import { type Declaration, type Node, NodeHandle } from "./declaration.ts"
import { copyOf, nodesOf, type Output } from "./output.ts"
import { here, placeOfThrow } from "./place.ts"
import { freeze } from "./props.ts"
import { add, inScope, type Scope, scopeOf } from "./scope.ts"
import { refuseAsync } from "./sync.ts"

/** What an each(…) declares: how its nodes are built once the list is known. */
export interface EachProps {
  readonly items: Output<readonly unknown[]> | readonly unknown[]
  readonly key: (item: never) => string
  readonly build: (item: never, key: string) => unknown
  /** The groups and connections around the call, for when it is built later. */
  readonly scope: Pick<Scope, "path" | "around" | "needed">
}

export const EACH_KIND = "fettle.each"

/**
 * Declares nodes over a list that may be known only later. While it is unknown, its recorded nodes are kept, undecided.
 * @param name group of the nodes: item with key "a" declares into `name/a/…`
 * @throws FettleError `KEY_DUPLICATE` once the list is known
 * @example each("hosts", fleet.addresses, (ip) => ip, (ip) => resource(host.file, …))
 */
export function each<T>(
  name: string,
  items: Output<readonly T[]> | readonly T[],
  key: (item: T) => string,
  build: (item: T, key: string) => unknown,
): Node {
  const scope = scopeOf("each(…)", each)
  const place = here(each)
  checkName(name, "group")
  for (const [what, value] of Object.entries({ key, build }))
    if (typeof value !== "function")
      throw new FettleError("PROPS_INVALID", `each ${name}: ${what} must be a function, not ${shown(value)}`, { place })
  const address = addressOf(scope.path, EACH_KIND, name)
  const needs = nodesOf(items)
  const fixed = (Array.isArray(items) ? freeze(copyOf(items)) : items) as typeof items
  const props: EachProps = {
    items: fixed,
    key,
    build,
    scope: { path: [...scope.path, name], around: [...scope.around], needed: [...scope.needed] },
  }
  add(scope, {
    address,
    type: "each",
    kind: EACH_KIND,
    provider: undefined,
    props,
    complete: needs.length === 0,
    connection: undefined,
    needs,
    options: {},
    renamedFrom: undefined,
    place,
    finally: [],
  })
  return new NodeHandle(address)
}

/**
 * Declares the nodes of an each whose list is known now.
 * @throws FettleError `KEY_DUPLICATE`, `NAME_INVALID`, `PROGRAM_ASYNC`, `PROGRAM_THREW` and those of declarations, all with a place
 */
export function expand(scope: Scope, declaration: Declaration, items: readonly unknown[]): void {
  try {
    expandItems(scope, declaration, items)
  } catch (thrown) {
    throw asFettleError(thrown, "PROGRAM_THREW").at(
      declaration.address,
      thrown instanceof FettleError ? declaration.place : (placeOfThrow(thrown) ?? declaration.place),
    )
  }
}

function expandItems(scope: Scope, { address, props, place }: Declaration, items: readonly unknown[]): void {
  const { key: keyOf, build, scope: around } = props as EachProps
  const seen = new Set<string>()
  for (const item of items) {
    const key = keyOf(item as never)
    checkName(key, "key")
    if (seen.has(key)) throw new FettleError("KEY_DUPLICATE", `two items have the key ${JSON.stringify(key)}`)
    seen.add(key)
    const inner: Scope = {
      ...scope,
      path: [...around.path, key],
      around: [...around.around],
      needed: [...around.needed],
    }
    refuseAsync(
      inScope(inner, () => build(item as never, key)),
      `the function of ${address}`,
      place,
    )
  }
}

/** The prefix that all nodes of an each have. */
export function eachPrefix(props: EachProps): string {
  return `${props.scope.path.join("/")}/`
}
