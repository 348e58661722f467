import { FettleError } from "../errors.ts"
import type { Collected } from "./collect.ts"
import { blocked } from "./compare.ts"
import type { Work } from "./work.ts"

/**
 * Two addresses with one (connection, kind, id) would undo each other. A declared one that takes the id of one that leaves
 * would lose it to the deletion: both are blocked until the program says that it was renamed.
 * @throws FettleError `DUPLICATE_ID` naming both places
 */
export function refuseTwins({ works, leaving }: Pick<Collected, "works" | "leaving">): void {
  const declared = new Map<string, Work>()
  for (const work of works.values()) {
    const key = identityOf(work)
    if (key === undefined || work.declaration?.type !== "resource") continue
    const other = declared.get(key)
    if (other !== undefined) throw twins(other, work)
    declared.set(key, work)
  }
  for (const work of leaving) {
    const key = work.planned?.action === "delete" && work.row?.deposed === "" ? identityOf(work) : undefined
    const heir = key === undefined ? undefined : declared.get(key)
    if (heir !== undefined) blockBoth(work, heir)
  }
}

/** Undefined where it is not known, and where the far side chooses ids: those are unique only among what the props name. */
function identityOf(work: Work): string | undefined {
  if (work.id === undefined || work.provider.idOf !== undefined) return undefined
  return JSON.stringify([work.connection?.name ?? "", work.provider.kind, work.id])
}

function twins(one: Work, other: Work): FettleError {
  const places = [one, other].map((work) => String(work.declaration?.place))
  return new FettleError(
    "DUPLICATE_ID",
    `${one.address} at ${places[0]} and ${other.address} at ${places[1]} are the same ${one.provider.kind}: ${one.id}`,
    { address: other.address, place: other.declaration?.place, details: { places } },
  )
}

function blockBoth(left: Work, heir: Work): void {
  const error = new FettleError(
    "DUPLICATE_ID",
    `${left.address} left the program, and ${heir.address} is the same thing: ${heir.id}`,
    {
      next: `if it was renamed: renamedFrom: ${JSON.stringify(left.address)}; or fettle state forget '${left.address}'`,
    },
  )
  left.planned = blocked(left, error)
  heir.planned = blocked(heir, error)
}
