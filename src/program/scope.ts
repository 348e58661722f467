import { FettleError } from "../errors.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import type { Address } from "./address.ts"
import type { Declaration, GroupDeclaration } from "./declaration.ts"
import type { FleetDeclaration } from "./fleet-declaration.ts"
import { here, type LazyPlace } from "./place.ts"
import type { ReleaseMemories } from "./release-memory.ts"

/** What one call of a program has declared so far. */
export interface Scope {
  readonly declarations: Map<Address, Declaration>
  readonly connections: Map<string, { readonly connection: Connection; readonly place: LazyPlace }>
  readonly retired: Set<string>
  readonly providers: Map<string, AnyProvider>
  readonly groups: Map<string, GroupDeclaration>
  readonly fleets: Map<string, FleetDeclaration>
  /** Names of the groups around the call being made. */
  readonly path: string[]
  /** Connections of the `on(…)` blocks around the call being made, innermost last. */
  readonly around: Connection[]
  /** Nodes that everything needs which is declared now: the place of a version of a release. */
  readonly needed: Address[]
  /** What state says of the releases of the program. */
  readonly releases: ReleaseMemories
  /** Which login of a target is meant. */
  readonly phase: Phase
  /** Of a connection that is one of two logins: the one that changes things, by which both are named. */
  readonly logins: Map<Connection, Connection>
}

/** Whether a program is only looked at, or carried out. */
export type Phase = "plan" | "apply"

let current: Scope | undefined

export function newScope(releases: ReleaseMemories = new Map(), phase: Phase = "plan"): Scope {
  return {
    declarations: new Map(),
    connections: new Map(),
    retired: new Set(),
    providers: new Map(),
    groups: new Map(),
    fleets: new Map(),
    path: [],
    around: [],
    needed: [],
    releases,
    phase,
    logins: new Map(),
  }
}

/** Runs `build` with `scope` as the place where declarations go. */
export function inScope<T>(scope: Scope, build: () => T): T {
  const before = current
  current = scope
  try {
    return build()
  } finally {
    current = before
  }
}

/** Whether the function of a program is running now. */
export function isBuilding(): boolean {
  return current !== undefined
}

/** The scope of the program being built. @throws FettleError `OUTSIDE_PROGRAM` */
export function scopeOf(what: string, below: (...args: never[]) => unknown): Scope {
  if (current === undefined)
    throw new FettleError("OUTSIDE_PROGRAM", `${what} was called outside a program`, { place: here(below) })
  return current
}

/** Adds a declaration. @throws FettleError `DUPLICATE_ADDRESS` naming both places */
export function add(scope: Scope, declaration: Declaration): void {
  const other = scope.declarations.get(declaration.address)
  if (other !== undefined)
    throw new FettleError(
      "DUPLICATE_ADDRESS",
      `${declaration.address} is declared twice: at ${other.place} and at ${declaration.place}`,
      {
        address: declaration.address,
        place: declaration.place,
        details: { places: [String(other.place), String(declaration.place)] },
      },
    )
  scope.declarations.set(declaration.address, fixed(declaration, scope.needed))
}

/** What is declared stays as it was declared, whatever becomes of the objects and lists that were passed. */
function fixed(declaration: Declaration, needed: readonly Address[]): Declaration {
  const { options, finally: commands } = declaration
  const needs = needed.length === 0 ? declaration.needs : [...new Set([...declaration.needs, ...needed])]
  const { after, policies } = options
  const own = {
    ...options,
    ...(after === undefined ? {} : { after: Object.freeze([...after]) }),
    ...(policies === undefined ? {} : { policies: Object.freeze([...policies]) }),
  }
  return Object.freeze({
    ...declaration,
    options: Object.freeze(own),
    needs: Object.freeze(needs),
    finally: Object.freeze(commands),
  })
}

/** Remembers a connection, so that state can find the target of what has left the program. */
export function useConnection(scope: Scope, connection: Connection, place: LazyPlace): void {
  const known = scope.connections.get(connection.name)
  if (known === undefined) scope.connections.set(connection.name, { connection, place })
  else if (
    known.connection !== connection &&
    (known.connection.type !== connection.type || known.connection.target !== connection.target)
  )
    throw new FettleError(
      "CONNECTION_DUPLICATE",
      `two connections are named ${connection.name}: ${known.connection.target} at ${known.place} and ${connection.target} at ${place}`,
      { place },
    )
}
