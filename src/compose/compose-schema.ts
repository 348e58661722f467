import { z } from "zod"
import { Secret } from "../secrets/secret.ts"

/** Numbers and truth are texts, too, where a text belongs. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String)
const texts = z.union([text.transform((each) => [each]), z.array(text)])
const name = z.string().min(1)
const secret = z.custom<Secret<string>>((value) => value instanceof Secret)
const MAP = "a list has lines NAME=VALUE"

/** A list of NAME=VALUE, or a mapping. A name without a value takes it from outside: undefined here. */
const values = z.union([
  z.record(
    z.string(),
    z.union([secret, text, z.null()]).transform((each) => each ?? undefined),
  ),
  z.array(z.string().min(1, MAP)).transform((lines) =>
    Object.fromEntries(
      lines.map((line) => {
        const at = line.indexOf("=")
        return at < 0 ? [line, undefined] : [line.slice(0, at), line.slice(at + 1)]
      }),
    ),
  ),
])

/** "1m30s", "500ms" */
const duration = z.string().transform((given, context) => {
  const parts = [...given.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== given) {
    context.addIssue({ code: "custom", message: 'is no duration, as in "1m30s"' })
    return z.NEVER
  }
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (MS[unit as string] ?? 0), 0))
})
const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** "64m", "1gb", or bytes. */
const bytes = z.union([z.number(), z.string()]).transform((given, context) => {
  const found = /^(\d+(?:\.\d+)?)\s*([bkmg]?)b?$/i.exec(String(given).trim())
  if (found === null) {
    context.addIssue({ code: "custom", message: 'is no size, as in "64m"' })
    return z.NEVER
  }
  return Math.round(Number(found[1]) * 1024 ** "bkmg".indexOf((found[2] ?? "").toLowerCase() || "b"))
})

const build = z.union([
  z.string().transform((context) => ({ context })),
  z.strictObject({
    context: z.string().default("."),
    dockerfile: z.string().optional(),
    args: values.optional(),
    target: z.string().optional(),
    labels: values.optional(),
    network: z.enum(["default", "none", "host"]).optional(),
    pull: z.boolean().optional(),
  }),
])

const port = z.union([
  text,
  z.strictObject({
    target: z.number(),
    published: z.union([z.number(), z.string()]).optional(),
    protocol: z.enum(["tcp", "udp"]).optional(),
    host_ip: z.string().optional(),
    mode: z.literal("host").optional(),
  }),
])

const mount = z.union([
  z.string(),
  z.strictObject({
    type: z.enum(["volume", "bind", "tmpfs"]),
    source: z.string().optional(),
    target: z.string(),
    read_only: z.boolean().optional(),
    tmpfs: z.strictObject({ size: bytes.optional() }).optional(),
  }),
])

const memberships = z.union([
  z.array(name).transform((names) => Object.fromEntries(names.map((each) => [each, undefined]))),
  z.record(
    z.string(),
    z
      .strictObject({ aliases: z.array(name).optional(), ipv4_address: z.string().optional() })
      .nullable()
      .transform((each) => each ?? undefined),
  ),
])

const CONDITIONS = ["service_started", "service_healthy"] as const
const dependencies = z.union([
  z
    .array(name)
    .transform((names) => Object.fromEntries(names.map((each) => [each, { condition: "service_started" as const }]))),
  z.record(
    z.string(),
    z.strictObject({
      condition: z.enum(CONDITIONS, `is none of ${CONDITIONS.join(", ")}: what is to complete is a task`),
      restart: z.boolean().optional(),
      required: z.literal(true).optional(),
    }),
  ),
])

const healthcheck = z.strictObject({
  test: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  interval: duration.optional(),
  timeout: duration.optional(),
  start_period: duration.optional(),
  retries: z.number().optional(),
  disable: z.boolean().optional(),
})

const envFiles = z.union([
  z.string().transform((path) => [{ path, required: true }]),
  z.array(
    z.union([
      z.string().transform((path) => ({ path, required: true })),
      z.strictObject({ path: z.string(), required: z.boolean().default(true) }),
    ]),
  ),
])

const limits = z.strictObject({ cpus: text.optional(), memory: bytes.optional(), pids: z.number().optional() })
const deploy = z.strictObject({
  replicas: z.number().optional(),
  resources: z.strictObject({ limits: limits.optional() }).optional(),
})

const files = z.array(z.union([name, z.strictObject({ source: name, target: name.optional() })]))

/** A line of words is split at blanks, with quotes; anything a shell would do is refused. */
const words = z.union([z.array(text), z.string()]).nullish()

/** A mapping, or a list of NAME:ADDRESS or NAME=ADDRESS. */
const extraHosts = z.union([
  z.record(z.string(), z.string()),
  z.array(z.string().regex(/^[^\s:=]+[:=]./, "a line is NAME:ADDRESS")).transform((lines) =>
    Object.fromEntries(
      lines.map((line) => {
        const at = line.search(/[:=]/)
        return [line.slice(0, at), line.slice(at + 1).replace(/^\[(.*)\]$/, "$1")]
      }),
    ),
  ),
])

const ulimit = z.union([
  z.number().transform((each) => ({ soft: each, hard: each })),
  z.strictObject({ soft: z.number(), hard: z.number() }),
])

const service = z.strictObject({
  image: z.string().optional(),
  build: build.optional(),
  command: words,
  entrypoint: words,
  container_name: z.string().optional(),
  environment: values.optional(),
  env_file: envFiles.optional(),
  ports: z.array(port).optional(),
  expose: z.array(text).optional(),
  volumes: z.array(mount).optional(),
  tmpfs: texts.optional(),
  networks: memberships.optional(),
  network_mode: z.enum(["none", "host"]).optional(),
  depends_on: dependencies.optional(),
  healthcheck: healthcheck.optional(),
  restart: z.enum(["no", "always", "unless-stopped", "on-failure"]).optional(),
  user: text.optional(),
  working_dir: z.string().optional(),
  hostname: z.string().optional(),
  extra_hosts: extraHosts.optional(),
  ulimits: z.record(z.string(), ulimit).optional(),
  labels: values.optional(),
  cap_add: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  privileged: z.boolean().optional(),
  security_opt: z.array(z.string()).optional(),
  read_only: z.boolean().optional(),
  init: z.boolean().optional(),
  logging: z.strictObject({ driver: z.string().optional(), options: z.record(z.string(), text).optional() }).optional(),
  stop_signal: z.string().optional(),
  stop_grace_period: duration.optional(),
  mem_limit: bytes.optional(),
  cpus: z.union([z.number(), z.string()]).transform(Number).optional(),
  pids_limit: z.number().optional(),
  scale: z.number().optional(),
  deploy: deploy.optional(),
  profiles: z.array(name).optional(),
  secrets: files.optional(),
  configs: files.optional(),
  pull_policy: z.enum(["always", "missing", "if_not_present", "never"]).optional(),
})

const network = z
  .strictObject({
    name: z.string().optional(),
    driver: z.string().optional(),
    driver_opts: z.record(z.string(), text).optional(),
    internal: z.boolean().optional(),
    attachable: z.boolean().optional(),
    enable_ipv6: z.boolean().optional(),
    external: z.boolean().optional(),
    labels: values.optional(),
    ipam: z
      .strictObject({
        driver: z.literal("default").optional(),
        config: z
          .array(
            z.strictObject({ subnet: z.string(), gateway: z.string().optional(), ip_range: z.string().optional() }),
          )
          .optional(),
      })
      .optional(),
  })
  .nullable()
  .transform((each) => each ?? {})

const volume = z
  .strictObject({
    name: z.string().optional(),
    driver: z.string().optional(),
    driver_opts: z.record(z.string(), text).optional(),
    external: z.boolean().optional(),
    labels: values.optional(),
  })
  .nullable()
  .transform((each) => each ?? {})

const file = z.strictObject({
  file: z.string("is missing: only those from a file are supported"),
  name: z.string().optional(),
})

/** What is read of a compose file. All else is refused by its path: nothing is left out in silence. */
export const composeSchema = z.strictObject({
  name: z.string().optional(),
  version: text.optional(),
  services: z.record(z.string(), service),
  networks: z.record(z.string(), network).default({}),
  volumes: z.record(z.string(), volume).default({}),
  secrets: z.record(z.string(), file).default({}),
  configs: z.record(z.string(), file).default({}),
})

export type ComposeData = z.output<typeof composeSchema>
export type ComposeService = z.output<typeof service>
export type ComposeValues = z.output<typeof values>
