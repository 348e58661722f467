import type { Address } from "../program/address.ts"
import { isPlain } from "../program/output.ts"
import { RELEASE_KIND } from "../program/release.ts"
import type { ReleaseMemories, ReleaseMemory } from "../program/release-memory.ts"
import { type ReleaseOutputs, releaseOutputs } from "../program/release-props.ts"
import { VERSION_KIND } from "../program/release-version.ts"
import { decode } from "../state/encode.ts"
import type { IntentLine, Row, Snapshot } from "../state/store.ts"

/**
 * What state says of the releases of a program: read before the program is called, so that it declares each version in a slot of its
 * own, and so that what runs older versions stays.
 * @param backTo what was asked for by name
 */
export function releaseMemories(
  { rows, open }: Pick<Snapshot, "rows" | "open">,
  backTo?: { readonly release: string; readonly version: string },
): ReleaseMemories {
  const memories = new Map<Address, ReleaseMemory>()
  const change = (address: string, more: Partial<ReleaseMemory>): void => {
    const known = memories.get(address as Address) ?? { kept: [], slots: {} }
    memories.set(address as Address, { ...known, ...more, slots: { ...known.slots, ...more.slots } })
  }
  for (const row of rows) {
    if (row.kind === RELEASE_KIND && row.deposed === "") change(row.address, ofRelease(row))
    if (row.kind === VERSION_KIND) placeIn(decode(row.props), change)
  }
  for (const intent of open) {
    if (intent.kind === VERSION_KIND && intent.action === "create") placeIn(decode(intent.want), change)
    if (intent.kind === RELEASE_KIND && intent.action === "run") change(intent.address, underwayIn(intent))
  }
  if (backTo !== undefined) change(backTo.release, { backTo: backTo.version })
  return memories
}

function placeIn(props: unknown, change: (address: string, more: Partial<ReleaseMemory>) => void): void {
  const { release, version, slot } = Object(props)
  if (typeof release === "string" && typeof version === "string" && typeof slot === "number")
    change(release, { slots: { [version]: slot } })
}

function ofRelease(row: Row): Partial<ReleaseMemory> {
  const outputs = outputsIn(decode(row.outputs))
  if (outputs === undefined) return {}
  const { live, kept, held, refused } = outputs
  return {
    ...(live === undefined ? {} : { live }),
    kept,
    ...(held === undefined ? {} : { underway: held.version }),
    ...(refused === undefined ? {} : { refused: new Map(refused.map(({ version, sentence }) => [version, sentence])) }),
  }
}

/** Outputs of a release as state has them; undefined where it failed before it had any. */
export function outputsIn(value: unknown): ReleaseOutputs | undefined {
  const parsed = releaseOutputs.safeParse(value)
  return parsed.success ? parsed.data : undefined
}

function underwayIn({ want }: IntentLine): Partial<ReleaseMemory> {
  const props = decode(want)
  return isPlain(props) && typeof props.version === "string" ? { underway: props.version } : {}
}
