import type { EventBody } from "./events.ts"
import {
  address,
  amount,
  because,
  durationMs,
  type JsonSchema,
  list,
  mapOf,
  object,
  oneOf,
  order,
  ref,
  type Shape,
  strings,
  text,
} from "./json-schema.ts"
import { errorShape, planDefs } from "./plan-schema.ts"

const HEAD: Shape["must"] = {
  runId: text("The run."),
  traceId: {
    type: "string",
    pattern: "^[0-9a-f]{32}$",
    description: "The trace of the run, as W3C trace context has it.",
  },
  seq: { type: "integer", minimum: 1, description: "Position in the run." },
  at: amount("When it was told, in milliseconds since 1970."),
}

/** Every type of event: what it says, and its own properties besides those that every event has. */
const EVENTS = {
  "run.started": [
    "A run begins.",
    {
      must: {
        command: text("What was asked for: plan, apply, verify …"),
        program: text("Name of the program."),
        stage: text("Name of the stage."),
        who: text("Who runs it."),
      },
      may: {
        versions: mapOf({ type: "string" }, "Versions of what runs it, by name: fettle, node, system."),
      },
    },
  ],
  "plan.started": ["The world is about to be read.", { must: { nodes: amount("Nodes that are declared.") } }],
  "plan.read": [
    "A batch of reads of one connection was answered.",
    {
      must: {
        connection: text("Name of the connection; empty for kinds that need none."),
        items: amount("Things that were asked about."),
        durationMs,
      },
    },
  ],
  "plan.ordered": [
    "What needs what. It comes before the plan, and is left out where there are more than 20,000 nodes.",
    {
      must: {
        nodes: strings("The addresses of all nodes that are declared, needs first."),
        needs: list(
          list(amount("A position in the list of nodes."), "Of one node."),
          "What each node needs, in the same order, as positions in that list.",
        ),
      },
    },
  ],
  "plan.made": ["The plan is there.", { must: { plan: ref("plan", "The plan.") } }],
  "apply.started": [
    "The plan is about to be carried out.",
    {
      must: {
        total: amount("Changes of the plan."),
        pass: {
          type: "integer",
          minimum: 1,
          description: "1, or more where lists became known on the way and the rest was planned again.",
        },
      },
    },
  ],
  "settle.started": [
    "An earlier run was cut off; what it left open is being settled.",
    {
      must: {
        intents: amount("Changes that were cut off."),
        waitMs: amount("How long to wait until what they made would show, in milliseconds."),
      },
    },
  ],
  "settle.done": ["Something an earlier run left open is settled.", { must: { address, how: text("How, in words.") } }],
  "node.started": [
    "A node's change is in the journal and on its way.",
    { must: { address, action: text("What is being done: create, update, delete, run, check.") } },
  ],
  "node.measured": [
    "A node tells measured values while it works: a release its counts and what they say.",
    {
      must: {
        address,
        measured: {
          description:
            "As data; of a release: `step`, `metrics` with the counts of both versions, the evidence and its bounds.",
        },
      },
    },
  ],
  "node.log": [
    "A line of a node's log.",
    {
      must: {
        address,
        stream: oneOf(["stdout", "stderr", "fettle"], "Where it was written; fettle: told by the kind itself."),
        text: text("The line, redacted."),
      },
    },
  ],
  "node.finished": [
    "A node's turn ended.",
    {
      must: {
        address,
        action: text("The action of the plan that was carried out."),
        outcome: oneOf(
          ["done", "failed", "maybe", "skipped", "unchanged"],
          "How it ended; maybe: it is not known whether the change happened, the next run settles it.",
        ),
        durationMs,
      },
      may: {
        error: ref("error", "What went wrong. Where its address is another one, that node is what this one waits for."),
        because,
        order,
      },
    },
  ],
  "check.finished": [
    "A check was answered.",
    {
      must: {
        address,
        verdict: oneOf(["yes", "no", "inconclusive"], "The answer."),
        evidence: text("What it saw."),
        durationMs,
      },
      may: { measured: ref("json", "What it measured, as data.") },
    },
  ],
  note: [
    "Something worth telling that belongs to no node's turn.",
    {
      must: { level: oneOf(["info", "warning", "error"], "How much it matters."), text: text("What.") },
      may: { error: ref("error", "The error, where it is one.") },
    },
  ],
  "run.finished": [
    "The run ended. It is the last event.",
    {
      must: {
        outcome: oneOf(
          ["done", "unchanged", "changes", "failed", "no", "inconclusive", "cancelled"],
          "How; changes: a plan that has some.",
        ),
        exitCode: amount(
          "0 done or nothing to do, 1 error, 2 changes pending, 3 a check said no, 4 inconclusive, 130 cancelled.",
        ),
        durationMs,
        counts: mapOf(
          { type: "integer", minimum: 0 },
          "Nodes by what was done to them (create, update, check …) or by their outcome (failed, maybe, skipped).",
        ),
      },
    },
  ],
} as const satisfies Record<EventBody["type"], readonly [string, Shape]>

/**
 * JSON Schema (draft 2020-12) of one line of the JSON lines reporter: every event of a run. Readers must ignore properties that they
 * do not know. Loaded only by who asks for it.
 */
export const eventSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "urn:fettle:events:1",
  title: "Fettle event",
  description: "One event of a run: one line of JSON.",
  oneOf: Object.keys(EVENTS).map((type) => ({ $ref: `#/$defs/${type}` })),
  $defs: {
    ...Object.fromEntries(
      Object.entries(EVENTS).map(([type, [description, shape]]) => [type, eventOf(type, description, shape)]),
    ),
    error: object("An error as data.", {
      must: errorShape.must,
      may: {
        ...errorShape.may,
        address: text("The node it happened to."),
        details: ref("json", "Facts for machines."),
      },
    }),
    ...planDefs,
    json: true,
  },
} as const satisfies JsonSchema

/**
 * JSON Schema of everything that a command with `--json` prints as a line: the events of a run, and `error`, which stands alone
 * where something went wrong before a run began or in a command that is none.
 */
export const lineSchema = {
  ...eventSchema,
  $id: "urn:fettle:lines:1",
  title: "Fettle line",
  description: "One line of JSON that a command with --json prints.",
  oneOf: [...eventSchema.oneOf, { $ref: "#/$defs/errorLine" }],
  $defs: {
    ...eventSchema.$defs,
    errorLine: object("What went wrong outside a run: it belongs to no event stream, so it has no runId.", {
      must: { type: { const: "error" }, ...errorShape.must },
      may: { ...errorShape.may, address: text("The node it is about."), details: ref("json", "Facts for machines.") },
    }),
  },
} as const satisfies JsonSchema

function eventOf(type: string, description: string, { must, may }: Shape): JsonSchema {
  return object(description, {
    must: { type: { const: type }, ...HEAD, ...must },
    ...(may === undefined ? {} : { may }),
  })
}
