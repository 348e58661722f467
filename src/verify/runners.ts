import { plainDriver } from "../connect/plain-driver.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import { checkProvider } from "./check.ts"
import { taskProvider } from "./task.ts"
import type { LocalTools } from "./tools.ts"

/** A provider with the connection it works through. */
export interface LocalRunner {
  readonly provider: AnyProvider
  readonly connection: Connection
}

/** Name under which state files tasks and checks; no connection of a program is called so. */
const NAME = "fettle.local"
/** Commands and functions at once; each may use a core, and most wait for something. */
const TASKS_AT_ONCE = 10
/** Checks at once: they wait for answers, and one thread waits for a thousand as well as for one. */
const CHECKS_AT_ONCE = 1_000

/**
 * What runs tasks and checks on this machine.
 *
 * Its identity is empty, so that nothing is pinned: a program is run by laptops and by CI, and its tasks run wherever it does.
 * @example const { task, check } = runners({ run, cwd, baseEnv })
 */
export function runners(tools: LocalTools): { readonly task: LocalRunner; readonly check: LocalRunner } {
  return {
    task: { provider: taskProvider, connection: local(tools, TASKS_AT_ONCE) },
    check: { provider: checkProvider, connection: local(tools, CHECKS_AT_ONCE) },
  }
}

function local(tools: LocalTools, concurrency: number): Connection {
  return {
    type: "local",
    name: NAME,
    target: "this machine",
    secrets: [],
    open: async () => plainDriver(tools, { identity: "", concurrency }),
  }
}
