import type { NodePolicy } from "../policies/node-policy.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import type { Address } from "./address.ts"
import type { LazyPlace } from "./place.ts"

export type NodeType = "resource" | "lookup" | "task" | "check" | "release" | "each"

/** What a user may say of any node besides its props. */
export interface NodeOptions<C = unknown> {
  /** The connection to reach it through. */
  readonly on?: Connection<C>
  /** Nodes, or their addresses, that must be done first, where no output says so already. */
  readonly after?: readonly (Node | string)[]
  /** Refuses to delete or replace it; remembered in state, so removing the declaration does not lift it. */
  readonly protect?: boolean
  /** Leaves it where it is when it leaves the program. */
  readonly retain?: boolean
  /** Takes over what is already there. */
  readonly adopt?: boolean
  /** Its former address, or its former name in the same group and kind. */
  readonly renamedFrom?: string
  /** Limit of one call; a number is milliseconds. Default: the kind's, or 60 s. */
  readonly timeout?: number | string
  /** Policies around each write, a deletion too, outermost first: retry, timeout, rate, allowed, notify. */
  readonly policies?: readonly NodePolicy[]
}

/** A command as its argument list. No shell. */
export type Command = readonly [string, ...string[]]

/** One call of the user's program as data. */
export interface Declaration {
  readonly address: Address
  readonly type: NodeType
  readonly kind: string
  /** Missing for tasks, checks and each: whoever plans passes their runners in. */
  readonly provider: AnyProvider | undefined
  /** Frozen; outputs of other nodes may stand in it. */
  readonly props: unknown
  /** True where no output stands in the props, so that they have been checked against the schema. */
  readonly complete: boolean
  readonly connection: Connection | undefined
  /** Connections it may reach besides its own. */
  readonly reaches?: readonly Connection[]
  /** Addresses of the nodes it needs: from outputs and `after`. */
  readonly needs: readonly Address[]
  readonly options: NodeOptions
  readonly renamedFrom: string | undefined
  readonly place: LazyPlace
  /** Of a release: the prefix of the groups that its versions lie in, the version that it declares, and the one that has the traffic. */
  readonly versions?: { readonly prefix: string; readonly own: string; readonly from?: string }
  /** Commands that run at the end of a task or group however it ends. */
  readonly finally: readonly Command[]
}

/** What a user may say of a group. */
export interface GroupOptions {
  /** Commands that run when everything in the group has ended, however it ended; after a kill, at the next start. */
  readonly finally?: readonly Command[]
}

/** A group with something to run at its end. */
export interface GroupDeclaration {
  readonly path: string
  readonly finally: readonly Command[]
  readonly place: LazyPlace
}

const ADDRESS: unique symbol = Symbol("address")

/** A declared node. Its outputs are its properties. */
export interface Node {
  readonly [ADDRESS]: Address
}

/** The base of all nodes; kinds add one getter for each output. */
export class NodeHandle implements Node {
  readonly [ADDRESS]: Address

  constructor(address: Address) {
    this[ADDRESS] = address
    Object.freeze(this)
  }
}

/**
 * The address of a declared node.
 * @example addressOfNode(config) // "host.file[config]"
 */
export function addressOfNode(node: Node): Address {
  return node[ADDRESS]
}

export function isNode(value: unknown): value is Node {
  return value instanceof NodeHandle
}
