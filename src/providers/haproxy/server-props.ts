import { isIP } from "node:net"
import { z } from "zod"

/** What HAProxy takes as a name; a slash parts backend and server. */
const name = z.string().regex(/^[A-Za-z0-9_.:-]{1,200}$/, "HAProxy takes letters, digits and _ . : -")
const milliseconds = z.int().min(1).max(86_400_000)
/** The call's own limit lies above two of these. */
const patience = z.int().min(0).max(600_000)

const check = z.strictObject({
  intervalMs: milliseconds.default(2_000),
  rise: z.int().min(1).max(1_000).default(2).describe("Good ones in a row until it is up again."),
  fall: z.int().min(1).max(1_000).default(3).describe("Bad ones in a row until it is down."),
})

export const serverProps = z.strictObject({
  backend: name.describe("A backend of the config file, with a dynamic algorithm such as roundrobin or leastconn."),
  address: z
    .string()
    .refine((text) => isIP(text) > 0, "give an IP address: a server that is added at run time resolves no names")
    .describe("Its IP address, as in `web.addresses.map((each) => each.shop)` of a container."),
  port: z.int().min(1).max(65_535),
  name: name
    .optional()
    .describe(
      "Its name. Default: address and port, so that another address is another server: it is added before the old one is drained and deleted. With a name the address changes in place.",
    ),
  prefix: name
    .optional()
    .describe(
      "Begins its name where that is of its address. Give each of several replicas its own: after a reboot they may have swapped their addresses.",
    ),
  weight: z
    .int()
    .min(0)
    .max(256)
    .default(100)
    .describe("Its share among the servers of the backend; 0 takes no new ones."),
  state: z
    .enum(["ready", "drain", "maint"])
    .default("ready")
    .describe("drain: only what it has already; maint: nothing, and no checks."),
  check: z
    .union([check, z.literal(false)])
    .default({ intervalMs: 2_000, rise: 2, fall: 3 })
    .describe(
      "Its checks, as the backend says how (`option httpchk`); false for none. Only for a server that is added at run time.",
    ),
  maxConnections: z.int().min(1).optional().describe("Most at once; what is beyond waits in a queue."),
  withinMs: patience.default(30_000).describe("How long it may take until its first check has passed. Default 30,000."),
  drainWithinMs: patience
    .default(30_000)
    .describe("How long what it has may take to end before it is deleted; what is left then is cut. Default 30,000."),
})

export const serverOutputs = z.object({
  backend: z.string(),
  name: z.string(),
  address: z.string(),
  port: z.number(),
  weight: z.number(),
  state: z.enum(["ready", "drain", "maint"]),
  /** Whether its checks let it take requests. */
  up: z.boolean(),
  /** Whether it was added at run time by Fettle: only such a one is ever deleted. */
  added: z.boolean(),
})

export type ServerProps = z.output<typeof serverProps>
export type ServerOutputs = z.output<typeof serverOutputs>

type Named = Pick<ServerProps, "backend" | "name" | "prefix" | "address" | "port">

/** Its name as HAProxy's commands want it: "backend/server". */
export function pathOf({ backend, name: given, prefix, address, port }: Named): string {
  return `${backend}/${given ?? `${prefix === undefined ? "" : `${prefix}-`}${address}:${port}`}`
}
