import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Key, Read, Seen } from "../../provider.ts"
import { type Container, containerOf } from "./container-json.ts"
import type { ContainerOutputs, ContainerProps } from "./container-props.ts"
import { healthOf, type PlainEnv, shownOf } from "./container-shown.ts"
import { findFor } from "./found.ts"
import { ImageIds } from "./image-ids.ts"
import { inspect } from "./inspects.ts"
import { LINE, markIn, STARTED_WITH } from "./labels.ts"
import { type Listed, listOurs, versionsOf } from "./versions.ts"

type ContainerKey = Key<ContainerProps, ContainerOutputs>
export type ContainerSeen = Extract<Seen<ContainerOutputs>, { outputs: unknown }>

/**
 * One list of what carries our marks and one of images; then each container is looked at by itself, since a list holds no environment,
 * limits or health, and may be old.
 */
export async function readContainers(
  keys: readonly ContainerKey[],
  call: Read<EngineClient>,
): Promise<ReadonlyMap<Address, Seen<ContainerOutputs>>> {
  const { connection, signal } = call
  const ours = await listOurs(connection, signal)
  const byToken = new Map(ours.map((each) => [markIn(each.labels).mark, each.id]))
  const look = (name: string) => lookAt(name, connection, signal)
  const images = new ImageIds(connection, signal)
  const ways = {
    noun: "container",
    byToken: async (token: string) => {
      const id = byToken.get(token)
      return id === undefined ? undefined : look(id)
    },
    look,
  }
  const seen = async (key: ContainerKey): Promise<Seen<ContainerOutputs>> => {
    try {
      const found = await findFor(key, ways)
      if (found === undefined) return goneAs(key, ours)
      return isGivenUp(found, key) ? givenUpAs(found, key) : await seenAs(found, key, ours, images, call)
    } catch (thrown) {
      return { failed: asFettleError(thrown, "READ_FAILED") }
    }
  }
  return new Map(await Promise.all(keys.map(async (key) => [key.address, await seen(key)] as const)))
}

/** What is kept of a container that is gone itself is not: its successor inherits it, and where it is to go it is still to be deleted. */
function goneAs({ want, last }: ContainerKey, ours: readonly Listed[]): Seen<ContainerOutputs> {
  if (last === undefined) return { absent: true }
  const { line, id } = last.outputs
  const versions = versionsOf(line, ours)
  if (want !== undefined || versions.length === 0) return { absent: true, shown: { line } }
  return { outputs: { ...last.outputs, running: false, versions: [...versions] }, id }
}

/**
 * Whether it is one of ours that an Engine which ended in the middle has left: half removed, made without any network, or begun to be
 * started and never to start again, because what runs containers has kept its folder. It is in the way of its successor.
 */
function isGivenUp({ id, labels, json }: Container, { want, last, open = [] }: ContainerKey): boolean {
  const { Status, Error: said } = json.State
  const isHalfMade = Object.keys(json.NetworkSettings.Networks).length === 0 || LEFT_FOLDER.test(said)
  if (want === undefined || !(GIVEN_UP.has(Status) || (Status === "created" && isHalfMade))) return false
  return last?.outputs.id === id || open.includes(markIn(labels).mark ?? "")
}

const GIVEN_UP: ReadonlySet<string> = new Set(["dead", "removing"])

/** What containerd says of a container that it has begun to start before. */
const LEFT_FOLDER = /failed to (?:start|create) shim.*file exists/

/** Not there any more; `dead` is what is left of it. */
function givenUpAs({ id, labels }: Container, { last }: ContainerKey): Seen<ContainerOutputs> {
  const line = labels[LINE] ?? last?.outputs.line
  return { absent: true, shown: { dead: id, ...(line === undefined ? {} : { line }) } }
}

/** One container by its id or name; undefined where there is none. */
export async function lookAt(name: string, client: EngineClient, signal: AbortSignal): Promise<Container | undefined> {
  const json = await inspect(client, `/containers/${encodeURIComponent(name)}/json`, signal)
  return json === undefined ? undefined : containerOf(json)
}

/** A container as it is answered and compared. */
export async function seenAs(
  container: Container,
  key: Pick<ContainerKey, "want" | "last">,
  ours: readonly Listed[],
  images: ImageIds,
  call: Pick<Read<EngineClient>, "seal">,
): Promise<ContainerSeen> {
  const { json, id, labels } = container
  const outputs = outputsOf(container, key.last?.outputs, ours)
  const wanted = key.want === undefined ? undefined : await images.idOf(key.want.image, outputs.image)
  const shown = {
    ...shownOf(json, plainEnv(key), (sha256) => call.seal(sha256)),
    imageTag: json.Config.Image,
    ...(wanted === undefined ? {} : { imageWanted: wanted }),
  }
  return { outputs, id, ...markIn(labels), shown }
}

/** Values that the program gives in the open, or gave. */
function plainEnv({ want, last }: Pick<ContainerKey, "want" | "last">): PlainEnv {
  const all = Object.entries({ ...last?.props.env, ...want?.env })
  return Object.fromEntries(all.filter((each): each is [string, string] => typeof each[1] === "string"))
}

export function outputsOf(
  container: Container,
  before: ContainerOutputs | undefined,
  ours: readonly Listed[],
): ContainerOutputs {
  const { id, name, labels, json } = container
  const { State, NetworkSettings } = json
  const isSame = before?.id === id
  const line = labels[LINE] ?? (isSame ? before.line : id)
  const running = State.Running && !State.Restarting
  const addresses = Object.entries(NetworkSettings.Networks).flatMap(([network, { IPAddress, GlobalIPv6Address }]) => {
    const address = IPAddress || GlobalIPv6Address
    return address ? [[network, address] as const] : []
  })
  return {
    id,
    name,
    image: json.Image,
    running,
    health: running ? healthOf(json) : "none",
    startedAt: State.StartedAt.startsWith("0001-") ? "" : State.StartedAt,
    addresses: Object.fromEntries(addresses),
    ports: publishedOf(container),
    startedWith: (isSame ? before.startedWith : undefined) ?? labels[STARTED_WITH] ?? "",
    line,
    versions: [...versionsOf(line, ours)].filter((each) => each.id !== id),
  }
}

const number = z.coerce.number().int()

function publishedOf({ json }: Container): ContainerOutputs["ports"] {
  return Object.entries(json.NetworkSettings.Ports)
    .flatMap(([port, bindings]) => {
      const [container, protocol = "tcp"] = port.split("/")
      return bindings.map(({ HostIp, HostPort }) => ({
        container: number.parse(container),
        protocol,
        address: HostIp,
        host: number.parse(HostPort),
      }))
    })
    .sort((a, b) => a.container - b.container || a.host - b.host)
}
