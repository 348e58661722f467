import type { Command } from "./call.ts"

/** One command: its words, what it takes, and the file that does it, loaded only when it is asked for. */
export interface Entry {
  /** Name and arguments, as commander writes them. */
  readonly usage: string
  readonly about: string
  readonly options?: readonly (readonly [flags: string, about: string])[]
  readonly load: () => Promise<Command>
}

const TARGET = ["--target <address...>", "only these addresses and what they need"] as const
const REPLACE = ["--replace <address...>", "make these anew even though nothing asks for it"] as const
const REFRESH = ["--refresh-only", "only bring state up to what is observed"] as const
const ABSENT = ["--expect-absent <n>", "it is true that N recorded things are gone"] as const
const DELETES = ["--expect-deletes <n>", "it is meant that N things are deleted"] as const
const PARALLEL = ["--parallel <n>", "most changes under way at once (default 100)"] as const
const TYPES = ["--types", "check types first, with the project's own typescript"] as const
const YES = ["-y, --yes", "do not ask"] as const
const JUNIT = ["--junit <file>", "write checks and tasks as JUnit XML"] as const
const PLANNING = [TARGET, REPLACE, REFRESH, TYPES, ABSENT, DELETES, PARALLEL]

export const everyDay: readonly Entry[] = [
  {
    usage: "init",
    about: "write a small fettle.ts that works",
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    usage: "plan",
    about: "show what is not as the program says; change nothing",
    options: [
      ["--out <file>", "save the plan, for fettle apply FILE"],
      ["--check", "exit with 2 where changes are pending"],
      ...PLANNING,
    ],
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    usage: "apply [plan.json]",
    about: "make it so: plan, ask, change, check",
    options: [YES, ...PLANNING, JUNIT],
    load: async () => (await import("./commands/apply.ts")).apply,
  },
  {
    usage: "verify",
    about: "ask the checks; change nothing",
    options: [JUNIT, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).verify,
  },
  {
    usage: "run <task>",
    about: "run one task and what it needs",
    options: [["--force", "run it even though nothing changed"], YES, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).run,
  },
  {
    usage: "destroy",
    about: "delete everything that Fettle made",
    options: [YES, TARGET, ABSENT, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).destroy,
  },
]

export const afterwards: readonly Entry[] = [
  {
    usage: "output [address]",
    about: "print outputs: all, of ADDRESS, or ADDRESS.key alone",
    options: [["--reveal", "open secrets"]],
    load: async () => (await import("./commands/output.ts")).output,
  },
  { usage: "runs", about: "list the last runs", load: async () => (await import("./commands/runs.ts")).runs },
  {
    usage: "logs <run> [node]",
    about: "print what a run told; `last` is the last one",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    usage: "graph",
    about: "print what needs what",
    options: [["--format <format>", "mermaid or dot (default mermaid)"]],
    load: async () => (await import("./commands/graph.ts")).graph,
  },
]

export const troubles: readonly Entry[] = [
  {
    usage: "adopt <address...>",
    about: "take over what is already there",
    options: [YES, PARALLEL],
    load: async () => (await import("./commands/apply.ts")).adopt,
  },
  {
    usage: "settle <address>",
    about: "say what became of a change that was cut off",
    options: [
      ["--made <id>", "it was made, under this id"],
      ["--not-made", "it was not made"],
    ],
    load: async () => (await import("./commands/settle.ts")).settle,
  },
  {
    usage: "explain [code]",
    about: "say what an error code means and what to do",
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  {
    usage: "kinds [kind]",
    about: "list kinds, or the props of one",
    load: async () => (await import("./commands/kinds.ts")).kinds,
  },
  {
    usage: "doctor",
    about: "look whether everything Fettle needs is there",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
]

export const stateCommands: readonly Entry[] = [
  { usage: "list", about: "list what state remembers", load: async () => (await import("./commands/state.ts")).list },
  {
    usage: "show <address>",
    about: "print all that state remembers of one thing",
    load: async () => (await import("./commands/state.ts")).show,
  },
  {
    usage: "mv <from> <to>",
    about: "give a recorded thing another address",
    load: async () => (await import("./commands/state.ts")).mv,
  },
  {
    usage: "forget <address...>",
    about: "remove from state; the thing itself stays",
    load: async () => (await import("./commands/state.ts")).forget,
  },
  {
    usage: "export",
    about: "write all of state to standard output; secrets stay sealed",
    load: async () => (await import("./commands/state.ts")).exportAll,
  },
  {
    usage: "import <file>",
    about: "read an export into an empty state",
    load: async () => (await import("./commands/state.ts")).importAll,
  },
]
