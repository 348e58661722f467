import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

interface Needed {
  /** The command that installs it, as a person would type it. */
  readonly install: string
  /** Whether it is there. Default: a command of that name is in PATH. */
  readonly found?: () => boolean
}

/**
 * Says whether something that a test needs is on this machine: `test.skipIf(!need("strace", { install: "apt-get install strace" }))`.
 * Where it is missing, a warning names what to install; under `CI=true` it throws, so that a skip never passes for a success.
 */
export function need(what: string, { install, found = () => inPath(what) }: Needed): boolean {
  if (found()) return true
  const message = `${what} is missing on this machine. Install it: ${install}`
  if (process.env.CI === "true") throw new Error(message)
  console.warn(`SKIPPED: ${message}`)
  return false
}

function inPath(command: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
