import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Makes the folder of state where there is none: for its owner alone, and kept out of git by itself. */
export function makeStateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const ignore = join(folder, ".gitignore")
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n")
}
