import { asFettleError, type ErrorCode, FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import { RELEASE_KIND } from "../program/release.ts"
import { type ReleaseOutputs, type ReleaseProps, releaseOutputs, releaseProps } from "../program/release-props.ts"
import { type Json, type Key, type Provider, provider, type Read, type Seen, type Write } from "../provider.ts"
import { LONGEST_MS, type LocalTools } from "../verify/tools.ts"
import { carryOut } from "./carry-out.ts"
import { outputsIn } from "./memory.ts"
import { planRelease } from "./plan-release.ts"
import { progressIn } from "./progress.ts"
import { named, namesOf, serversOf } from "./servers.ts"
import { trafficIn } from "./traffic-in.ts"

type ReleaseKey = Key<ReleaseProps, ReleaseOutputs>

/**
 * Brings versions to full traffic, as nodes of a plan. A release that was cut off goes on from what its journal and the traffic say; one
 * that does not prove good ends with "no", which is a result and no error.
 */
export function releaseProvider(tools: LocalTools): Provider<typeof releaseProps, typeof releaseOutputs, unknown> {
  return provider({
    kind: RELEASE_KIND,
    version: 1,
    about: "A version brought to full traffic through checks.",
    connects: "none",
    props: releaseProps,
    outputs: releaseOutputs,
    settles: "unique",
    volatile: ["version", "verdict", "sentence", "live", "kept", "refused", "held", "error"],
    adoptsFound: true,
    timeoutMs: LONGEST_MS,
    id: () => undefined,
    read: readReleases,
    plan: planRelease,
    ensure: (want, seen, _change, call) => carryOut(want, beforeOf(seen), cutOffIn(seen), tools, call),
    answer: answerOf,
    delete: removeAll,
  })
}

function beforeOf(seen: Seen<ReleaseOutputs>): ReleaseOutputs | undefined {
  return "outputs" in seen ? seen.outputs : undefined
}

function cutOffIn(seen: Seen<ReleaseOutputs>): Json | undefined {
  return "failed" in seen ? undefined : seen.shown?.progress
}

/** A version that was taken back, or waits, is no success: what comes after it is not changed. */
function answerOf({ verdict, sentence, error }: ReleaseOutputs): { verdict?: typeof verdict; error?: FettleError } {
  if (error !== undefined) return { error: new FettleError(error.code as ErrorCode, sentence, { next: error.next }) }
  if (verdict === "yes") return { verdict }
  return { verdict, error: new FettleError(verdict === "no" ? "RELEASE_ROLLED_BACK" : "RELEASE_UNDECIDED", sentence) }
}

async function readReleases(
  keys: readonly ReleaseKey[],
  call: Read<unknown>,
): Promise<ReadonlyMap<Address, Seen<ReleaseOutputs>>> {
  const answers = await Promise.all(keys.map(async (key) => [key.address, await readRelease(key, call)] as const))
  return new Map(answers)
}

/** What is recorded, what a run that was cut off has left, and whether the traffic goes where it was sent. */
async function readRelease(key: ReleaseKey, { connection, signal }: Read<unknown>): Promise<Seen<ReleaseOutputs>> {
  const { want, last, open = [], progress = {} } = key
  const outputs = outputsIn(last?.outputs)
  try {
    const left = open.map((token) => progress[token]).findLast((each) => each !== undefined)
    const cutOff = progressIn(left ?? (outputs?.held?.progress as Json | undefined))
    const shown: Record<string, Json> = {}
    if (cutOff !== undefined) shown.progress = cutOff as Json
    const moved = await movedTraffic(want, outputs, connection, signal)
    if (moved !== undefined) shown.traffic = moved
    return outputs === undefined ? { absent: true, shown } : { outputs, shown }
  } catch (thrown) {
    return { failed: asFettleError(thrown, "READ_FAILED") }
  }
}

/** What stands with who sends the traffic other than it was left: servers that a restart has lost, weights that somebody has changed. */
async function movedTraffic(
  want: ReleaseProps | undefined,
  outputs: ReleaseOutputs | undefined,
  client: unknown,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { live } = outputs ?? {}
  if (want?.traffic === undefined || live === undefined) return undefined
  const places = await trafficIn(want, client).look(signal)
  for (const instance of live.instances) {
    const { name } = named(instance, live.version)
    const place = places.find((each) => each.name === name)
    if (place === undefined) return `${instance.name} of ${live.version} is not there for ${want.traffic.backend}`
    if (place.state !== "ready" || place.weight === 0) return `${instance.name} of ${live.version} gets no traffic`
  }
  return undefined
}

/** Takes all that it has sent traffic to out again. Already gone is success. */
async function removeAll(
  seen: Seen<ReleaseOutputs>,
  last: { readonly props: ReleaseProps; readonly outputs: ReleaseOutputs } | undefined,
  call: Write<unknown>,
): Promise<void> {
  const outputs = outputsIn(last?.outputs)
  if (last?.props.traffic === undefined) return
  const versions = [outputs?.live, ...(outputs?.kept ?? []), last.props].filter((each) => each !== undefined)
  const names = namesOf(versions.flatMap(serversOf))
  const waiting = progressIn(cutOffIn(seen) ?? (outputs?.held?.progress as Json | undefined))?.servers ?? []
  await trafficIn(last.props, call.connection).remove([...new Set([...names, ...waiting])], call.signal)
}
