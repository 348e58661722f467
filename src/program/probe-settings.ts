import { z } from "zod"
import type { Secret } from "../secrets/secret.ts"
import { count, duration, expectations, expected, pattern, text, timeoutMs } from "./setting-types.ts"
import { containerSettings, processSettings, prometheusSettings } from "./usage-settings.ts"

const cursor = z.string().regex(/^[\w=;-]+$/, "expected a cursor of a journal")

/** From where on a log is looked at. */
const logSince = z.union(
  [
    z.enum(["start", "release"]),
    count.int(),
    z.strictObject({ inode: z.number(), offsetBytes: z.number(), tail: z.string().optional() }),
    z.strictObject({ cursor, worse: cursor.optional() }),
    z.strictObject({ time: z.iso.datetime({ offset: true }) }),
    z.strictObject({ untaken: z.string() }),
  ],
  { error: 'expected "start", "release", an offset, a mark, { cursor } or { time: "2026-01-01T12:00:00Z" }' },
)

/** The settings of each probe. What may be secret says so; everything may be an output of a node. */
export const probeSchemas = {
  http: z.strictObject({
    probe: z.literal("http"),
    method: z
      .string()
      .regex(/^[A-Z]+$/, "expected a method such as GET")
      .default("GET"),
    url: text,
    headers: z.record(z.string(), text).default({}),
    body: text.optional(),
    redirects: z.number().int().min(0).max(20).default(0),
    maxBodyBytes: z.number().int().positive().default(1_048_576), // 1 MiB: a health page is smaller, a flood is not kept
    ca: z.string().optional(),
    timeoutMs,
    expect: z
      .strictObject({
        status: expected.default({ min: 200, max: 299 }),
        headers: expectations.optional(),
        json: expectations.optional(),
        body: expected.optional(),
        maxLatencyMs: count.optional(),
        minCertificateDays: count.optional(),
      })
      .default({ status: { min: 200, max: 299 } }),
  }),
  tcp: z.strictObject({
    probe: z.literal("tcp"),
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535),
    send: text.optional(),
    banner: expected.optional(),
    maxLatencyMs: count.optional(),
    timeoutMs,
  }),
  dns: z.strictObject({
    probe: z.literal("dns"),
    name: z.string().min(1),
    type: z.enum(["A", "AAAA", "CNAME", "MX", "TXT", "SRV", "NS", "CAA"]).default("A"),
    server: z
      .string()
      .refine(isServer, { error: "expected an address, with a port or without: 127.0.0.1:5353 or [::1]:53" })
      .optional(),
    answer: expected.optional(),
    exactly: z.array(z.string()).optional(),
    count: expected.optional(),
    maxLatencyMs: count.optional(),
    timeoutMs,
  }),
  command: z.strictObject({
    probe: z.literal("command"),
    command: z.array(text).min(1),
    cwd: z.string().optional(),
    env: z.record(z.string(), text).default({}),
    input: text.optional(),
    timeoutMs,
    expect: z
      .strictObject({ exitCode: expected.default(0), stdout: expected.optional(), stderr: expected.optional() })
      .default({ exitCode: 0 }),
  }),
  file: z.strictObject({
    probe: z.literal("file"),
    path: z.string().min(1),
    content: expected.optional(),
    json: expectations.optional(),
    mode: z
      .string()
      .regex(/^[0-7]{3,4}$/, "expected an octal mode such as 0640")
      .optional(),
    maxAge: duration.optional(),
    sizeBytes: expected.optional(),
    timeoutMs,
  }),
  log: z
    .strictObject({
      probe: z.literal("log"),
      path: z.string().min(1).optional(),
      journal: z
        .string()
        .regex(/^[A-Za-z0-9_@][A-Za-z0-9_@.:\\-]*$/, "expected the name of a unit such as nginx.service")
        .optional(),
      container: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "expected the name of a container")
        .optional(),
      pattern: pattern.optional(),
      level: z.enum(["fatal", "error", "warn"]).optional(),
      since: logSince.default("start"),
      max: z.number().int().nonnegative().default(0),
      timeoutMs,
    })
    .refine((each) => given(each.path, each.journal, each.container) === 1, {
      error: "expected one log: { path }, { journal } or { container }",
    })
    .refine((each) => given(each.pattern, each.level) === 1, {
      error: "expected either a pattern or a level",
    })
    .refine((each) => fits(each), {
      error:
        "this `since` is of another kind of log: a file has offsets and marks, a journal cursors and times, a container times",
    }),
  sql: z
    .strictObject({
      probe: z.literal("sql"),
      sqlite: z.string().min(1).optional(),
      postgres: text.optional(),
      mariadb: text.optional(),
      password: text.optional(),
      tls: z
        .union([
          z.literal(false),
          z.strictObject({
            ca: z.string().optional(),
            verify: z.enum(["full", "ca", "none"]).optional(),
            cert: z.string().optional(),
            key: text.optional(),
            serverName: z.string().min(1).optional(),
          }),
        ])
        .optional(),
      query: z.string().min(1).optional(),
      params: z.array(z.union([text, z.number(), z.null()])).default([]),
      rows: expected.optional(),
      first: expectations.optional(),
      write: z.strictObject({ table: z.string().min(1), row: z.record(z.string(), z.unknown()) }).optional(),
      migrated: z
        .strictObject({
          folder: z.string().min(1).optional(),
          names: z.array(z.string().min(1)).optional(),
          table: z.string().min(1).optional(),
        })
        .refine((each) => (each.folder === undefined) !== (each.names === undefined), {
          error: "expected either a folder or names",
        })
        .optional(),
      busyTimeoutMs: z.number().int().nonnegative().default(5_000),
      connectTimeoutMs: z.number().int().positive().default(10_000),
      timeoutMs,
    })
    .refine((each) => given(each.query, each.write, each.migrated) === 1, {
      error: "expected a query, a write or migrated, and one of them",
    })
    .refine((each) => given(each.sqlite, each.postgres, each.mariadb) === 1, {
      error: "expected one database: { sqlite: path }, { postgres: url } or { mariadb: url }",
    })
    .refine((each) => each.sqlite === undefined || given(each.password, each.tls) === 0, {
      error: "a SQLite database has no password and no tls",
    }),
  process: processSettings,
  container: containerSettings,
  prometheus: prometheusSettings,
} as const

export type ProbeName = keyof typeof probeSchemas

/** What else than this machine each probe can be asked from: types of connections. */
export const askedThrough: { readonly [N in ProbeName]?: readonly string[] } = {
  command: ["host"],
  log: ["host", "docker"],
  sql: ["host"],
  process: ["host"],
  container: ["docker"],
  prometheus: ["host"],
}

/** Probes that can be asked on a connection alone. */
export const askedNowhereElse: readonly ProbeName[] = ["container"]

/** What a value must be, as the settings of a probe hold it. */
export type ExpectedData = z.output<typeof expected>

/** A value as a probe gets it: its secrets opened. */
export type Opened<T> =
  T extends Secret<infer U>
    ? U
    : T extends readonly (infer E)[]
      ? readonly Opened<E>[]
      : T extends object
        ? { readonly [K in keyof T]: Opened<T[K]> }
        : T

/** The settings of one probe, checked, with defaults, its secrets opened. */
export type ProbeSettings<N extends ProbeName> = Opened<z.output<(typeof probeSchemas)[N]>>

function given(...all: readonly unknown[]): number {
  return all.filter((each) => each !== undefined).length
}

/** Whether a mark is of the kind of log that is asked. */
function fits(settings: {
  readonly since: z.output<typeof logSince>
  readonly path?: unknown
  readonly journal?: unknown
}): boolean {
  const { since, path, journal } = settings
  if (typeof since === "number") return path !== undefined
  if (typeof since === "string" || "untaken" in since) return true
  if ("inode" in since) return path !== undefined
  return path === undefined && ("time" in since || journal !== undefined)
}

/** A server of names is an address: its own name would have to be asked for first. */
function isServer(text: string): boolean {
  const is = (schema: z.ZodType, address: string): boolean => schema.safeParse(address).success
  if (is(z.ipv4(), text) || is(z.ipv6(), text)) return true
  const [, six, four, port] = /^(?:\[(.+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const inRange = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535)
  return inRange && (six === undefined ? is(z.ipv4(), four ?? "") : is(z.ipv6(), six))
}
