import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Change, Last, Seen, Write } from "../../provider.ts"
import { createNamed, taken } from "./create.ts"
import { lookAtImage } from "./image-json.ts"
import { inspect } from "./inspects.ts"
import { isInherited, isOwnedBy, marksOf } from "./labels.ts"
import type { NetworkOutputs, NetworkProps } from "./network-props.ts"
import { listNetworks, lookAtNetwork, type Network, outputsOfNetwork } from "./network-read.ts"
import { shaped, textMap } from "./shape.ts"

/** The Engine's word for a network that is in use. */
const IN_USE = 403

type Call = Write<EngineClient>

export async function createNetwork(
  want: NetworkProps,
  seen: Seen<NetworkOutputs>,
  _change: Change<NetworkProps>,
  call: Call,
): Promise<NetworkOutputs> {
  if ("outputs" in seen) return seen.outputs // nothing of it can be changed in place
  const { connection, signal } = call
  const look = () => lookAtNetwork(want.name, connection, signal)
  const make = async (): Promise<string> => {
    const { json } = await connection.json("POST", "/networks/create", { body: bodyOf(want, call), signal })
    return shaped(z.object({ Id: z.string() }), json, "the answer of the create").Id
  }
  const id = await createNamed("network", want.name, call, make, look)
  await giveWay(id, want.name, call)
  const made = await lookAtNetwork(id, connection, signal)
  if (made !== undefined) return outputsOfNetwork(made)
  throw new FettleError("DOCKER_FAILED", `${want.name} was made, and is gone again`)
}

/**
 * Engines before 25 may make two of one name for two that ask at the same moment, and then nothing can join either. The one that was
 * made first stays, by the Engine's own times; whoever made a later one takes it away again.
 * @throws FettleError `FOREIGN`
 */
async function giveWay(id: string, name: string, call: Call): Promise<void> {
  const same = (await listNetworks(call)).filter((each) => each.name === name)
  const first = same.toSorted((one, other) => (ageText(one) < ageText(other) ? -1 : 1))[0]
  if (first === undefined || first.id === id || same.every((each) => each.id !== id)) return
  await remove(id, call)
  throw taken("network", first)
}

/** Time and id: those of one Engine are told with the same zone, to the nanosecond, its zeros at the end left out. */
function ageText({ id, json }: Network): string {
  const [, second = json.Created, fraction = ""] = /^([^.Z]+?)(?:\.(\d+))?(?:Z|[+-][\d:]+)$/.exec(json.Created) ?? []
  return `${second}.${fraction.padEnd(9, "0")} ${id}`
}

function bodyOf(want: NetworkProps, call: Call): object {
  const config = want.subnets.map(({ subnet, gateway, range }) => ({
    Subnet: subnet,
    ...(gateway === undefined ? {} : { Gateway: gateway }),
    ...(range === undefined ? {} : { IPRange: range }),
  }))
  return {
    Name: want.name,
    CheckDuplicate: true, // Engines before 25 would else make a second one of the same name
    Driver: want.driver,
    Internal: want.internal,
    Attachable: want.attachable,
    EnableIPv6: want.ipv6,
    Options: want.options,
    ...(config.length === 0 ? {} : { IPAM: { Config: config } }),
    Labels: { ...want.labels, ...marksOf(call) },
  }
}

/** Containers of the same program are taken off it: those that stay join its successor in their turn. */
export async function deleteNetwork(
  seen: Seen<NetworkOutputs>,
  last: Last<NetworkProps, NetworkOutputs> | undefined,
  call: Call,
): Promise<void> {
  if ("absent" in seen) return
  const id = "outputs" in seen ? seen.outputs.id : last?.outputs.id
  if (id === undefined) return
  try {
    await remove(id, call)
  } catch (thrown) {
    if (asFettleError(thrown, "DOCKER_FAILED").details?.status !== IN_USE) throw thrown
    await takeOff(id, call)
    await remove(id, call)
  }
}

async function remove(id: string, { connection, signal }: Call): Promise<void> {
  await connection.json("DELETE", `/networks/${id}`, { accept: [404], repeatable: true, signal })
}

const users = z.object({ Containers: z.record(z.string(), z.object({ Name: z.string().default("") })).nullish() })
const labelled = z.object({ Image: z.string(), Config: z.object({ Labels: textMap }) })

async function takeOff(id: string, call: Call): Promise<void> {
  const { connection, signal } = call
  const there = shaped(users, await inspect(connection, `/networks/${id}`, signal), "the network").Containers ?? {}
  const own: string[] = []
  const others: string[] = []
  for (const [container, { Name }] of Object.entries(there)) {
    const json = await inspect(connection, `/containers/${container}/json`, signal)
    if (json === undefined) continue
    const { Image, Config } = shaped(labelled, json, `the container ${Name}`)
    const image = await lookAtImage(Image, connection, signal)
    if (isOwnedBy(call, Config.Labels) && !isInherited(Config.Labels, image?.labels ?? {})) own.push(container)
    else others.push(Name)
  }
  if (others.length > 0)
    throw new FettleError("DOCKER_FAILED", `the network is in use by ${others.slice(0, 5).join(", ")}`, {
      next: "take them off it: docker network disconnect NETWORK CONTAINER",
      details: { notMade: true },
    })
  for (const container of own) {
    const body = { Container: container, Force: true }
    await connection.json("POST", `/networks/${id}/disconnect`, { body, accept: [404], repeatable: true, signal })
  }
}
