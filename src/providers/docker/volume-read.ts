import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { Key, Read, Seen } from "../../provider.ts"
import { inspect } from "./inspects.ts"
import { markIn, withoutOurs } from "./labels.ts"
import { orEmpty, shaped, textMap } from "./shape.ts"
import type { VolumeOutputs, VolumeProps } from "./volume-props.ts"

export const volumeShape = z.object({
  Name: z.string(),
  Driver: z.string(),
  Mountpoint: z.string().default(""),
  Options: textMap,
  Labels: textMap,
})

export type Volume = z.output<typeof volumeShape>

/** One list for all; what it does not show is looked at by itself. */
export async function readVolumes(
  keys: readonly Key<VolumeProps, VolumeOutputs>[],
  { connection, signal }: Read<EngineClient>,
): Promise<ReadonlyMap<Address, Seen<VolumeOutputs>>> {
  const { json } = await connection.json("GET", "/volumes", { signal })
  const { Volumes } = shaped(z.object({ Volumes: orEmpty(volumeShape) }), json, "the list of volumes")
  const byName = new Map(Volumes.map((each) => [each.Name, each]))
  const seen = async (key: Key<VolumeProps, VolumeOutputs>): Promise<Seen<VolumeOutputs>> => {
    const name = key.id ?? key.want?.name ?? key.last?.props.name ?? ""
    try {
      const found = byName.get(name) ?? (await lookAtVolume(name, connection, signal))
      return found === undefined ? { absent: true } : seenVolume(found)
    } catch (thrown) {
      return { failed: asFettleError(thrown, "READ_FAILED") }
    }
  }
  return new Map(await Promise.all(keys.map(async (key) => [key.address, await seen(key)] as const)))
}

export function outputsOfVolume({ Name, Driver, Mountpoint }: Volume): VolumeOutputs {
  return { name: Name, driver: Driver, mountpoint: Mountpoint }
}

export async function lookAtVolume(
  name: string,
  client: EngineClient,
  signal: AbortSignal,
): Promise<Volume | undefined> {
  const json = await inspect(client, `/volumes/${encodeURIComponent(name)}`, signal)
  return json === undefined ? undefined : shaped(volumeShape, json, `the volume ${name}`)
}

export function seenVolume(volume: Volume): Extract<Seen<VolumeOutputs>, { outputs: unknown }> {
  const { Name, Driver, Options, Labels } = volume
  const shown = { name: Name, driver: Driver, options: Options, labels: withoutOurs(Labels) }
  return { outputs: outputsOfVolume(volume), id: Name, ...markIn(Labels), shown }
}
