import { z } from "zod"
import { type HostChange, hostKind } from "../../src/connect/host/kind.ts"

/** A kind that runs whatever a test says. */
export const script = hostKind({
  kind: "test.script",
  version: 1,
  about: "Runs a script.",
  props: z.object({ id: z.string(), run: z.string(), brief: z.boolean().default(false), read: z.string().default("") }),
  outputs: z.object({ out: z.string() }),
  id: (want) => want.id,
  question: ({ want }) => (want?.read ? { script: want.read } : {}),
  answer: (_key, found) =>
    found.script === undefined
      ? { absent: true }
      : { outputs: { out: `${found.script.exitCode} ${found.script.out}` } },
  plan: () => ({ action: "create" }),
  change: ({ want }): HostChange => ({ script: want.run, brief: want.brief }),
  removal: () => ({}),
  result: ({ script }) => ({ out: script?.out ?? "" }),
})
