import type { InstanceAddress } from "../program/release-memory.ts"
import type { ReleaseProps } from "../program/release-props.ts"

/** A part of all traffic, from 0 to 1, for one instance. */
export interface InstanceShare {
  readonly instance: InstanceAddress
  readonly share: number
}

/** One step of a roll-out: how much of the traffic the new version gets, in words and by instance. */
export interface Step {
  /** Share of the new version, from 0 to 1. */
  readonly share: number
  readonly words: string
  readonly shares: readonly InstanceShare[]
}

/**
 * The steps of a roll-out. With shares each version's part is spread evenly over its instances; rolling moves one instance's part
 * after the other. Pure.
 * @example stepsOf({ steps: [5, 100] }, [old], [fresh]) // 5 % to fresh and 95 % to old, then all to fresh
 */
export function stepsOf(
  { steps }: Pick<ReleaseProps, "steps">,
  before: readonly InstanceAddress[],
  after: readonly InstanceAddress[],
): readonly Step[] {
  if (after.length === 0) return []
  if (before.length === 0) return [stepAt(1, before, after)]
  if (steps === "rolling") return rolling(before, after)
  return steps.map((percent) => stepAt(percent / 100, before, after))
}

/**
 * The steps where nobody that we know sends the traffic: both versions stand beside each other and get what they get, until the new one
 * is proven. Pure.
 */
export const BESIDE: readonly Step[] = [
  { share: 0, words: "its own part", shares: [] },
  { share: 1, words: "all", shares: [] },
]

function stepAt(share: number, before: readonly InstanceAddress[], after: readonly InstanceAddress[]): Step {
  const words = `${Math.round(share * 1000) / 10} %`
  return { share, words, shares: [...spread(after, share), ...spread(before, 1 - share)] }
}

function spread(instances: readonly InstanceAddress[], share: number): readonly InstanceShare[] {
  return instances.map((instance) => ({ instance, share: share / instances.length }))
}

function rolling(before: readonly InstanceAddress[], after: readonly InstanceAddress[]): readonly Step[] {
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
export function allTo(
  instances: readonly InstanceAddress[],
  others: readonly InstanceAddress[],
): readonly InstanceShare[] {
  return [...spread(instances, 1), ...others.map((instance) => ({ instance, share: 0 }))]
}
