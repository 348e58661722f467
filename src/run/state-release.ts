import { FettleError } from "../errors.ts"
import { RELEASE_KIND } from "../program/release.ts"
import type { ReleaseOutputs } from "../program/release-props.ts"
import { outputsIn, releaseMemories } from "../release/memory.ts"
import { progressIn } from "../release/progress.ts"
import { decode, encode } from "../state/encode.ts"
import type { Row, Snapshot } from "../state/store.ts"
import type { StateEdit } from "./state-edit.ts"

/**
 * The address of a release by its address or its name.
 * @throws FettleError `STATE_NOT_FOUND`
 */
export function releaseNamed({ rows, open }: Snapshot, name: string): string {
  const all = [...rows, ...open].filter(({ kind }) => kind === RELEASE_KIND).map(({ address }) => address)
  const found = [...new Set(all)].filter((each) => each === name || each.endsWith(`${RELEASE_KIND}[${name}]`))
  if (found.length === 1) return found[0] as string
  const known = [...new Set(all)].join(", ")
  throw new FettleError(
    "STATE_NOT_FOUND",
    found.length === 0 ? `no release ${name} is recorded` : `${found.length} releases are named ${name}`,
    { next: known === "" ? "fettle apply records one" : `give one of these: ${known}` },
  )
}

/**
 * The version that all traffic is to go back to: the one that is named, else the one before the last.
 * @throws FettleError `RELEASE_NOT_KEPT`
 */
export function versionBefore(snapshot: Snapshot, release: string, named: string | undefined): string {
  const memory = releaseMemories(snapshot).get(release as never)
  const standing = [...(memory?.live === undefined ? [] : [memory.live]), ...(memory?.kept ?? [])]
  const before = memory?.underway === undefined ? memory?.kept[0] : memory.live
  const version = named ?? before?.version
  const names = standing.map((each) => each.version).join(", ")
  if (version !== undefined && standing.some((each) => each.version === version)) return version
  throw new FettleError(
    "RELEASE_NOT_KEPT",
    `${release} keeps ${version === undefined ? "no version before it" : `no version ${version}`}`,
    {
      next: names === "" ? "it has none: release one" : `these run: ${names}`,
    },
  )
}

/**
 * A release that waits for a person is to go on to all traffic with the next apply.
 * @throws FettleError `STATE_NOT_FOUND` where none waits
 */
export async function promoteHeld(edit: StateEdit, release: string): Promise<string> {
  const { row, outputs } = held(edit, release)
  const progress = progressIn(outputs.held?.progress as never)
  if (outputs.held === undefined || progress === undefined)
    throw new FettleError("STATE_NOT_FOUND", `${release} does not wait for anybody`, {
      next: "fettle plan says how it stands",
    })
  const promoted = { ...progress, phase: "promoted" as const, sentence: "promoted by hand" }
  await write(edit, row, { ...outputs, held: { version: outputs.held.version, progress: promoted } })
  return outputs.held.version
}

/**
 * The versions that were rolled back may be tried again with the next apply.
 * @throws FettleError `STATE_NOT_FOUND` where none was
 */
export async function forgetRefusal(edit: StateEdit, release: string): Promise<string> {
  const { row, outputs } = held(edit, release)
  const { refused, ...rest } = outputs
  if (refused === undefined || refused.length === 0)
    throw new FettleError("STATE_NOT_FOUND", `no version of ${release} was rolled back`, {
      next: "fettle plan says how it stands",
    })
  await write(edit, row, rest)
  return refused.map(({ version }) => version).join(", ")
}

function held({ snapshot }: StateEdit, release: string): { readonly row: Row; readonly outputs: ReleaseOutputs } {
  const row = snapshot.rows.find(({ address, deposed }) => address === release && deposed === "")
  const outputs = row === undefined ? undefined : outputsIn(decode(row.outputs))
  if (row !== undefined && outputs !== undefined) return { row, outputs }
  throw new FettleError("STATE_NOT_FOUND", `nothing is recorded of ${release} yet`, { next: "fettle apply" })
}

async function write({ write: commit }: StateEdit, row: Row, outputs: ReleaseOutputs): Promise<void> {
  await commit({ rows: [{ ...row, outputs: encode(outputs) }] })
}
