import {
  address,
  amount,
  because,
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
import type { PlannedAction } from "./plan.ts"

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

/** What every error says. */
export const errorShape: Shape = {
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

/** What a plan is made of, by the names under which it is referred to. */
export const planDefs = {
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
} as const satisfies Readonly<Record<string, JsonSchema>>
