import { z } from "zod"
import type { Json, Seen } from "../../provider.ts"
import { imageProps } from "../../providers/docker/image-props.ts"
import { ownerIn } from "../../providers/docker/labels.ts"
import { network } from "../../providers/docker/network.ts"
import { networkProps } from "../../providers/docker/network-props.ts"
import { networkOf, networkShape, seenNetwork } from "../../providers/docker/network-read.ts"
import { repositoryOf } from "../../providers/docker/reference.ts"
import { volume } from "../../providers/docker/volume.ts"
import { volumeProps } from "../../providers/docker/volume-props.ts"
import { seenVolume, volumeShape } from "../../providers/docker/volume-read.ts"
import type { Value } from "../draft/code.ts"
import { BUILT_IN_NETWORKS, type EngineJson, isAnonymous, PROJECT } from "../engine/engine-json.ts"
import { mapHoldsSecret } from "./draft-container.ts"
import { type DraftedThing, type Judged, keeperOf } from "./drafted-thing.ts"

/** What a list of networks holds besides what the kind knows. */
const networkBeyond = z.object({
  Scope: z.string().nullish(),
  ConfigOnly: z.boolean().nullish(),
  ConfigFrom: z.object({ Network: z.string().nullish() }).nullish(),
  IPAM: z
    .object({
      Driver: z.string().nullish(),
      Options: z.record(z.string(), z.unknown()).nullish(),
      Config: z.array(z.object({ AuxiliaryAddresses: z.record(z.string(), z.unknown()).nullish() })).nullish(),
    })
    .nullish(),
})

/** A network as a node, why it cannot be one, or undefined for the Engine's own. Pure. */
export function draftNetwork(json: unknown): Judged | undefined {
  const [parsed, beyond] = [networkShape.safeParse(json), networkBeyond.safeParse(json)]
  if (!parsed.success || !beyond.success) return { left: { what: "a network", why: "is not understood" } }
  const found = networkOf(parsed.data)
  if (BUILT_IN_NETWORKS.has(found.name)) return undefined
  const why = keeperOf(found.labels, ownerIn(found.labels)) ?? beyondNetwork(beyond.data)
  if (why !== undefined) return { left: { what: `network ${found.name}`, why } }
  const seen = seenNetwork(found)
  const props = trimmed(seen.shown, { driver: "bridge", internal: false, attachable: false, ipv6: false })
  return judgedThing("docker.network", found, props, seen, networkProps, network.plan)
}

function beyondNetwork({ Scope, ConfigOnly, ConfigFrom, IPAM }: z.output<typeof networkBeyond>): string | undefined {
  if (Scope === "swarm") return "is of a swarm"
  if (ConfigOnly === true || (ConfigFrom?.Network ?? "") !== "") return "takes its configuration from another one"
  if ((IPAM?.Driver ?? "default") !== "default" || Object.keys(IPAM?.Options ?? {}).length > 0)
    return "has addresses by a driver of its own, which docker.network does not know"
  const isReserved = IPAM?.Config?.some(({ AuxiliaryAddresses: all }) => Object.keys(all ?? {}).length > 0)
  return isReserved === true ? "keeps addresses free, which docker.network does not know" : undefined
}

/** A volume as a node, or why it cannot be one. Pure. */
export function draftVolume(json: unknown): Judged {
  const parsed = volumeShape.safeParse(json)
  if (!parsed.success) return { left: { what: "a volume", why: "is not understood" } }
  const { Name, Labels } = parsed.data
  if (isAnonymous(Name, Labels))
    return { left: { what: `volume ${Name.slice(0, 12)}`, why: "has no name: it came with a container" } }
  const why = keeperOf(Labels, ownerIn(Labels))
  if (why !== undefined) return { left: { what: `volume ${Name}`, why } }
  const seen = seenVolume(parsed.data)
  const props = trimmed(seen.shown, { driver: "local" })
  return judgedThing("docker.volume", { name: Name, labels: Labels }, props, seen, volumeProps, volume.plan)
}

/** The tags of an image as nodes. One that no registry has is never pulled: another one of that name is not it. Pure. */
export function draftImage({ RepoTags, RepoDigests, Labels }: EngineJson["images"][number]): readonly Judged[] {
  const tags = RepoTags.filter((tag) => tag !== "<none>:<none>")
  const why = keeperOf({}, ownerIn(Labels))
  if (why !== undefined) return tags.map((tag) => ({ left: { what: `image ${tag}`, why } }))
  const known = new Set(RepoDigests.map(repositoryOf))
  return tags.map((name) => {
    const parsed = imageProps.safeParse({ name })
    if (!parsed.success || parsed.data.name !== name)
      return { left: { what: `image ${name}`, why: "has a name that cannot be said" } }
    const isPulled = known.has(repositoryOf(name))
    const props = { name, ...(isPulled ? {} : { pull: "never" }) }
    return { kind: "docker.image", name, props, secrets: [], notes: [] }
  })
}

type Shown = Readonly<Record<string, Json>>

/** Props as they are shown, without what is so by default or empty. */
function trimmed(shown: Shown | undefined, usual: Shown): Readonly<Record<string, Value>> {
  const isEmpty = (value: Json): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0
  return Object.fromEntries(
    Object.entries(shown ?? {}).filter(
      (each): each is [string, Value & Json] => !isEmpty(each[1]) && each[1] !== usual[each[0]],
    ),
  )
}

/** A node where the kind would take it over as it is. */
function judgedThing<P, O>(
  kind: DraftedThing["kind"],
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  props: Readonly<Record<string, Value>>,
  seen: Seen<O>,
  schema: z.ZodType<P>,
  plan: (want: P, seen: Seen<O>, last: undefined) => { readonly action: string; readonly because?: string },
): Judged {
  const left = (why: string): Judged => ({ left: { what: `${kind.slice("docker.".length)} ${name}`, why } })
  for (const map of ["options", "labels"])
    if (mapHoldsSecret((props[map] ?? {}) as Readonly<Record<string, string>>))
      return left(`holds what looks like a secret among its ${map}`)
  const parsed = schema.safeParse(props)
  if (!parsed.success) return left(`cannot be said: ${parsed.error.issues[0]?.message ?? "it is not understood"}`)
  const { action, because } = plan(parsed.data, seen, undefined)
  if (action !== "none") return left(`would be changed: ${because ?? action}`)
  return { kind, name, props, secrets: [], notes: [], project: labels[PROJECT] }
}
