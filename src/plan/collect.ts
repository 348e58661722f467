import { FettleError } from "../errors.ts"
import { type Graph, order } from "../graph/graph.ts"
import type { NodePolicy } from "../policies/node-policy.ts"
import type { Address } from "../program/address.ts"
import type { Declaration } from "../program/declaration.ts"
import { EACH_KIND, type EachProps, eachPrefix, expand } from "../program/each.ts"
import type { Scope } from "../program/scope.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import type { IntentLine, Row, Snapshot } from "../state/store.ts"
import type { Engine } from "./engine.ts"
import { refusal, standingVersions, stands } from "./versions.ts"
import { addressOfRow, newWork, type Work } from "./work.ts"

/** Stands for the provider of an `each`, which is expanded and never called. */
const EACH = { kind: EACH_KIND, connects: "none" } as unknown as AnyProvider

/** Everything a plan is about: declared nodes in order, and what state holds besides. */
export interface Collected {
  readonly graph: Graph
  readonly works: Map<Address, Work>
  /** Recorded, no longer declared: to be deleted or forgotten. */
  readonly leaving: readonly Work[]
  /** Recorded, and their connection or provider has left the program. */
  readonly stranded: readonly { readonly row: Row; readonly error: FettleError }[]
  /** Recorded below an each whose list is not known. */
  readonly kept: readonly Row[]
}

/**
 * Puts declarations, rows and open intents of the same address together.
 * @param destroyed policies of what is declared, where all is to be deleted and nothing counts as declared
 */
export async function collect(
  scope: Scope,
  destroyed: ReadonlyMap<Address, readonly NodePolicy[]> | undefined,
  snapshot: Snapshot,
  engine: Engine,
  unknownEach: readonly string[],
  doneWith: ReadonlySet<string> = new Set(),
): Promise<Collected> {
  const graph = order(scope)
  const rows = new Map(snapshot.rows.map((row) => [rowKey(row.address, row.deposed), row]))
  const open = groupIntents(snapshot.open)
  const works = new Map<Address, Work>()
  for (const address of graph.order) {
    const declaration = graph.nodes.get(address) as Declaration
    const row = rows.get(rowKey(address, "")) ?? takeRenamed(declaration, rows)
    rows.delete(rowKey(row?.address ?? address, ""))
    const work = newWork({
      address,
      declaration,
      provider: providerFor(declaration, engine),
      connection: connectionFor(declaration, engine),
      row,
      open: [
        ...(open.get(address) ?? []),
        ...(row !== undefined && row.address !== address ? (open.get(row.address as Address) ?? []) : []),
      ],
    })
    work.error ??= refusal(declaration, scope)
    works.set(address, work)
  }
  for (const [address, intents] of open)
    if (!works.has(address) && !rows.has(rowKey(address, ""))) addUnrecorded(rows, intents)
  return { graph, works, ...(await sortRest(rows, scope, destroyed, engine, open, unknownEach, doneWith)) }
}

function rowKey(address: string, deposed: string): string {
  return deposed === "" ? address : `${address}\n${deposed}`
}

function takeRenamed(declaration: Declaration, rows: ReadonlyMap<string, Row>): Row | undefined {
  return declaration.renamedFrom === undefined ? undefined : rows.get(rowKey(declaration.renamedFrom, ""))
}

function groupIntents(open: readonly IntentLine[]): ReadonlyMap<Address, readonly IntentLine[]> {
  const groups = new Map<Address, IntentLine[]>()
  for (const intent of open) {
    if (intent.action === "finally") continue
    const address = intent.address as Address
    const known = groups.get(address)
    if (known === undefined) groups.set(address, [intent])
    else known.push(intent)
  }
  return groups
}

function providerFor(declaration: Declaration, engine: Engine): AnyProvider {
  if (declaration.provider !== undefined) return declaration.provider
  if (declaration.type === "task") return engine.runners.task.provider
  if (declaration.type === "check") return engine.runners.check.provider
  if (declaration.type === "release") return engine.runners.release.provider
  return EACH
}

function connectionFor(declaration: Declaration, engine: Engine): Connection | undefined {
  if (declaration.type === "task") return engine.runners.task.connection
  if (declaration.type === "check") return engine.runners.check.connection
  if (declaration.type === "release") return declaration.connection ?? engine.runners.release.connection
  return declaration.connection
}

/** A create that was cut off and whose node left the program: it may be there, so it must be looked for and deleted. */
function addUnrecorded(rows: Map<string, Row>, intents: readonly IntentLine[]): void {
  const intent = intents.findLast((each) => each.action === "create")
  if (intent === undefined) return
  const row: Row = {
    address: intent.address,
    deposed: "",
    kind: intent.kind,
    version: 0,
    connection: intent.connection,
    id: intent.id,
    owned: true,
    protect: false,
    retain: false,
    unfinished: true,
    props: intent.want,
    outputs: "{}",
    carry: undefined,
    needs: intent.needs,
  }
  rows.set(rowKey(row.address, ""), row)
}

async function sortRest(
  rows: ReadonlyMap<string, Row>,
  scope: Scope,
  destroyed: ReadonlyMap<Address, readonly NodePolicy[]> | undefined,
  engine: Engine,
  open: ReadonlyMap<Address, readonly IntentLine[]>,
  unknownEach: readonly string[],
  doneWith: ReadonlySet<string>,
): Promise<Pick<Collected, "leaving" | "stranded" | "kept">> {
  const leaving: Work[] = []
  const stranded: { row: Row; error: FettleError }[] = []
  const kept: Row[] = []
  const standing = standingVersions(scope)
  for (const row of rows.values()) {
    const isUndecided = unknownEach.some((prefix) => row.address.startsWith(prefix))
    if (row.deposed === "" && (isUndecided || (stands(row.address, standing) && !doneWith.has(row.address)))) {
      kept.push(row)
      continue
    }
    const provider = scope.providers.get(row.kind) ?? runnerFor(row.kind, engine) ?? (await engine.builtIn(row.kind))
    const connection =
      scope.connections.get(row.connection)?.connection ??
      (row.connection === engine.runners.task.connection.name ? engine.runners.task.connection : undefined)
    if (provider === undefined || (row.connection !== "" && connection === undefined))
      stranded.push({ row, error: strandedError(row, provider === undefined) })
    else
      leaving.push(
        newWork({
          address: addressOfRow(row),
          declaration: undefined,
          provider,
          connection,
          row,
          open: row.deposed === "" ? (open.get(row.address as Address) ?? []) : [],
          policies: destroyed?.get(row.address as Address),
          destroyed: destroyed !== undefined,
        }),
      )
  }
  return { leaving, stranded, kept }
}

function runnerFor(kind: string, engine: Engine): AnyProvider | undefined {
  return Object.values(engine.runners)
    .map(({ provider }) => provider)
    .find((each) => each.kind === kind)
}

function strandedError(row: Row, noProvider: boolean): FettleError {
  const what = noProvider ? `the kind ${row.kind}` : `the connection ${row.connection}`
  const next = noProvider
    ? "name its provider in program(…, { providers: […] })"
    : "declare the connection again with retire(connection) to delete what is there"
  return new FettleError("STRANDED", `${row.address} needs ${what}, which has left the program`, {
    address: row.address,
    next: `${next}; or fettle state forget '${row.address}'`,
  })
}

/** Declares the nodes of every each whose list is known; gives the prefixes of those whose list is not. */
export function expandEach(
  scope: Scope,
  listOf: (props: EachProps, address: Address) => readonly unknown[] | undefined,
  expanded: Set<Address>,
): readonly string[] {
  const unknown: string[] = []
  for (const declaration of [...scope.declarations.values()]) {
    if (declaration.type !== "each" || expanded.has(declaration.address)) continue
    const props = declaration.props as EachProps
    const items = listOf(props, declaration.address)
    if (items === undefined) unknown.push(eachPrefix(props))
    else {
      expanded.add(declaration.address)
      expand(scope, declaration, items)
    }
  }
  return unknown
}
