import { plainDriver } from "../connect/plain-driver.ts"
import type { LocalRunner } from "../verify/runners.ts"
import type { LocalTools } from "../verify/tools.ts"
import { releaseProvider } from "./release.ts"

/** Releases at once: each waits most of the time. */
const AT_ONCE = 100

/** What runs releases that send their traffic through no connection. */
export function releaseRunner(tools: LocalTools): LocalRunner {
  return {
    provider: releaseProvider(tools),
    connection: {
      type: "local",
      name: "fettle.local",
      target: "this machine",
      secrets: [],
      open: async () => plainDriver(tools, { identity: "", concurrency: AT_ONCE }),
    },
  }
}
