import { z } from "zod"
import type { Json } from "../provider.ts"

/** How far a release has come: what a later run goes on from. Of constant size, whatever time it takes. */
export const progressShape = z.object({
  version: z.string(),
  /** The version that had all traffic when it began. */
  from: z.string().optional(),
  phase: z.enum(["before", "shifting", "promoted", "watching", "back"]),
  /** Index of the step that the traffic was sent to last. */
  step: z.number().int(),
  stepSinceMs: z.number(),
  startedMs: z.number(),
  /** From when its deadline counts, where it has waited for a person who said that it goes on. */
  resumedMs: z.number().optional(),
  /** It waits for a person. */
  waits: z.boolean().optional(),
  /** Names of all that it has with who sends the traffic. */
  servers: z.array(z.string()).default([]),
  /** By the names of its servers: since when one is down, and how often it had gone down before it got traffic. */
  downs: z.record(z.string(), z.object({ sinceMs: z.number().optional(), fallsBefore: z.number() })).optional(),
  /** When all traffic went to it. */
  promotedMs: z.number().optional(),
  /** What was counted while it was watched, in a few hundred spans of time at most. */
  ticks: z.array(z.object({ atMs: z.number(), requests: z.number(), bad: z.number() })).optional(),
  /** By the name of its check: the end of a log when the release began. */
  logs: z.record(z.string(), z.unknown()).optional(),
  /** State of the judgement. */
  judge: z.unknown().optional(),
  /** What its checks measured before it got traffic, by their names. */
  measured: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))).optional(),
  /** Why it was decided as it was. */
  sentence: z.string().optional(),
})

export type Progress = z.output<typeof progressShape>

/** The progress that a run which was cut off, or waits, has left; undefined where it left none that can be read. */
export function progressIn(json: Json | undefined): Progress | undefined {
  const parsed = progressShape.safeParse(json)
  return parsed.success ? parsed.data : undefined
}
