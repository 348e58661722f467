import { z } from "zod"
import { engineName, ownLabels } from "./names.ts"

export const networkProps = z.strictObject({
  name: engineName.describe("Its name, one on the Engine."),
  driver: z.string().min(1).default("bridge").describe("bridge (default), macvlan, ipvlan, or that of a plugin."),
  internal: z.boolean().default(false).describe("Cuts it off from the outside."),
  attachable: z.boolean().default(false).describe("Lets single containers join a network of a swarm."),
  ipv6: z.boolean().default(false),
  subnets: z
    .array(
      z.strictObject({
        subnet: z.string().min(1).describe('As in "10.5.0.0/24".'),
        gateway: z.string().min(1).optional(),
        range: z.string().min(1).optional().describe("Where addresses of containers come from. Default: all of it."),
      }),
    )
    .default([])
    .describe("Default: one that the Engine chooses."),
  options: z.record(z.string(), z.string()).default({}).describe("Options of the driver."),
  labels: ownLabels.describe("Labels. A change of them needs a new network."),
})

export const networkOutputs = z.object({
  id: z.string(),
  name: z.string(),
  driver: z.string(),
  /** As in "10.5.0.0/24". */
  subnets: z.array(z.string()),
})

export type NetworkProps = z.output<typeof networkProps>
export type NetworkOutputs = z.output<typeof networkOutputs>
