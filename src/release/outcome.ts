import type { FettleError } from "../errors.ts"
import type { RememberedVersion } from "../program/release-memory.ts"
import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Progress } from "./progress.ts"

/** Versions that were taken back and are remembered: nobody goes back further. */
const REFUSED_MAX = 20

/** What is remembered once the new version has all traffic. Pure. */
export function promoted(want: ReleaseProps, before: ReleaseOutputs | undefined, sentence: string): ReleaseOutputs {
  const live = standing(want)
  const old = [before?.live, ...(before?.kept ?? [])].filter(
    (each): each is RememberedVersion & NonNullable<ReleaseOutputs["live"]> =>
      each !== undefined && each.version !== want.version,
  )
  const rest = refusedBut(want.version, before)
  return { version: want.version, verdict: "yes", sentence, live, kept: old.slice(0, want.keep), ...rest }
}

/** What is remembered once a version has been taken back. Pure. */
export function rolledBack(
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  sentence: string,
  atMs: number,
): ReleaseOutputs {
  return {
    version: before?.live?.version ?? "",
    verdict: "no",
    sentence,
    ...(before?.live === undefined ? {} : { live: before.live }),
    kept: before?.kept ?? [],
    refused: [{ version: want.version, sentence, atMs }, ...others(want.version, before)].slice(0, REFUSED_MAX),
  }
}

/** What is remembered while a release waits for a person. Pure. */
export function held(before: ReleaseOutputs | undefined, sentence: string, progress: Progress): ReleaseOutputs {
  return waiting(before, sentence, { ...progress, waits: true })
}

/** What is remembered where an error ended the run while the traffic was on its way: the next one goes on from there. Pure. */
export function brokenOff(
  before: ReleaseOutputs | undefined,
  progress: Progress,
  { code, fact, next }: FettleError,
): ReleaseOutputs {
  const { version, phase } = progress
  const traffic = phase === "back" ? `${version} is being taken back` : `the traffic of ${version} stays as it is`
  const sentence = `${fact}; ${traffic}, and fettle apply goes on`
  return { ...waiting(before, sentence, progress), error: { code, next } }
}

function waiting(before: ReleaseOutputs | undefined, sentence: string, progress: Progress): ReleaseOutputs {
  return {
    version: before?.live?.version ?? "",
    verdict: "inconclusive",
    sentence,
    ...(before?.live === undefined ? {} : { live: before.live }),
    kept: before?.kept ?? [],
    ...(before?.refused === undefined ? {} : { refused: before.refused }),
    held: { version: progress.version, progress },
  }
}

/** What is remembered once a kept version has come back because a person asked. Pure. */
export function broughtBack(
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  left: string,
  sentence: string,
  atMs: number,
): ReleaseOutputs {
  return {
    version: want.version,
    verdict: "yes",
    sentence,
    live: standing(want),
    kept: (before?.kept ?? []).filter(({ version }) => version !== want.version),
    refused: [{ version: left, sentence, atMs }, ...others(left, before)]
      .filter(({ version }) => version !== want.version)
      .slice(0, REFUSED_MAX),
  }
}

/** Those that were taken back, but for one. */
function others(version: string, before: ReleaseOutputs | undefined): NonNullable<ReleaseOutputs["refused"]> {
  return (before?.refused ?? []).filter((each) => each.version !== version)
}

function refusedBut(version: string, before: ReleaseOutputs | undefined): Pick<ReleaseOutputs, "refused"> {
  const refused = others(version, before)
  return refused.length === 0 ? {} : { refused }
}

function standing({ version, slot, instances }: ReleaseProps): NonNullable<ReleaseOutputs["live"]> {
  return { version, slot, instances: [...instances] }
}
