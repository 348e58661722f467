import { createHash } from "node:crypto"
import { FettleError } from "../errors.ts"
import type { DataKey } from "../secrets/key.ts"
import type { RecordPlace } from "../state/home.ts"
import { linkOf, sealOf } from "../state/shared/chain.ts"
import type { Entry, Head } from "../state/shared/ledger.ts"
import type { Said } from "./fact.ts"

/** The version of what stands in heads and entries. */
export const FORMAT = 1

/**
 * Refuses a head that Fettle did not write with this key for this place.
 * @throws FettleError `AUDIT_ALTERED`, `STATE_NEWER`, `STATE_KEY_WRONG`
 */
export function proveHead(key: DataKey, { place, name }: Pick<RecordPlace, "place" | "name">, head: Head): void {
  if (typeof head !== "object" || head === null) throw altered(name, "its head is not as Fettle wrote it")
  if (!(head.format <= FORMAT))
    throw new FettleError("STATE_NEWER", `${name} has format ${head.format}; this Fettle knows ${FORMAT}`)
  if (head.keyId !== key.id)
    throw new FettleError("STATE_KEY_WRONG", `${name} is kept with data key ${head.keyId}; the one here is ${key.id}`, {
      next: "set FETTLE_STATE_KEY to the right key; where fettle state rotate-key was cut off, repeat it with the old key",
    })
  if (!isSealed(key, head)) throw altered(name, "its head is not as Fettle wrote it")
  if (head.place !== place) throw altered(name, `its head is the one of ${head.place}`)
}

/** What stands there may be anything, also no head at all. */
function isSealed(key: DataKey, head: Head): boolean {
  try {
    return head.seal === sealOf(key, head)
  } catch {
    return false
  }
}

/**
 * Refuses entries that are not what the head says follows an entry: edited, forged, put elsewhere, repeated, left out or cut off.
 * @param before the entry that they follow; serial 0 and an empty link where they are all
 * @returns false where they are proven by more than one key: then all of them are needed
 * @throws FettleError `AUDIT_ALTERED` naming the entry
 */
export function proveEntries(
  key: DataKey,
  name: string,
  head: Head,
  before: Pick<Entry, "serial" | "link">,
  entries: readonly Entry[],
): boolean {
  refuseGaps(name, head, before.serial, entries)
  const changed = entries.findLastIndex(isKeyChange)
  if (changed !== -1 && before.serial > 0) return false
  const own = entries.slice(Math.max(changed, 0))
  let link = changed > 0 ? (entries[changed - 1] as Entry).link : before.link
  for (const entry of own) {
    if (entry.link !== linkOf(key, head, link, entry))
      throw altered(name, `entry ${entry.serial} is not as Fettle wrote it`)
    link = entry.link
  }
  if (link !== head.link) throw altered(name, `entry ${head.serial} is not the one that its head speaks of`)
  if (changed > 0) refuseOlder(name, entries.slice(0, changed), entries[changed] as Entry)
  return true
}

function refuseGaps(name: string, head: Head, before: number, entries: readonly Entry[]): void {
  let serial = before
  for (const entry of entries) {
    serial += 1
    if (typeof entry?.body !== "string" || typeof entry.link !== "string")
      throw altered(name, `entry ${serial} is not as Fettle wrote it`)
    if (entry.serial !== serial)
      throw altered(name, `entry ${serial} is missing, and entry ${entry.serial} is in its place`)
  }
  if (serial !== head.serial)
    throw altered(name, `its head speaks of ${head.serial} entries, and what is there ends with entry ${serial}`)
}

/** What was written under earlier keys is proven as a whole by the entry that says that the key was changed. */
function refuseOlder(name: string, entries: readonly Entry[], change: Entry): void {
  const { fact } = JSON.parse(change.body) as Said
  if (fact.type === "key.changed" && fact.before === hashOfEntries(entries)) return
  throw altered(
    name,
    `one of the entries 1 to ${entries.length}, which are of before the key was changed, is not as it was`,
  )
}

function isKeyChange({ body }: Entry): boolean {
  return body.includes('"fact":{"type":"key.changed"') // what is none of it fails as a link, what is one is proven as one
}

/** What an entry that changes the key says of all that came before. */
export function hashOfEntries(entries: readonly Entry[]): string {
  const hash = createHash("sha256")
  for (const { serial, body, link } of entries) hash.update(`${JSON.stringify([serial, body, link])}\n`)
  return hash.digest("hex")
}

export function altered(name: string, fact: string): FettleError {
  return new FettleError("AUDIT_ALTERED", `${name}: ${fact}`)
}
