import type { PlannedChange } from "../events/plan.ts"
import { count } from "./amounts.ts"
import { foldNames } from "./fold-names.ts"

/** Fewer equal changes than this are told one by one. */
const FOLDED_MIN = 3

/** An address with "*" where the name of its host stands: what is the same on many hosts has one such. */
export function starred(address: string, host: string | undefined): string {
  const open = address.indexOf("[")
  if (host === undefined || open === -1) return address
  const parts = address.slice(0, open).split("/")
  const at = parts.indexOf(host)
  return at === -1 || at === parts.length - 1
    ? address
    : [...parts.slice(0, at), "*", ...parts.slice(at + 1)].join("/") + address.slice(open)
}

/** Changes of many hosts that differ in nothing but their host, told as one. */
export function foldChanges(changes: readonly PlannedChange[]): readonly PlannedChange[] {
  const groups = Map.groupBy(changes, signatureOf)
  if (groups.size === changes.length) return changes
  const told = new Set<string>()
  return changes.flatMap((change): readonly PlannedChange[] => {
    const key = signatureOf(change)
    const members = groups.get(key) ?? []
    if (members.length < FOLDED_MIN) return [change]
    if (told.has(key)) return []
    told.add(key)
    const hosts = members.map(({ connection = "" }) => connection)
    const on = `on ${count(hosts.length)} hosts: ${foldNames(hosts)}`
    const { cause: _, ...rest } = change
    const because =
      change.cause === undefined || change.cause === "new" ? change.because : `${change.cause}: ${change.because}`
    return [
      {
        ...rest,
        address: starred(change.address, change.connection),
        because: because === "not there" ? on : `${because} · ${on}`,
      },
    ]
  })
}

function signatureOf(change: PlannedChange): string {
  const { address, connection, place: _place, id: _id, wants: _wants, ...rest } = change // who asks for all gets each, with what it is to be
  const pattern = starred(address, connection)
  return pattern === address ? address : JSON.stringify([pattern, rest])
}
