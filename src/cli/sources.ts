import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import module from "node:module"
import { relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** The files that a program is loaded from, and those of the packages that it loads. */
export interface Sources {
  /** One hash of them all, as they are now: their paths below the program's folder and what they hold. */
  readonly hash: () => string
}

/**
 * Notes every file that is loaded from now on, but for those below `own`: Fettle itself counts by its version.
 * @param folder of the program
 */
export function noteSources(folder: string, own: string, version: string): Sources {
  const files = new Set<string>()
  module.registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context)
      if (resolved.url.startsWith("file:")) files.add(fileURLToPath(new URL(resolved.url)))
      return resolved
    },
  })
  return {
    hash: () => {
      const hash = createHash("sha256").update(`fettle ${version}\n`)
      const named = [...files]
        .filter((file) => !file.startsWith(own))
        .map((file) => [nameOf(folder, file), file] as const)
      for (const [name, file] of named.sort(([a], [b]) => (a < b ? -1 : 1)))
        hash.update(`${JSON.stringify([name, createHash("sha256").update(readFileSync(file)).digest("hex")])}\n`)
      return hash.digest("hex")
    },
  }
}

/** The same in every checkout. */
function nameOf(folder: string, file: string): string {
  return relative(folder, file).split(sep).join("/")
}
