import { FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import { RELEASE_KIND } from "../program/release.ts"
import type { Collected } from "./collect.ts"
import { blocked } from "./compare.ts"
import { decideLeaving } from "./decide.ts"
import type { Engine } from "./engine.ts"
import type { Work } from "./work.ts"

/**
 * Two addresses of one thing would undo each other. A declared one that is the same thing as one that leaves would lose it
 * to the deletion: both are blocked until the program says that it was renamed.
 * @throws FettleError `DUPLICATE_ID` naming both places
 */
export function refuseTwins({ works, leaving }: Pick<Collected, "works" | "leaving">, engine: Engine): void {
  const declared = new Map<string, Work>()
  let heirs: Heirs | undefined
  for (const work of works.values()) {
    if (work.declaration?.type !== "resource" && work.declaration?.type !== "release") continue
    for (const identity of identitiesOf(work)) {
      const key = keyOf(work, identity)
      const other = declared.get(key)
      if (other !== undefined && other !== work) throw twins(other, work, identity)
      declared.set(key, work)
    }
  }
  for (const work of leaving) {
    // One that this pass does not look at, or that is blocked, is there all the same.
    const action = work.planned?.action ?? "blocked"
    if (action !== "delete" && action !== "blocked") continue
    if (work.row?.deposed !== "") {
      if (action !== "delete") continue
      heirs ??= new Heirs(works.values())
      work.heir = heirs.of(work)
      if (work.heir !== undefined) work.planned = decideLeaving(work, engine)
      continue
    }
    const identity = identitiesOf(work).find((each) => declared.has(keyOf(work, each)))
    if (identity !== undefined) blockBoth(work, declared.get(keyOf(work, identity)) as Work, identity)
  }
}

/**
 * The nodes of a run by the ids of their things. What was replaced may be what another node is from then on, where two have swapped
 * their ids: it stays for that one.
 */
export class Heirs {
  readonly #byId = new Map<string, Work[]>()

  constructor(works: Iterable<Work>) {
    this.add(works)
  }

  /** Notes nodes by the ids that they have now; those that they had before are told apart by `of`. */
  add(works: Iterable<Work>): void {
    for (const work of works) {
      if (work.declaration?.type !== "resource" || work.id === undefined) continue
      const known = this.#byId.get(keyOf(work, work.id))
      if (known === undefined) this.#byId.set(keyOf(work, work.id), [work])
      else if (!known.includes(work)) known.push(work)
    }
  }

  /** Another node that is the same thing as `old`, which is to be deleted. Its own is known by the old id until its new thing is made. */
  of(old: Work): Address | undefined {
    if (old.id === undefined) return undefined
    const names = identitiesOf(old)
    const isSame = (each: Work): boolean =>
      each.address !== old.row?.address &&
      each.id === old.id &&
      identitiesOf(each).some((identity) => names.includes(identity))
    return this.#byId.get(keyOf(old, old.id))?.find(isSame)?.address
  }
}

/** What names a thing, as far as it is known: from what is wanted, or from what is recorded. */
function identitiesOf({ provider, want, last, id, declaration }: Work): readonly string[] {
  if (provider.kind === RELEASE_KIND) return backendOf(declaration?.props ?? last?.props)
  if (provider.identities === undefined) return id === undefined ? [] : [id]
  const props = want ?? last?.props
  if (props === undefined) return []
  try {
    return provider.identities(props, id)
  } catch {
    return [] // props of another version, perhaps: whoever reads or changes the thing finds out
  }
}

/** What a release sends traffic to: known before its instances are. Two that share it out would undo each other. */
function backendOf(props: unknown): readonly string[] {
  const { backend } = Object(Object(props).traffic)
  return typeof backend === "string" ? [`the traffic of ${backend}`] : []
}

function keyOf(work: Work, identity: string): string {
  return JSON.stringify([work.connection?.name ?? "", work.provider.kind, identity])
}

function twins(one: Work, other: Work, identity: string): FettleError {
  const places = [one, other].map((work) => String(work.declaration?.place))
  return new FettleError(
    "DUPLICATE_ID",
    `${one.address} at ${places[0]} and ${other.address} at ${places[1]} are the same ${one.provider.kind}: ${identity}`,
    { address: other.address, place: other.declaration?.place, details: { places } },
  )
}

function blockBoth(left: Work, heir: Work, identity: string): void {
  const error = new FettleError(
    "DUPLICATE_ID",
    `${left.address} left the program, and ${heir.address} is the same thing: ${identity}`,
    {
      next:
        heir.declaration?.type === "release"
          ? `what has traffic keeps its name: call it as before, or destroy ${left.address} first`
          : `if it was renamed: renamedFrom: ${JSON.stringify(left.address)}; or fettle state forget '${left.address}'`,
    },
  )
  if (left.planned?.action === "delete") left.planned = blocked(left, error)
  if (heir.planned?.because !== "not a target") heir.planned = blocked(heir, error)
}
