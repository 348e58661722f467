import { FettleError } from "../errors.ts"
import type { Address } from "./address.ts"
import { addressOf, checkName } from "./address.ts"
import { type Node, NodeHandle } from "./declaration.ts"
import { nodesOf, type Output } from "./output.ts"
import { here } from "./place.ts"
import { add, inScope, type Scope, scopeOf } from "./scope.ts"

/** What an each(…) declares: how its nodes are built once the list is known. */
export interface EachProps {
  readonly items: Output<readonly unknown[]> | readonly unknown[]
  readonly key: (item: never) => string
  readonly build: (item: never, key: string) => unknown
  /** The groups and connections around the call, for when it is built later. */
  readonly scope: Pick<Scope, "path" | "around">
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
  checkName(name, "group")
  const address = addressOf(scope.path, EACH_KIND, name)
  const needs = nodesOf(items)
  const props: EachProps = { items, key, build, scope: { path: [...scope.path, name], around: [...scope.around] } }
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
    place: here(each),
    finally: [],
  })
  return new NodeHandle(address)
}

/** Declares the nodes of an each whose list is known now. */
export function expand(scope: Scope, address: Address, props: EachProps, items: readonly unknown[]): void {
  const seen = new Set<string>()
  for (const item of items) {
    const key = props.key(item as never)
    checkName(key, "group")
    if (seen.has(key))
      throw new FettleError("KEY_DUPLICATE", `two items have the key ${JSON.stringify(key)}`, { address })
    seen.add(key)
    const inner: Scope = { ...scope, path: [...props.scope.path, key], around: [...props.scope.around] }
    inScope(inner, () => props.build(item as never, key))
  }
}

/** The prefix that all nodes of an each have. */
export function eachPrefix(props: EachProps): string {
  return `${props.scope.path.join("/")}/`
}
