/** Where a value stands: names of keys, and numbers of items in lists. */
export type ValuePath = readonly (string | number)[]

/** Why a text cannot be read or edited. */
export class EditRefused extends Error {}

/** As people read it. */
export function shownPath(at: ValuePath): string {
  return at.map(String).join(".")
}
