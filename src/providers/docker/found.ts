import { FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Key } from "../../provider.ts"
import { type Labels, markIn, ownerWords } from "./labels.ts"

/** A thing on the Engine with what tells it from others. */
export interface There {
  readonly id: string
  readonly name: string
  readonly labels: Labels
}

/** Ways to find things of one kind. What `look` does not find is not there. */
export interface Ways<T extends There> {
  /** "container", "network" */
  readonly noun: string
  /** Found by the token of the create that made it. */
  byToken(token: string): Promise<T | undefined>
  /** By id or by name. */
  look(idOrName: string): Promise<T | undefined>
}

type Named = { readonly name: string }

/**
 * The thing that a key means: what a cut off create made, else what is recorded, else what has its name.
 * @throws FettleError `FOREIGN` where the recorded one is gone and another one has its name
 */
export async function findFor<T extends There>(key: Key<Named, Named>, ways: Ways<T>): Promise<T | undefined> {
  for (const token of [...(key.open ?? [])].reverse()) {
    const made = await ways.byToken(token)
    if (made !== undefined) return made
  }
  const recorded = key.id === undefined ? undefined : await ways.look(key.id)
  if (recorded !== undefined && recorded.id === key.id) return recorded
  if (key.want === undefined) return undefined
  const holder = await ways.look(key.want.name)
  if (holder === undefined || holder.name !== key.want.name) return undefined // what was meant as a name may be the beginning of an id
  if (key.last === undefined || isOpen(key, holder)) return holder
  throw tookItsName(key.address, ways.noun, holder)
}

function isOpen({ open = [] }: Key<Named, Named>, { labels }: There): boolean {
  const { mark } = markIn(labels)
  return mark !== undefined && open.includes(mark)
}

function tookItsName(address: Address, noun: string, { name, labels }: There): FettleError {
  const fact = `the ${noun} that was recorded is gone, and its name ${name} has another one, ${ownerWords(labels)}`
  return new FettleError("FOREIGN", fact, {
    address,
    next: `remove that one; or: fettle state forget '${address}', then: fettle adopt '${address}'`,
  })
}
