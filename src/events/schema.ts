import type { EventBody } from "./events.ts"
import type { PlannedAction } from "./plan.ts"

/** A JSON Schema, as far as ours go. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** What the properties of one object are; those of `may` can be missing. */
interface Shape {
  readonly must: Readonly<Record<string, JsonSchema>>
  readonly may?: Readonly<Record<string, JsonSchema>>
}

const text = (description: string): JsonSchema => ({ type: "string", description })
const amount = (description: string): JsonSchema => ({ type: "integer", minimum: 0, description })
const oneOf = (values: readonly string[], description: string): JsonSchema => ({ enum: values, description })
const list = (items: JsonSchema, description: string): JsonSchema => ({ type: "array", items, description })
const strings = (description: string): JsonSchema => list({ type: "string" }, description)
const mapOf = (each: JsonSchema, description: string): JsonSchema => ({
  type: "object",
  additionalProperties: each,
  description,
})
const ref = (name: string, description: string): JsonSchema => ({ $ref: `#/$defs/${name}`, description })

function object(description: string, { must, may = {} }: Shape): JsonSchema {
  return { type: "object", description, properties: { ...must, ...may }, required: Object.keys(must) }
}

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

const ACTIONS = {
  none: "nothing is to be done",
  create: "it is to be made",
  update: "it is to be changed where it is",
  replace: "it is to be made anew and the old one deleted",
  delete: "it is to be deleted",
  run: "a task is to run",
  check: "a check is to be asked",
  decide: "its inputs are known only during apply",
  adopt: "it is taken over as it is",
  forget: "it leaves state; nothing is touched",
  move: "state takes over its new address; nothing is touched",
  refresh: "state takes over what was observed; nothing is touched",
  blocked: "it cannot be changed: see `error`",
} as const satisfies Record<PlannedAction, string>

const address = text("The address of the node.")
const durationMs = { type: "number", minimum: 0, description: "How long it took, in milliseconds." }
const because = text("The reason, in words.")
const order = oneOf(["create-first", "stop-first", "delete-first"], "Which comes first in a replace.")

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

const errorShape: Shape = {
  must: {
    code: text("Stable code; `fettle explain CODE` tells more."),
    fact: text("What happened."),
    next: text("The next step."),
  },
  may: { place: text("`file:line` of the declaration."), cause: text("Why, in the words of what failed.") },
}

const diffs = (description: string): JsonSchema => list(ref("diff", "One value."), description)

const changeShape: Shape = {
  must: {
    address,
    type: oneOf(["resource", "lookup", "task", "check", "release", "each"], "What was declared."),
    kind: text("Its kind."),
    action: oneOf(
      Object.keys(ACTIONS),
      Object.entries(ACTIONS)
        .map(([name, means]) => `${name}: ${means}`)
        .join("; "),
    ),
    because,
  },
  may: {
    cause: oneOf(
      ["new", "wanted", "drift", "wanted+drift", "gone", "left", "interrupted"],
      "What kind of reason: wanted: the program moved; drift: the world did; gone: it was there and is not; left: it is no longer declared; interrupted: an earlier run was cut off.",
    ),
    connection: text("Name of its connection."),
    id: text("Its name on the far side."),
    place: text("`file:line` of the declaration."),
    order,
    props: diffs("Props that differ: what is there, and what is wanted."),
    wants: diffs("What the program says of what is made anew, run or asked: each prop that it gives, as `to`."),
    drift: diffs("Outputs that moved since they were recorded: as recorded, and as they are."),
    text: text("A diff of text, as unified lines."),
    from: text("The address it had before it was renamed."),
    error: ref("plannedError", "Why it is blocked."),
  },
}

const yes = (description: string): JsonSchema => ({ type: "boolean", description })

const optionsShape: Shape = {
  must: {},
  may: {
    targets: strings("Only these addresses and what they need."),
    limit: text("Only what goes through the connections that this pattern chooses."),
    replace: strings("Replaced though nothing asks for it."),
    force: strings("Tasks run though nothing changed."),
    adopt: strings("Taken over though Fettle did not make them."),
    refreshOnly: yes("Only state is brought up to what is observed."),
    destroy: yes("Everything is deleted."),
    verifyOnly: yes("Only checks are asked."),
    backTo: {
      type: "object",
      description: "All traffic of a release back to a version that still runs: `release`, its address, and `version`.",
    },
    expectAbsent: amount("So many recorded things may be absent."),
    expectDeletes: amount("So many deletions are meant."),
    expectTargets: strings("Connections behind which another target may stand than state remembers."),
  },
}

const findingShape: Shape = {
  must: {
    policy: text("The name of the policy."),
    level: oneOf(["deny", "warn"], "deny: nothing is applied while it is found; warn: it is told."),
    message: text("What it found."),
  },
  may: { address, place: text("`file:line` of the declaration.") },
}

const planShape: Shape = {
  must: {
    format: { const: 1, description: "Version of this shape." },
    program: text("Name of the program."),
    stage: text("Name of the stage."),
    params: mapOf({ type: ["string", "number", "boolean"] }, "Parameters of the stage."),
    options: ref("options", "What was asked of the plan."),
    changes: list(ref("change", "One change."), "Everything that is not none: needs first, deletes last."),
    total: amount("How many addresses there are in all."),
    hash: text("Hash over what the plan would do."),
  },
  may: {
    findings: list(ref("finding", "One finding."), "What policies of the program have found."),
    bound: ref("bound", "What it was made from, in a saved plan."),
  },
}

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
    plannedError: object("An error of a plan's entry.", errorShape),
    diff: object("A value that differs, printable: secrets by name.", {
      must: { name: text("Its name.") },
      may: {
        from: text("What is there; missing: nothing."),
        to: text("What is wanted; missing: nothing."),
        text: text("How a text of several lines differs, as unified lines."),
      },
    }),
    change: object("One entry of a plan.", changeShape),
    finding: object("What a policy of the program has found.", findingShape),
    options: object("What was asked of a plan.", optionsShape),
    bound: object("Hashes of what a plan was made from.", {
      must: {
        program: text("The declarations."),
        state: text("What was recorded."),
        world: text("What was read."),
        wanted: text("What the props came to."),
        sources: text("The files of the program and of the packages that it loads."),
        targets: text("What stands behind its connections."),
      },
    }),
    plan: object("A plan: plain data, hashed, saved, approved, replayed.", planShape),
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
