import type { Emit } from "../events/events.ts"
import type { NotifyDeps } from "../policies/notify.ts"
import type { SecretBox } from "../secrets/box.ts"
import type { Secret } from "../secrets/secret.ts"
import type { LocalTools } from "../verify/tools.ts"

/** How notifications leave this machine. That one could not be sent is a warning of the run. */
export function waysOut(tools: LocalTools, box: SecretBox, emit: Emit): NotifyDeps {
  return {
    fetch,
    run: (command, options) =>
      tools.run(command as [string, ...string[]], { ...options, cwd: tools.cwd, env: tools.baseEnv, check: false }),
    reveal: async (sealed) => {
      const secret = sealed as unknown as Secret<unknown>
      await box.open(secret)
      return String(box.value(secret))
    },
    sink: (result) => {
      if (result.outcome === "failed")
        emit({ type: "note", level: "warning", text: `a notification could not be sent: ${result.because}` })
    },
  }
}
