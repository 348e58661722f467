import { z } from "zod"
import { engineName, ownLabels } from "./names.ts"

export const volumeProps = z.strictObject({
  name: engineName.describe("Its name, one on the Engine."),
  driver: z.string().min(1).default("local"),
  options: z.record(z.string(), z.string()).default({}).describe('Options of the driver, as in { type: "tmpfs" }.'),
  labels: ownLabels.describe("Labels. A change of them needs a new volume."),
  deleteData: z
    .boolean()
    .default(false)
    .describe("Leave to delete it with all that it holds. Without it, it is protected: neither deleted nor replaced."),
})

export const volumeOutputs = z.object({
  name: z.string(),
  driver: z.string(),
  /** Where it lies on the Engine's host. */
  mountpoint: z.string(),
})

export type VolumeProps = z.output<typeof volumeProps>
export type VolumeOutputs = z.output<typeof volumeOutputs>
