import type { Instance, Place, Traffic } from "../connect/traffic.ts"
import { placesOf } from "./liveness.ts"
import { namesOf } from "./servers.ts"
import { allTo, type InstanceShare } from "./shares.ts"

/** What traffic is sent with. */
export interface Sending {
  readonly traffic: Traffic
  tell(text: string): void
  readonly signal: AbortSignal
}

/**
 * Sends traffic. What the version before it has left goes to those of its copies that are up: to wait for one that is down would leave the
 * traffic where it must not stay. Such a copy comes in again with a later run. Where all of them are down, nobody would get an answer: the
 * new version has their part then.
 * @param before copies that stood before: their part is theirs together
 */
export async function send(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  sending: Sending,
): Promise<void> {
  const places = (await placesOf(sending.traffic, sending.signal)) ?? []
  await route(withoutDown(shares, before, places) ?? takenOver(shares, before, places) ?? shares, shares, sending)
}

/** All traffic back to copies that stood before. */
export async function backTo(
  before: readonly Instance[],
  others: readonly Instance[],
  sending: Sending,
): Promise<void> {
  const shares = allTo(before, others)
  const places = (await placesOf(sending.traffic, sending.signal)) ?? []
  await route(withoutDown(shares, before, places) ?? shares, shares, sending)
}

/**
 * Whether traffic must be sent once more: who sends it has lost a server, as one that is started anew does, or all copies of the version
 * before are down while the new one is up. Pure.
 */
export function mustSendAgain(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  places: readonly Place[],
): boolean {
  const placeOf = ({ name }: Instance): Place | undefined => places.find((each) => each.name === name)
  const served = shares.filter(({ share }) => share > 0)
  if (served.some(({ instance }) => placeOf(instance) === undefined)) return true
  const isSent = ({ instance }: InstanceShare<Instance>): boolean => (placeOf(instance)?.weight ?? 0) > 0
  return takenOver(served, before, places) !== undefined && ofBefore(served, before).some(isSent)
}

async function route(
  living: readonly InstanceShare<Instance>[],
  shares: readonly InstanceShare<Instance>[],
  { traffic, tell, signal }: Sending,
): Promise<void> {
  const down = living.filter(({ share }, at) => share === 0 && (shares[at]?.share ?? 0) > 0)
  if (down.length > 0)
    tell(`${namesOf(down.map(({ instance }) => instance)).join(", ")} takes no connections: the others have its part`)
  await traffic.route(living, signal)
}

function ofBefore(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
): readonly InstanceShare<Instance>[] {
  const known = new Set(namesOf(before))
  return shares.filter(({ instance, share }) => share > 0 && known.has(instance.name))
}

function isDown({ name }: Instance, places: readonly Place[]): boolean {
  return places.find((each) => each.name === name)?.up === false
}

/** With the part of the version before at the new one; undefined where a copy of it is up, or none of the new one can be. */
function takenOver(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  places: readonly Place[],
): readonly InstanceShare<Instance>[] | undefined {
  const served = ofBefore(shares, before)
  if (served.length === 0 || served.some(({ instance }) => !isDown(instance, places))) return undefined
  const able = shares.filter((each) => each.share > 0 && !served.includes(each) && !isDown(each.instance, places))
  if (able.length === 0) return undefined
  const more = served.reduce((sum, { share }) => sum + share, 0) / able.length
  return shares.map((each) => {
    if (served.includes(each)) return { ...each, share: 0 }
    return able.includes(each) ? { ...each, share: each.share + more } : each
  })
}

/** With the part of copies that are down at the others of their version; undefined where none is down, or none is up. */
function withoutDown(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  places: readonly Place[],
): readonly InstanceShare<Instance>[] | undefined {
  const served = ofBefore(shares, before)
  const down = served.filter(({ instance }) => isDown(instance, places))
  const up = served.length - down.length
  if (down.length === 0 || up === 0) return undefined
  const more = down.reduce((sum, { share }) => sum + share, 0) / up
  return shares.map((each) => {
    if (!served.includes(each)) return each
    return { ...each, share: down.includes(each) ? 0 : each.share + more }
  })
}
