import { FettleError } from "../../errors.ts"
import type { DataKey } from "../../secrets/key.ts"
import type { Entry, Head, Kept } from "./ledger.ts"

/** What is in a head besides its seal. */
type Open = Omit<Head, "seal">

/** The link of an entry: it authenticates the entry, its place in the row, whose state it is, and by the link before it all that came before. */
export function linkOf(
  key: DataKey,
  head: Pick<Head, "place" | "lineage">,
  before: string,
  entry: Omit<Entry, "link">,
): string {
  return key.authenticate("entry", head.place, head.lineage, before, String(entry.serial), entry.body)
}

/** A head with its seal. */
export function sealed(key: DataKey, open: Open): Head {
  return { ...open, seal: sealOf(key, open) }
}

/** What proves a head. */
export function sealOf(key: DataKey, head: Open): string {
  const { format, place, lineage, keyId, base, baseLink, serial, link, movedTo, delivered } = head
  const texts = [String(format), place, lineage, keyId, String(base), baseLink, String(serial), link, movedTo ?? ""]
  if (delivered !== undefined) texts.push(JSON.stringify(Object.entries(delivered)))
  return key.authenticate("head", ...texts)
}

/**
 * Refuses what Fettle did not write so: a head or an entry that was edited, forged, put elsewhere, repeated, left out or cut off.
 * @throws FettleError `STATE_ALTERED`
 */
export function refuseAltered(key: DataKey, place: string, { head, entries }: Kept, store: string): void {
  const refuse = (fact: string): never => {
    throw new FettleError("STATE_ALTERED", `${store}: ${fact}`)
  }
  if (head.seal !== sealOf(key, head)) refuse("its head is not as Fettle wrote it")
  if (head.place !== place) refuse(`its head is the one of ${head.place}`)
  let [serial, link] = [head.base - 1, head.baseLink]
  for (const entry of entries) {
    if (entry.serial !== serial + 1) refuse(`entry ${serial + 1} is missing, and entry ${entry.serial} is in its place`)
    serial += 1
    if (entry.link !== linkOf(key, head, link, entry)) refuse(`entry ${serial} is not as Fettle wrote it`)
    link = entry.link
  }
  if (serial !== head.serial || link !== head.link)
    refuse(`its head speaks of ${head.serial} entries, and what is there ends with entry ${serial}`)
}
