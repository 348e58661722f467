import type { InstanceAddress } from "../program/release-memory.ts"
import type { ReleaseProps } from "../program/release-props.ts"

/** A part of all traffic, from 0 to 1, for one instance. */
export interface InstanceShare<I extends InstanceAddress = InstanceAddress> {
  readonly instance: I
  readonly share: number
}

/** One step of a roll-out: how much of the traffic the new version gets, in words and by instance. */
export interface Step<I extends InstanceAddress = InstanceAddress> {
  /** Share of the new version, from 0 to 1. */
  readonly share: number
  readonly words: string
  readonly shares: readonly InstanceShare<I>[]
}

/** Who can get traffic while a version is brought up. */
export interface Sides<I extends InstanceAddress> {
  readonly before: readonly I[]
  readonly after: readonly I[]
  /** Copies of the version before it that were started with the new one: they get as much as it, while there is as much. */
  readonly fresh: readonly I[]
}

/**
 * The steps of a roll-out. With shares each version's part is spread evenly over its instances; rolling moves one instance's part
 * after the other. Pure.
 * @example stepsOf({ steps: [5, 100] }, { before: [old], after: [new], fresh: [] }) // 5 % to new and 95 % to old, then all to new
 */
export function stepsOf<I extends InstanceAddress>(
  { steps }: Pick<ReleaseProps, "steps">,
  sides: Sides<I>,
): readonly Step<I>[] {
  const { before, after } = sides
  if (after.length === 0) return []
  if (before.length === 0) return [stepAt(1, sides)]
  if (steps === "rolling") return rolling(before, after)
  return steps.map((percent) => stepAt(percent / 100, sides))
}

/**
 * The steps where nobody that we know sends the traffic: both versions stand beside each other and get what they get, until the new one
 * is proven. Pure.
 */
export const BESIDE: readonly Step<never>[] = [
  { share: 0, words: "its own part", shares: [] },
  { share: 1, words: "all", shares: [] },
]

function stepAt<I extends InstanceAddress>(share: number, { before, after, fresh }: Sides<I>): Step<I> {
  const words = `${Math.round(share * 1000) / 10} %`
  const beside = fresh.length === 0 ? 0 : Math.min(share, 1 - share)
  const rest = Math.max(0, 1 - share - beside)
  return { share, words, shares: [...spread(after, share), ...spread(fresh, beside), ...spread(before, rest)] }
}

function spread<I extends InstanceAddress>(instances: readonly I[], share: number): readonly InstanceShare<I>[] {
  return instances.map((instance) => ({ instance, share: share / instances.length }))
}

function rolling<I extends InstanceAddress>(before: readonly I[], after: readonly I[]): readonly Step<I>[] {
  return after.map((_, at) => {
    const share = (at + 1) / after.length
    const done = after.slice(0, at + 1)
    const gone = Math.floor(share * before.length)
    const left = share === 1 ? [] : before.slice(Math.min(gone, before.length - 1))
    const words = `${at + 1} of ${after.length}`
    const none = before.filter((each) => !left.includes(each)).map((instance) => ({ instance, share: 0 }))
    const idle = after.slice(at + 1).map((instance) => ({ instance, share: 0 }))
    return { share, words, shares: [...spread(done, share), ...idle, ...spread(left, 1 - share), ...none] }
  })
}

/** All traffic to one version, none to the others. */
export function allTo<I extends InstanceAddress>(
  instances: readonly I[],
  others: readonly I[],
): readonly InstanceShare<I>[] {
  return [...spread(instances, 1), ...others.map((instance) => ({ instance, share: 0 }))]
}
