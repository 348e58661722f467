import { rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { cli } from "../measure.ts"
import { makeFolder } from "./fleet.ts"
import { type Job, PACKAGES, type Ready, TARGET, type Tool } from "./job.ts"

const APPLY = ["apply", "--yes"]
const PROGRAM = fileURLToPath(new URL("../fixtures/hosts/fettle.ts", import.meta.url))

/** The built command line. A first apply begins without state; the compiled code is kept, as on any machine that has run it once. */
export const fettle: Tool = { name: "Fettle", ready: (job) => ready(job, APPLY) }
export const fettlePlan: Tool = { ...fettle, again: (job) => ready(job, ["plan", "--check"]) } // 2 where anything changes
export const fettleFast: Tool = { ...fettle, ready: (job) => ready(job, APPLY, "fast") }

function ready({ folder, reached, from, names, mixed }: Job, words: readonly string[], kex = "default"): Ready {
  makeFolder(folder)
  const state = join(folder, `state-${kex}`)
  const params = {
    config: reached.config,
    hosts: reached.hosts.map(({ name }) => name).join(","),
    files: names.length,
    from,
    to: TARGET,
    packages: mixed ? PACKAGES.join(",") : "",
    kex,
  }
  return {
    argv: [
      process.execPath,
      cli,
      ...words,
      ...Object.entries(params).flatMap(([name, value]) => ["--param", `${name}=${value}`]),
      ...["--file", PROGRAM, "--state", state],
    ],
    env: { HOME: folder, XDG_CACHE_HOME: join(folder, "..", "cache"), XDG_CONFIG_HOME: join(folder, "config") },
    cwd: folder,
    forget: () => rmSync(state, { recursive: true, force: true }),
  }
}
