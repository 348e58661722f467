import { z } from "zod"
import { secretText } from "../../secrets/secret-text.ts"
import { isComparable } from "./fingerprint.ts"
import { engineName, ownLabels } from "./names.ts"

/** What can stand in an argument list or an environment. */
const word = z.string().regex(/^[^\0]*$/, "an argument or a variable cannot hold a NUL")
const path = z.string().regex(/^\/[^\0]*$/, "give an absolute path")
const port = z.int().min(1).max(65_535)
const milliseconds = z.int().min(0).max(86_400_000)
/** What a change may wait for: long enough for a slow start, and the call's own limit lies above two of these. */
const patience = z.int().min(0).max(600_000)

const publishedPort = z.strictObject({
  container: port.describe("The port that it listens on."),
  host: port.optional().describe("The port of the host. Default: one that is free."),
  protocol: z.enum(["tcp", "udp", "sctp"]).default("tcp"),
  address: z
    .string()
    .default("127.0.0.1")
    .describe('The address of the host. Default 127.0.0.1; "0.0.0.0" is open to all.'),
})

const mount = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("volume"),
    source: engineName.describe("The volume's name."),
    target: path,
    readOnly: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal("bind"),
    source: path.describe("A path of the Engine's host, which is there already."),
    target: path,
    readOnly: z.boolean().default(false),
  }),
  z.strictObject({ type: z.literal("tmpfs"), target: path, sizeBytes: z.int().positive().optional() }),
])

const ulimit = z.strictObject({ soft: z.int().min(-1), hard: z.int().min(-1) })

const membership = z.strictObject({
  name: z.string().min(1).describe("The network's name."),
  aliases: z.array(z.string().min(1)).default([]).describe("More names by which others on it find the container."),
  address: z.string().optional().describe("A fixed address, where the network has a subnet of its own."),
})

const healthcheck = z.strictObject({
  test: z.union([z.string().min(1), z.tuple([word.min(1)], word)]).describe("A line for a shell, or an argument list."),
  intervalMs: milliseconds.min(1, "a health check has a pace").default(30_000),
  timeoutMs: milliseconds.min(1, "a health check has its time").default(30_000),
  startPeriodMs: milliseconds.default(0).describe("Failures in so long after its start do not count."),
  retries: z.int().min(1).max(1_000).default(3),
})

const shape = z.strictObject({
  name: engineName.describe("Its name, one on the Engine."),
  image: z
    .string()
    .min(1)
    .describe(
      "A tag, or the id of an image: `web.name`, or `web.image`, which changes with each build. Must be there already.",
    ),
  command: z.array(word).optional().describe("Default: that of the image."),
  entrypoint: z.array(word).optional().describe("Default: that of the image."),
  env: z
    .record(z.string().regex(/^[^=\0]+$/, "a variable's name has no ="), z.union([word, secretText]))
    .default({})
    .describe("Its environment besides that of the image; values may be secrets."),
  labels: ownLabels.describe("Its labels. A change of them needs a new container."),
  user: z.string().min(1).optional().describe("User, or user:group. Default: that of the image."),
  cwd: path.optional().describe("Where it runs. Default: as the image says."),
  hostname: z.string().min(1).optional(),
  ports: z.array(publishedPort).default([]).describe("Ports that are reached from the host."),
  mounts: z.array(mount).default([]),
  networks: z
    .array(membership)
    .default([])
    .describe('Default: the network that the Engine gives; { name: "none" } for none.'),
  extraHosts: z
    .record(z.string().regex(/^[^\s:=]+$/, "a name of a host has no blank, : or ="), z.string().min(1))
    .default({})
    .describe('Names that it knows besides those of its networks, as in { db: "10.0.0.5", host: "host-gateway" }.'),
  healthcheck: z
    .union([healthcheck, z.literal(false)])
    .optional()
    .describe("Default: that of the image; false for none."),
  restart: z
    .enum(["no", "always", "unless-stopped", "on-failure"])
    .default("unless-stopped")
    .describe("When the Engine starts it again by itself. Changed in place."),
  memoryBytes: z.int().min(6_291_456).optional().describe("Most memory. Changed in place."),
  cpus: z.number().min(0.01).optional().describe("Most processors, as in 0.5. Changed in place."),
  pids: z.int().min(1).optional().describe("Most processes. Changed in place."),
  ulimits: z
    .record(z.string().regex(/^[a-z]+$/, "a limit is called as in nofile"), ulimit)
    .default({})
    .describe("Limits of the kernel by their names, as in { nofile: { soft: 65_536, hard: 65_536 } }; -1 is none."),
  capabilities: z
    .strictObject({ add: z.array(z.string().min(1)).default([]), drop: z.array(z.string().min(1)).default([]) })
    .default({ add: [], drop: [] })
    .describe('As in { drop: ["ALL"], add: ["NET_BIND_SERVICE"] }.'),
  privileged: z.boolean().default(false),
  securityOptions: z.array(z.string().min(1)).default([]).describe('As in ["no-new-privileges"].'),
  readOnly: z.boolean().default(false).describe("Its own files cannot be written."),
  init: z
    .boolean()
    .default(false)
    .describe("A small init as its first process, which collects what its children leave."),
  logging: z
    .strictObject({ driver: z.string().min(1), options: z.record(z.string(), z.string()).default({}) })
    .optional()
    .describe("Default: as the Engine is set."),
  stopSignal: z.string().min(1).optional(),
  stopTimeoutMs: patience.default(10_000).describe("How long it may take to stop, in whole seconds. Default 10,000."),
  running: z.boolean().default(true).describe("Whether it is to run; a stopped one is drift."),
  wait: z
    .enum(["healthy", "running"])
    .optional()
    .describe("When it counts as started. Default: healthy where `healthcheck` is given, else running."),
  withinMs: patience.default(60_000).describe("How long that may take. Default 60,000."),
  restartOn: z
    .array(
      z.unknown().refine(isComparable, "give a value or an output, as in conf.hash; a whole node cannot be compared"),
    )
    .default([])
    .describe("It is restarted when one of these differs from what it was started with: restartOn: [conf.hash]."),
  replace: z
    .enum(["start-first", "stop-first"])
    .optional()
    .describe(
      "How a new one takes the place of the old. Default: the new one is started first, unless both cannot run at once: a fixed port of the host, the host's network, a fixed address, or a mount that is written to.",
    ),
  keep: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe("So many replaced ones are kept for a rollback: stopped, under another name."),
})

export const containerProps = shape.superRefine(
  ({ networks, ports, healthcheck: check, wait, stopTimeoutMs }, context) => {
    const refuse = (path_: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path_], message })
    const special = networks.find(({ name }) => name === "none" || name === "host")
    if (special !== undefined && networks.length > 1) refuse("networks", `${special.name} goes with no other network`)
    if (special !== undefined && ports.length > 0)
      refuse("ports", `nothing is published in the network ${special.name}`)
    if (new Set(networks.map(({ name }) => name)).size < networks.length) refuse("networks", "one is named twice")
    if (check === false && wait === "healthy") refuse("wait", "without a health check it never says that it is healthy")
    if (stopTimeoutMs % 1_000 !== 0) refuse("stopTimeoutMs", "the Engine counts whole seconds")
  },
)

const published = z.object({ container: z.number(), protocol: z.string(), address: z.string(), host: z.number() })

const version = z.object({ id: z.string(), name: z.string(), image: z.string(), createdAt: z.string() })

export const containerOutputs = z.object({
  id: z.string(),
  name: z.string(),
  /** The id of the image that it was made from. */
  image: z.string(),
  running: z.boolean(),
  /** "none" where it has no health check. */
  health: z.enum(["none", "starting", "healthy", "unhealthy"]),
  /** ISO 8601; "" where it never ran. */
  startedAt: z.string(),
  /** Its address in each network, by the network's name. */
  addresses: z.record(z.string(), z.string()),
  ports: z.array(published),
  /** What it was started with, of `restartOn`. */
  startedWith: z.string(),
  /** The same for all containers that stood one after the other at this address. */
  line: z.string(),
  /** Kept for a rollback, the newest first. */
  versions: z.array(version),
})

export type ContainerProps = z.output<typeof containerProps>
export type ContainerOutputs = z.output<typeof containerOutputs>
export type Version = z.output<typeof version>
export type Mount = ContainerProps["mounts"][number]
export type Health = ContainerOutputs["health"]

/** Whether a new one is started before the old one stops: not where both cannot run at once, or would write the same files. */
export function startsFirst({ replace, ports, networks, mounts }: ContainerProps): boolean {
  if (replace !== undefined) return replace === "start-first"
  return !(
    ports.some(({ host }) => host !== undefined) ||
    networks.some(({ name, address }) => name === "host" || address !== undefined) ||
    mounts.some((each) => each.type !== "tmpfs" && !each.readOnly)
  )
}

/** When it counts as started. */
export function waitsFor({ wait, healthcheck: check }: ContainerProps): "healthy" | "running" {
  return wait ?? (check === undefined || check === false ? "running" : "healthy")
}
