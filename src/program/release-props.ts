import { z } from "zod"
import { checkProps } from "./check.ts"
import { prometheusServer, promql } from "./usage-settings.ts"

const duration = z.union([
  z.number().nonnegative(),
  z.string().regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, "expected a duration such as 250ms, 30s or 5m"),
])

/** A share of all traffic, in percent. */
const percent = z.number().gt(0).lte(100)

const steps = z
  .array(percent)
  .min(1)
  .refine((all) => all.every((each, at) => at === 0 || each > (all[at - 1] as number)), {
    error: "each step must be larger than the one before it",
  })
  .refine((all) => all.at(-1) === 100, { error: "the last step must be 100" })

const probability = z.number().gt(0).lt(0.5)

/** A query for counters of one version. */
const counters = promql.refine((query) => /\{\{(version|instances)\}\}/.test(query), {
  error: "a query for counts must hold {{version}} or {{instances}}: else both versions would have the same",
})

const edge = z
  .number()
  .positive()
  .meta({ description: "What takes longer is bad: one of the edges at which latencies are counted." })

const source = z.discriminatedUnion("from", [
  z.discriminatedUnion("counts", [
    z.strictObject({ from: z.literal("traffic"), counts: z.literal("errors") }),
    z.strictObject({ from: z.literal("traffic"), counts: z.literal("slow"), slowerThanMs: edge }),
  ]),
  z.strictObject({
    from: z.literal("prometheus"),
    ...prometheusServer,
    /** Name of the connection that it is asked through. */
    on: z.string().optional(),
    requests: counters,
    bad: counters,
  }),
])

/** One thing that is counted: requests, and the bad ones among them. */
const metric = z
  .strictObject({
    source: source.meta({ description: "Where the counts come from." }),
    probes: z
      .strictObject({
        path: z.string().regex(/^\//, "a path begins with a slash"),
        perMinute: z.number().gt(0).lte(6_000).default(360).meta({ description: "Requests to each version." }),
        timeoutMs: z.number().int().positive().default(5_000),
      })
      .optional()
      .meta({ description: "Requests of our own to both versions, counted with it: for little traffic." }),
    worstRatio: z.number().gt(1).optional(),
    worstRate: z.number().gt(0).lt(1).optional().meta({ description: "Worst acceptable share of bad requests." }),
    usualRate: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .meta({ description: "Share of bad requests of a healthy version. A worst rate counts up to five times this." }),
    clump: z
      .union([z.number().gte(1), z.literal("measured")])
      .optional()
      .meta({ description: "How many bad requests come from one cause, such as one client that tries again." }),
  })
  .refine(({ usualRate = 0, worstRate = 1 }) => usualRate < worstRate, {
    error: "usualRate must be less than worstRate",
  })

const commands = z.array(z.array(z.string()).min(1)).default([])

export const releaseProps = z.strictObject({
  version: z.string().min(1).max(128).meta({ description: "The version that is to get all traffic." }),
  slot: z.number().int().nonnegative(),
  back: z.boolean().default(false).meta({ description: "True where a person asked for this version back." }),
  instances: z
    .array(z.strictObject({ name: z.string(), address: z.string(), port: z.number().int().min(1).max(65_535) }))
    .default([])
    .meta({ description: "Where its running copies answer." }),
  baseline: z
    .enum(["current", "fresh"])
    .default("current")
    .meta({ description: "What it is compared with: the version that runs, or copies of that started with it." }),
  fresh: z
    .array(z.strictObject({ name: z.string(), address: z.string(), port: z.number().int().min(1).max(65_535) }))
    .default([])
    .meta({ description: "Copies of the version before it that were started with it, to compare it with." }),
  traffic: z
    .strictObject({ on: z.string(), backend: z.string() })
    .optional()
    .meta({ description: "Who sends the traffic: a connection and the name of its backend." }),
  steps: z
    .union([z.literal("rolling"), steps])
    .default([5, 25, 100])
    .meta({ description: "Shares of the traffic in percent, or one instance after the other." }),
  stepFor: duration.default("1m").meta({ description: "Least time at a step before the next one." }),
  every: duration.default("10s").meta({ description: "Time between two looks at the counts." }),
  checks: z
    .record(z.string(), checkProps)
    .default({})
    .meta({ description: "Questions asked before any traffic, at each step, and before the next one." }),
  metrics: z
    .record(z.string(), metric)
    .optional()
    .meta({ description: "What is counted and compared. Default: errors, as who sends the traffic counts them." }),
  rollbackError: probability
    .default(0.01)
    .meta({ description: "Largest chance that a version as good as the one before it is rolled back." }),
  promoteError: probability
    .default(0.01)
    .meta({ description: "Largest chance that a version worse than the worst ratio is promoted." }),
  worstRatio: z
    .number()
    .gt(1)
    .default(3)
    .meta({ description: "A version with so many times the errors must not pass." }),
  warmup: duration.default("2m").meta({ description: "Counts of this first time with traffic are not judged." }),
  deadline: duration.default("30m").meta({ description: "Time by which it must be decided." }),
  onInconclusive: z
    .enum(["hold", "rollback", "promote"])
    .default("hold")
    .meta({ description: "What happens at the deadline where nothing is decided." }),
  watch: z
    .strictObject({ for: duration.default("10m"), objective: z.number().gt(0).lt(1).default(0.999) })
    .optional()
    .meta({ description: "How long its error budget is watched with all traffic on it." }),
  keep: z.number().int().nonnegative().default(1).meta({ description: "Versions before it that go on running." }),
  drain: duration.default("30s").meta({ description: "Longest time that open requests of the version before get." }),
  hooks: z
    .strictObject({
      before: commands.meta({ description: "Commands run here before it gets any traffic." }),
      promoted: commands.meta({ description: "Commands run here once it has all traffic." }),
      rolledBack: commands.meta({ description: "Commands run here once it was taken back." }),
    })
    .optional(),
})

export type ReleaseProps = z.output<typeof releaseProps>

const instance = z.object({ name: z.string(), address: z.string(), port: z.number().int() })
const standing = z.object({ version: z.string(), slot: z.number().int(), instances: z.array(instance) })

/** What a release gives, and what is remembered of it. */
export const releaseOutputs = z.object({
  /** The version that all traffic goes to. */
  version: z.string(),
  verdict: z.enum(["yes", "no", "inconclusive"]),
  /** The verdict in one sentence. */
  sentence: z.string(),
  live: standing.optional(),
  kept: z.array(standing),
  /** Versions that were taken back, the last one first: they are not tried again by themselves. */
  refused: z.array(z.object({ version: z.string(), sentence: z.string(), atMs: z.number() })).optional(),
  /** A release that waits for a person, and how far it has come. */
  held: z.object({ version: z.string(), progress: z.unknown() }).optional(),
  /** The error that ended its run on the way. */
  error: z.object({ code: z.string(), next: z.string() }).optional(),
})

export type ReleaseOutputs = z.output<typeof releaseOutputs>
