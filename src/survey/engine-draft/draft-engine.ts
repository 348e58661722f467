import type { EngineClient } from "../../connect/docker/engine-client.ts"
import type { DraftedProgram } from "../draft/draft.ts"
import type { LeftOut } from "../draft/node.ts"
import { draftContainer } from "./draft-container.ts"
import { draftImage, draftNetwork, draftVolume } from "./draft-parts.ts"
import type { DraftedThing, Judged } from "./drafted-thing.ts"
import { engineProgram } from "./engine-program.ts"
import type { EngineWay } from "./engine-way.ts"
import { type EngineReading, readEngine } from "./reading.ts"
import { fields } from "./unsupported.ts"

/** Writes a program of what an Engine has, to be taken over as it is. Nothing is written on the Engine. */
export async function draftEngine(
  client: EngineClient,
  options: { readonly way: EngineWay; readonly signal: AbortSignal; readonly now: () => Date },
): Promise<DraftedProgram> {
  return draftedEngine(await readEngine(client, options.signal), options.way, options.now())
}

/** The same, once all is read. Pure. */
export function draftedEngine(reading: EngineReading, way: EngineWay, now: Date): DraftedProgram {
  const { name, version, images } = reading
  const judged = [
    ...images.flatMap(draftImage),
    ...reading.networks.flatMap((each) => draftNetwork(each) ?? []),
    ...reading.volumes.map(draftVolume),
    ...containersOf(reading, now),
  ]
  const { things, leftOut } = sorted(judged)
  const counts = new Map<string, number>()
  for (const { kind } of things) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const text = engineProgram({ name, version, at: now.toISOString(), things, leftOut }, way)
  return { text, counts, leftOut }
}

function containersOf({ containers, images, configs, info }: EngineReading, now: Date): readonly Judged[] {
  const named = images.flatMap(({ Id, RepoTags, RepoDigests }) =>
    [...RepoTags, ...RepoDigests].filter((tag) => !tag.startsWith("<none>")).map((tag) => [tag, Id] as const),
  )
  const tags = new Map(named)
  return containers.map((json) => {
    const image = configs.get(String(fields(json).Image))
    return draftContainer(json, { info, image, tags, now })
  })
}

/** By name; what has a name twice cannot be told apart. */
function sorted(judged: readonly Judged[]): {
  readonly things: readonly DraftedThing[]
  readonly leftOut: readonly LeftOut[]
} {
  const things = new Map<string, DraftedThing>()
  const leftOut: LeftOut[] = []
  for (const each of judged) {
    if ("left" in each) leftOut.push(each.left)
    else if (things.has(`${each.kind} ${each.name}`))
      leftOut.push({ what: `${each.kind.slice("docker.".length)} ${each.name}`, why: "is there twice" })
    else things.set(`${each.kind} ${each.name}`, each)
  }
  const byName = (a: DraftedThing, b: DraftedThing): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const rank = ["docker.image", "docker.network", "docker.volume", "docker.container"]
  const byKind = (a: DraftedThing, b: DraftedThing): number => rank.indexOf(a.kind) - rank.indexOf(b.kind)
  return {
    things: [...things.values()].sort((a, b) => byKind(a, b) || byName(a, b)),
    leftOut: leftOut.sort((a, b) => (a.what < b.what ? -1 : 1)),
  }
}
