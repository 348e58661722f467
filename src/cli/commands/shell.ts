import { FettleError } from "../../errors.ts"
import { escapeText } from "../../report/escape.ts"
import { notes } from "../../run/exec.ts"
import { openShell } from "../../run/shell.ts"
import type { Call } from "../call.ts"
import { chosenTargets } from "../exec-targets.ts"
import { setupOf } from "../setup.ts"

/** Opens a shell on one host, through its connection and as the user that it becomes; gives its exit code. */
export async function shell(call: Call): Promise<number> {
  const [limit = ""] = call.args
  const { targets, loaded, remembered } = await chosenTargets({ ...call, options: { ...call.options, limit } })
  const [target, ...others] = targets
  if (target === undefined || others.length > 0)
    throw new FettleError("USAGE", `a shell is on one host; ${JSON.stringify(limit)} chooses ${targets.length}`, {
      next: "name one of them; fettle exec runs a command on many",
    })
  const { signal } = new AbortController()
  const setup = setupOf(call, loaded, {
    subscribers: [notes((text) => void process.stderr.write(`${escapeText(text)}\n`))],
    signal,
    stopping: signal,
    pause: () => () => {},
  })
  // What is typed is for the shell over there, Ctrl-C above all.
  const heard = (): void => {}
  for (const name of ["SIGINT", "SIGQUIT"]) process.on(name, heard)
  try {
    const at = { terminal: process.stdin.isTTY === true, shell: call.around.env.SHELL ?? "/bin/sh" }
    return await openShell(setup, target, { ...at, remembered })
  } finally {
    for (const name of ["SIGINT", "SIGQUIT"]) process.off(name, heard)
  }
}
