import type { Address } from "./address.ts"

/** A version that a release has brought up before, as state remembers it. */
export interface RememberedVersion {
  readonly version: string
  readonly slot: number
  readonly instances: readonly InstanceAddress[]
}

/** Where one running copy of a version answers. */
export interface InstanceAddress {
  readonly name: string
  readonly address: string
  readonly port: number
}

/** What state says of one release. */
export interface ReleaseMemory {
  /** The version that all traffic goes to; missing before the first release. */
  readonly live?: RememberedVersion
  /** Versions before it that still run, newest first. */
  readonly kept: readonly RememberedVersion[]
  /** The version that is on its way: its release was cut off, or waits for a person. */
  readonly underway?: string
  /** The versions that were rolled back, each with why. */
  readonly refused?: ReadonlyMap<string, string>
  /** Slots that are taken, by version: also by versions that are still to be removed. */
  readonly slots: Readonly<Record<string, number>>
  /** Asked for: all traffic back to this version. */
  readonly backTo?: string
}

/** What state says of all releases of a program. */
export type ReleaseMemories = ReadonlyMap<Address, ReleaseMemory>

/** What copies of a version are called that are started anew, to compare another one with. */
export function freshOf(version: string): string {
  return `${version}+fresh`
}

export const NO_MEMORY: ReleaseMemory = Object.freeze({ kept: [], slots: {} })

/**
 * The slot of a version: the one it has, or the first that no version has that is still there.
 * @example slotFor({ kept: [], slots: { "1.4.1": 0 } }, "1.4.2") // 1
 */
export function slotFor({ slots }: Pick<ReleaseMemory, "slots">, version: string): number {
  const own = Object.hasOwn(slots, version) ? slots[version] : undefined
  if (own !== undefined) return own
  const taken = new Set(Object.values(slots))
  let slot = 0
  while (taken.has(slot)) slot += 1
  return slot
}
