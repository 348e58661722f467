import { z } from "zod"
import { hashOf, type Plan, type PlanOptions } from "../events/plan.ts"
import type { Params } from "../program/program.ts"
import { EMPTY, type Row, type Snapshot } from "../state/store.ts"

/** What is asked of an untrusted program, the first line that it is given. */
export interface AskedProposal {
  readonly file: string
  readonly stage: string | undefined
  readonly params: Params
  readonly options: PlanOptions
}

/** What state remembers, the second. */
export interface AskedState {
  readonly rows: readonly Row[]
}

/** State for an untrusted program: nothing that is sealed, no intents, no targets. */
export function askedState({ rows }: Snapshot): AskedState {
  const open = (text: string): string => text.replaceAll(/,"sealed":"[^"]*"/g, "")
  return {
    rows: rows.map((row) => ({
      ...row,
      props: open(row.props),
      outputs: open(row.outputs),
      ...(row.carry === undefined ? {} : { carry: open(row.carry) }),
    })),
  }
}

export function snapshotOf({ rows }: AskedState): Snapshot {
  return { ...EMPTY, rows }
}

/** Most characters of one text, and most entries of one list: what is longer is no honest plan. */
const TEXT_MAX = 100_000
const LIST_MAX = 100_000

const text = z.string().max(TEXT_MAX)
const diff = z.object({ name: text, from: text.optional(), to: text.optional(), text: text.optional() })
const error = z.object({
  code: text,
  fact: text,
  next: text.default(""),
  place: text.optional(),
  cause: text.optional(),
})
const ACTIONS = [
  "none",
  "create",
  "update",
  "replace",
  "delete",
  "run",
  "check",
  "decide",
  "adopt",
  "forget",
  "move",
  "refresh",
  "blocked",
] as const
const change = z.object({
  address: text,
  type: z.enum(["resource", "lookup", "task", "check", "release", "each"]),
  kind: text,
  action: z.enum(ACTIONS),
  because: text,
  cause: z.enum(["new", "wanted", "drift", "wanted+drift", "gone", "left", "interrupted"]).optional(),
  connection: text.optional(),
  id: text.optional(),
  order: z.enum(["create-first", "stop-first", "delete-first"]).optional(),
  props: z.array(diff).max(LIST_MAX).optional(),
  wants: z.array(diff).max(LIST_MAX).optional(),
  text: text.optional(),
  from: text.optional(),
  error: error.optional(),
})
const finding = z.object({
  policy: text,
  level: z.enum(["deny", "warn"]),
  message: text,
  address: text.optional(),
  place: text.optional(),
})
const plan = z.object({
  program: text,
  stage: text,
  params: z.record(text, z.union([text, z.number(), z.boolean()])),
  changes: z.array(change).max(LIST_MAX),
  findings: z.array(finding).max(LIST_MAX).optional(),
  total: z.number().int().nonnegative(),
})

const answer = z.union([z.strictObject({ program: text }), z.strictObject({ plan }), z.strictObject({ error })])

/** One line of what came out: as it should look, or nothing. What a plan has besides is dropped. */
export function answerIn(line: string): z.output<typeof answer> | undefined {
  try {
    return answer.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** The plan that an untrusted program says it has: with a hash of what is shown here. */
export function planOf(
  { program, stage, params, changes, findings, total }: z.output<typeof plan>,
  options: PlanOptions,
): Plan {
  const found = findings === undefined ? {} : { findings }
  const body = { format: 1 as const, program, stage, params, options, changes, ...found, total }
  return { ...body, hash: hashOf(body) }
}
