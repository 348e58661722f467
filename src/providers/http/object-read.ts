import type { HttpClient } from "../../connect/http-client.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Read } from "../../provider.ts"
import { type Asked, type Found, lookInList, type ObjectKey } from "./object-found.ts"
import { chosenId, markOf, type ObjectProps, readPath } from "./object-props.ts"
import { Look, type ObjectSeen } from "./object-seen.ts"
import { at, idText } from "./path.ts"

/**
 * Reads all keys: those of one list together, in as few calls as its paging needs, the others each by its own GET.
 * Absent is what a GET of its id, or a whole list, says is absent.
 */
export async function readObjects(
  keys: readonly ObjectKey[],
  call: Read<HttpClient>,
): Promise<ReadonlyMap<Address, ObjectSeen>> {
  const answers = new Map<Address, ObjectSeen>()
  const groups = new Map<string, Asked[]>()
  for (const key of keys) {
    const asked = askedOf(key)
    if (asked === undefined) answers.set(key.address, { failed: unknownPlace(key.address) })
    else if (asked.id === undefined && asked.marks.length === 0 && asked.unique === undefined)
      answers.set(key.address, { absent: true })
    else addTo(groups, JSON.stringify([asked.place.list ?? key.address, asked.place.id]), asked)
  }
  await Promise.all([...groups.values()].map((group) => readGroup(group, call, answers)))
  await Promise.all(keys.map((key) => readWhereItWas(key, call, answers)))
  return answers
}

function askedOf(key: ObjectKey): Asked | undefined {
  const place = key.want ?? key.last?.props
  return place === undefined ? undefined : askedAt(key, place)
}

function askedAt(key: ObjectKey, place: ObjectProps): Asked {
  const id = key.id ?? key.last?.outputs.id ?? chosenId(place)
  const field = place.settle?.by === "unique" ? place.settle.field : undefined
  const unique = field === undefined || id !== undefined ? undefined : idText(at(place.body, field))
  return { key, place, id, marks: markOf(place) === undefined ? [] : (key.open ?? []), unique }
}

function addTo<T>(groups: Map<string, T[]>, name: string, each: T): void {
  const known = groups.get(name)
  if (known === undefined) groups.set(name, [each])
  else known.push(each)
}

function unknownPlace(address: Address): FettleError {
  return new FettleError("READ_FAILED", `${address}: neither the program nor state says where it lies`, { address })
}

/** What has moved to other URLs in the program, and is not there, may still lie where it was recorded. */
async function readWhereItWas(
  key: ObjectKey,
  call: Read<HttpClient>,
  answers: Map<Address, ObjectSeen>,
): Promise<void> {
  const before = key.last?.props
  const seen = answers.get(key.address)
  if (key.want === undefined || before === undefined || seen === undefined || !("absent" in seen)) return
  if (placeOf(before) === placeOf(key.want)) return
  const there = new Map<Address, ObjectSeen>()
  await readGroup([askedAt(key, before)], call, there)
  const found = there.get(key.address) ?? seen
  answers.set(
    key.address,
    "outputs" in found ? { ...found, shown: { ...found.shown, create: before.create.path } } : found,
  )
}

function placeOf(props: ObjectProps): string {
  return JSON.stringify([props.create.path, readPath(props), props.list?.path])
}

/** Reads what lies in one list. What goes wrong with the list fails everything that was looked for in it. */
async function readGroup(
  group: readonly Asked[],
  call: Read<HttpClient>,
  answers: Map<Address, ObjectSeen>,
): Promise<void> {
  const look = new Look(call)
  const answer = async (asked: Asked, found: Found): Promise<void> => {
    try {
      answers.set(asked.key.address, await look.seenOf(asked, found))
    } catch (thrown) {
      answers.set(asked.key.address, { failed: asFettleError(thrown, "READ_FAILED").at(asked.key.address, undefined) })
    }
  }
  try {
    const found = await lookInList(group, call)
    await Promise.all(group.map((asked) => answer(asked, found)))
  } catch (thrown) {
    const failed = asFettleError(thrown, "READ_FAILED")
    for (const { key } of group) answers.set(key.address, { failed })
  }
}
