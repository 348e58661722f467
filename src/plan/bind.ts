import { createHash } from "node:crypto"
import { type Bound, hashOf, type Plan } from "../events/plan.ts"
import { isNotifyRule, type NodePolicy } from "../policies/node-policy.ts"
import type { AuditSinks } from "../program/audit-sinks.ts"
import type { Declaration } from "../program/declaration.ts"
import type { EachProps } from "../program/each.ts"
import { isPlain, Output } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"
import { encode } from "../state/encode.ts"
import type { Planned } from "./planned.ts"
import { isPresent, type Work } from "./work.ts"

/**
 * Says in a plan what it was made from, as hashes: all that the program says, the rows, all that was read, and what the
 * props came to with the outputs, secrets and functions of that moment.
 * @param notify whom the program tells how a run ended
 * @param sources hash of the files that the program was loaded from
 * @param targets what stands behind each connection that was opened
 * @param audit whom its audit is sent to
 */
export function bind(
  planned: Planned,
  notify: readonly NodePolicy[],
  sources: string,
  targets: ReadonlyMap<string, string>,
  audit?: AuditSinks,
): Plan {
  const { scope, snapshot, works, leaving, plan } = planned
  const all = [...works.values(), ...leaving]
  const groups = [...scope.groups.values()].map((group) => [group.path, group.finally])
  const told = [notify.map(policySaid), ...(audit === undefined ? [] : [asWritten(audit)])]
  const bound: Bound = {
    program: hashOf([[...scope.declarations.values()].map((each) => saidOf(each, scope)), groups, ...told]),
    state: hashOf([snapshot.serial, snapshot.rows.length]),
    world: hashOf(all.map(foundOf)),
    wanted: hashOf(all.map(wantedOf)),
    sources,
    targets: hashOf([...targets].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
  return { ...plan, bound }
}

/** Everything that one declaration says: its props as written, its options, what stands around it. */
function saidOf(declaration: Declaration, { logins }: Planned["scope"]): unknown {
  const { address, type, kind, needs, connection, renamedFrom, options } = declaration
  const { on: _on, after: _after, policies = [], ...rest } = options
  const target = connection === undefined ? undefined : (logins.get(connection) ?? connection).target
  const props = type === "each" ? eachSaid(declaration.props as EachProps) : asWritten(declaration.props)
  return [
    [address, type, kind, needs, connection?.name, target, renamedFrom, declaration.finally],
    [asWritten(rest), policies.map(policySaid)],
    props,
  ]
}

function eachSaid({ items, key, build }: EachProps): unknown {
  return asWritten({ items, key, build })
}

/** A policy by its name and settings. What it keeps between calls is no part of it. */
function policySaid(policy: NodePolicy): unknown {
  return isNotifyRule(policy) ? asWritten({ ...policy }) : asWritten({ name: policy.name, settings: policy.settings })
}

/** A value as the program has it: secrets by name, outputs by where they come from, functions by their text. */
function asWritten(value: unknown): unknown {
  if (value instanceof Output) {
    const { op, ...rest } = Output.expression(value)
    return { [op]: asWritten(rest) }
  }
  if (typeof value === "function" || typeof value === "bigint") return String(value)
  if (value instanceof Uint8Array) return createHash("sha256").update(value).digest("hex")
  if (Array.isArray(value)) return value.map(asWritten)
  if (isPlain(value)) return Object.entries(value).map(([key, each]) => [key, asWritten(each)])
  return value instanceof Secret || typeof value !== "object" ? value : Object.prototype.toString.call(value)
}

/** What the props of one thing came to, and what was told of its change: what a file that it is made from holds, for one. */
function wantedOf(work: Work): unknown {
  const changes = work.change?.action === "create" || "props" in (work.change ?? {})
  return [work.address, work.want === undefined ? null : encode(work.want), ...(changes ? [encode(work.known)] : [])]
}

/** What was found of one thing, and which pieces of work, files of migrations say, that leads to. */
function foundOf(work: Work): unknown {
  return [work.address, seenText(work), ...(work.change?.exactly === undefined ? [] : [work.change.exactly])]
}

function seenText(work: Work): string {
  if (!isPresent(work.seen)) return work.seen === undefined ? "unread" : "absent" in work.seen ? "absent" : "failed"
  const outputs = work.seen.outputs as Record<string, unknown>
  if (work.provider.followsNeeds === true) return encode(outputs)
  const lasting = Object.fromEntries(
    Object.entries(outputs).filter(([key]) => work.provider.volatile?.includes(key) !== true),
  )
  return encode(lasting)
}
