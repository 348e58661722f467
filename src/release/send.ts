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
 * traffic where it must not stay. Such a copy comes in again with a later run.
 * @param before copies that stood before: their part is theirs together
 */
export async function send(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  { traffic, tell, signal }: Sending,
): Promise<void> {
  const living = withoutDown(shares, before, (await placesOf(traffic, signal)) ?? [])
  if (living !== shares) {
    const down = living.filter(({ share }, at) => share === 0 && (shares[at]?.share ?? 0) > 0)
    tell(`${namesOf(down.map(({ instance }) => instance)).join(", ")} takes no connections: the others have its part`)
  }
  await traffic.route(living, signal)
}

/** All traffic back to copies that stood before. */
export function backTo(before: readonly Instance[], others: readonly Instance[], sending: Sending): Promise<void> {
  return send(allTo(before, others), before, sending)
}

function withoutDown(
  shares: readonly InstanceShare<Instance>[],
  before: readonly Instance[],
  places: readonly Place[],
): readonly InstanceShare<Instance>[] {
  const known = new Set(namesOf(before))
  const served = shares.filter(({ instance, share }) => share > 0 && known.has(instance.name))
  const down = served.filter(({ instance }) => places.find(({ name }) => name === instance.name)?.up === false)
  const up = served.length - down.length
  if (down.length === 0 || up === 0) return shares
  const more = down.reduce((sum, { share }) => sum + share, 0) / up
  return shares.map((each) => {
    if (!served.includes(each)) return each
    return { ...each, share: down.includes(each) ? 0 : each.share + more }
  })
}
