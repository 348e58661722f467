import type { z } from "zod"
import { FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import type { AnyProvider, Connection, Provider } from "../provider.ts"
import { type Address, addressOf, checkName } from "./address.ts"
import { addressOfNode, isNode, type Node, NodeHandle, type NodeOptions, type NodeType } from "./declaration.ts"
import { fixOptions } from "./options.ts"
import { type Input, Output, type Outputs } from "./output.ts"
import { here, type LazyPlace } from "./place.ts"
import { fixProps } from "./props.ts"
import { add, type Scope, scopeOf, useConnection } from "./scope.ts"

/** The props of a kind as they are declared: outputs of other nodes may stand in them. */
type PropsOf<P extends AnyProvider> = Input<z.input<P["props"]>>
/** What a kind needs to be reached through. */
type ClientOf<P> = P extends Provider<infer _S, infer _O, infer C> ? C : never
/** A declared node of a kind. */
type NodeOf<P extends AnyProvider> = Node & Outputs<z.output<P["outputs"]>>
/** What comes after the kind: a name, or at once the props. One signature, not two: so an error is about the prop, not about overloads. */
type Named<P extends AnyProvider, N> = N extends string ? N : PropsOf<P>
type Rest<P extends AnyProvider, N> = N extends string
  ? [props: PropsOf<P>, options?: NodeOptions<ClientOf<P>>]
  : [options?: NodeOptions<ClientOf<P>>]

/**
 * Declares a thing to be kept as its props say. The name may be left out where the props carry an id.
 * @throws FettleError `PROPS_INVALID`, `DUPLICATE_ADDRESS`, `CONNECTION_MISSING`, `CONNECTION_WRONG`
 * @example const config = resource(host.file, "config", { path: "/srv/shop/config.json", content: json({ port }) }, { on: web })
 */
export function resource<P extends AnyProvider, N>(provider: P, name: Named<P, N>, ...rest: Rest<P, N>): NodeOf<P> {
  return declareNode("resource", provider, [name, ...rest], resource) as NodeOf<P>
}

/**
 * Reads something that Fettle does not manage: its outputs are known at plan time and it is never written.
 * @throws FettleError as `resource`; at plan time `LOOKUP_ABSENT`
 * @example const hosts = lookup(host.file, "hosts", { path: "/etc/hosts" }, { on: web })
 */
export function lookup<P extends AnyProvider, N>(provider: P, name: Named<P, N>, ...rest: Rest<P, N>): NodeOf<P> {
  return declareNode("lookup", provider, [name, ...rest], lookup) as NodeOf<P>
}

function declareNode(
  type: "resource" | "lookup",
  provider: AnyProvider,
  rest: unknown[],
  below: (...args: never[]) => unknown,
): Node {
  const scope = scopeOf(`${type}(…)`, below)
  const place = here(below)
  refuseNoKind(provider, type, place)
  const [name, raw, given] = (typeof rest[0] === "string" ? rest : [undefined, ...rest]) as [
    string | undefined,
    unknown,
    NodeOptions | undefined,
  ]
  const address = nodeAddress(scope, provider, name ?? idAsName(provider, raw, place), place)
  const options = fixOptions(type, given, address, place)
  const { props, needs, complete } = fixProps(provider, raw, address, place)
  const connection = connectionFor(scope, provider, options.on, address, place)
  add(scope, {
    address,
    type,
    kind: provider.kind,
    provider,
    props,
    complete,
    connection,
    needs: withAfter(needs, options.after, address, place),
    options,
    renamedFrom: formerAddress(scope, provider.kind, options.renamedFrom),
    place,
    finally: [],
  })
  scope.providers.set(provider.kind, provider)
  return new (handleOf(provider))(address)
}

/** An import that is not there, or a namespace in place of a kind, is named as such. @throws FettleError `PROPS_INVALID` */
function refuseNoKind(provider: unknown, type: NodeType, place: LazyPlace): void {
  if (typeof provider === "object" && provider !== null && "kind" in provider && "props" in provider) return
  throw new FettleError("PROPS_INVALID", `${type}(…) was given ${shown(provider)} where a kind belongs`, {
    place,
    next: 'see what the kind is imported as: resource(host.file, …) needs import * as host from "fettle/host"',
  })
}

export function nodeAddress(scope: Scope, kind: { readonly kind: string }, name: string, place: LazyPlace): Address {
  try {
    checkName(name, "node")
  } catch (error) {
    throw error instanceof FettleError ? error.at(undefined, place) : error
  }
  return addressOf(scope.path, kind.kind, name)
}

function idAsName(provider: AnyProvider, raw: unknown, place: LazyPlace): string {
  const parsed = provider.props.safeParse(raw)
  if (!parsed.success) fixProps(provider, raw, undefined, place) // throws where it is no unknown output that is in the way
  const id = parsed.success ? provider.id(parsed.data) : undefined
  if (typeof id === "string") return id
  throw new FettleError(
    "NAME_INVALID",
    `a ${provider.kind} needs a name here: its props do not carry an id that is known now`,
    { place, next: `give it one: resource(${provider.kind}, "name", …)` },
  )
}

/** All needs of a node: what its outputs name, then what `after` names. */
export function withAfter(
  needs: readonly Address[],
  after: readonly (Node | string)[] | undefined,
  address: Address,
  place: LazyPlace,
): readonly Address[] {
  if (after === undefined || after.length === 0) return needs
  const all = new Set(needs)
  for (const each of after) {
    if (typeof each !== "string" && !isNode(each))
      throw new FettleError("AFTER_UNKNOWN", "after: holds something that is neither a node nor an address", {
        address,
        place,
      })
    all.add(typeof each === "string" ? (each as Address) : addressOfNode(each))
  }
  return [...all]
}

/** `renamedFrom` may be a whole address, or a name in the same group and of the same kind. */
export function formerAddress(scope: Scope, kind: string, renamedFrom: string | undefined): string | undefined {
  if (renamedFrom === undefined) return undefined
  return renamedFrom.includes("[") ? renamedFrom : addressOf(scope.path, kind, renamedFrom)
}

function connectionFor(
  scope: Scope,
  provider: AnyProvider,
  on: Connection | undefined,
  address: Address,
  place: LazyPlace,
): Connection | undefined {
  if (on === undefined && provider.connects === "none") return undefined
  const connection = on ?? scope.around.findLast((each) => each.type === provider.connects)
  if (connection === undefined)
    throw new FettleError("CONNECTION_MISSING", `${address} needs a connection of type ${provider.connects}`, {
      address,
      place,
    })
  if (connection.type !== provider.connects)
    throw new FettleError(
      "CONNECTION_WRONG",
      `${address} needs a connection of type ${provider.connects}, and ${connection.name} is of type ${connection.type}`,
      { address, place },
    )
  useConnection(scope, connection, place)
  return connection
}

const handles = new WeakMap<AnyProvider, new (address: Address) => Node>()

/** The class of a kind's nodes: one getter for each output, made once. */
function handleOf(provider: AnyProvider): new (address: Address) => Node {
  const known = handles.get(provider)
  if (known !== undefined) return known
  const made = class extends NodeHandle {}
  for (const key of Object.keys((provider.outputs as { shape?: object }).shape ?? {})) defineOutput(made.prototype, key)
  handles.set(provider, made)
  return made
}

/** Adds a getter that gives the output `key` of a node. */
export function defineOutput(prototype: object, key: string): void {
  Object.defineProperty(prototype, key, {
    enumerable: true,
    get(this: Node): Output<unknown> {
      return new Output({ op: "ref", node: addressOfNode(this), key })
    },
  })
}
