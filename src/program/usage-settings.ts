import { z } from "zod"
import { count, duration, text, timeoutMs } from "./setting-types.ts"

/** The time before, as processes and containers know it: they have no past of their own. */
export const BEFORE_THE_RELEASE = "before the release"

const times = z.number().positive()

/** At most so many of each, and at most so many times what it was before. */
function limitsOf<K extends string>(names: readonly K[]) {
  const shape = Object.fromEntries(names.map((name) => [name, count.optional()])) as Record<K, typeof optionalCount>
  const ratios = Object.fromEntries(names.map((name) => [name, times.optional()])) as Record<K, typeof optionalTimes>
  return { limits: shape, ratios: z.strictObject(ratios).optional() }
}
const optionalCount = count.optional()
const optionalTimes = times.optional()

const comparison = { error: "against and atMostTimes stand together" }

const ofProcess = limitsOf(["memoryBytes", "cpuPercent", "openFiles", "threads"])

export const processSettings = z
  .strictObject({
    probe: z.literal("process"),
    pid: z.number().int().positive().optional(),
    pidFile: z.string().min(1).optional(),
    unit: z
      .string()
      .regex(/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*$/, "expected the name of a unit of systemd")
      .optional(),
    ...ofProcess.limits,
    restarts: count.optional(),
    minSeconds: count.optional(),
    over: duration.default("500ms"),
    alone: z.boolean().default(false),
    against: z.literal(BEFORE_THE_RELEASE).optional(),
    atMostTimes: ofProcess.ratios,
    timeoutMs,
  })
  .refine((each) => [each.pid, each.pidFile, each.unit].filter((one) => one !== undefined).length === 1, {
    error: "expected either a pid, a pidFile or a unit",
  })
  .refine((each) => each.atMostTimes === undefined || each.against !== undefined, comparison)
  .refine((each) => each.restarts === undefined || each.unit !== undefined || each.against !== undefined, {
    error:
      "restarts are counted for a unit, or against the time before the release; minSeconds says how long it must run",
  })

const ofContainer = limitsOf(["memoryBytes", "cpuPercent", "networkBytesPerSecond", "processes"])

export const containerSettings = z
  .strictObject({
    probe: z.literal("container"),
    container: z.string().min(1),
    ...ofContainer.limits,
    restarts: count.optional(),
    outOfMemoryKills: count.optional(),
    over: duration.default("1s"),
    against: z.literal(BEFORE_THE_RELEASE).optional(),
    atMostTimes: ofContainer.ratios,
    timeoutMs,
  })
  .refine((each) => each.atMostTimes === undefined || each.against !== undefined, comparison)

/** How a Prometheus server is reached: of its probe, and of counts that come from one. */
export const prometheusServer = {
  url: text,
  bearer: text.optional(),
  user: z.string().min(1).optional(),
  password: text.optional(),
  headers: z.record(z.string(), text).default({}),
  ca: z.string().optional(),
}

/** A query as a text; longer than any that a person writes, shorter than what a server refuses. */
export const promql = z.string().min(1).max(20_000)

export const prometheusSettings = z
  .strictObject({
    probe: z.literal("prometheus"),
    ...prometheusServer,
    query: promql,
    of: z.enum(["each", "sum", "average", "largest", "smallest"]).default("each"),
    max: z.number().optional(),
    min: z.number().optional(),
    equals: z.number().optional(),
    against: z
      .union([
        z.literal(BEFORE_THE_RELEASE),
        z
          .string()
          .regex(/^\d+(\.\d+)?(s|m|h|d) before$/, 'expected "before the release", or a time such as "1h before"'),
      ])
      .optional(),
    atMostTimes: times.optional(),
    atLeastTimes: times.optional(),
    timeoutMs,
  })
  .refine(
    ({ max, min, equals, atMostTimes, atLeastTimes }) =>
      [max, min, equals, atMostTimes, atLeastTimes].some((each) => each !== undefined),
    { error: "nothing is expected of it: give max, min, equals, atMostTimes or atLeastTimes" },
  )
  .refine(
    (each) => (each.against !== undefined) === (each.atMostTimes !== undefined || each.atLeastTimes !== undefined),
    {
      error: "against stands together with atMostTimes or atLeastTimes",
    },
  )
