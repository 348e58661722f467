import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { causeText, FettleError } from "../errors.ts"

/**
 * Makes the folder of state where there is none: for its owner alone, and kept out of git by itself.
 * @throws FettleError `STATE_WRITE`
 */
export function makeStateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const ignore = join(folder, ".gitignore")
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n")
  } catch (cause) {
    throw new FettleError("STATE_WRITE", `the folder of state ${folder} cannot be made: ${causeText(cause)}`, {
      cause,
      next: "let who runs fettle write there, or name another folder: --state FOLDER",
    })
  }
}
