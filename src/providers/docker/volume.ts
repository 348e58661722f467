import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { provider, type Seen } from "../../provider.ts"
import { changeFor, type Difference, isWanted, same, unlessThere } from "./differences.ts"
import { type VolumeOutputs, type VolumeProps, volumeOutputs, volumeProps } from "./volume-props.ts"
import { readVolumes } from "./volume-read.ts"
import { createVolume, deleteVolume } from "./volume-write.ts"

/**
 * A volume. It holds what cannot be made again, so it is protected until `deleteData: true` was applied.
 * @example const files = resource(docker.volume, { name: "shop-db" }, { on: docker.engine() })
 */
export const volume = provider<typeof volumeProps, typeof volumeOutputs, EngineClient>({
  kind: "docker.volume",
  version: 1,
  about: "A volume of containers; protected from deletion unless `deleteData: true` was applied.",
  connects: "docker",
  props: volumeProps,
  outputs: volumeOutputs,
  settles: "unique",
  stable: ["name", "driver", "mountpoint"],
  protects: ({ deleteData }) => !deleteData,
  id: ({ name }) => name,
  predict: ({ name, driver }) => ({ name, driver }),
  read: readVolumes,
  plan: planVolume,
  ensure: createVolume,
  delete: deleteVolume,
})

const SHOWN = ["driver", "options", "labels"] as const satisfies (keyof VolumeProps)[]

function planVolume(want: VolumeProps, seen: Seen<VolumeOutputs>) {
  const early = unlessThere<VolumeProps>(seen)
  if (early !== undefined || !("outputs" in seen)) return early ?? ({ action: "none" } as const)
  const shown = seen.shown ?? {}
  const found: Difference<keyof VolumeProps & string>[] = SHOWN.filter((prop) => !same(shown[prop], want[prop])).map(
    (prop) => ({ prop, needsNew: true, words: isWanted(prop, shown[prop], want[prop]) }),
  )
  return changeFor<VolumeProps>(found, { order: "delete-first" })
}
