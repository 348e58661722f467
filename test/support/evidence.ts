import { rmSync } from "node:fs"
import { onTestFinished } from "vitest"

/** Removes a folder at the end of a test that passed; where it failed, says where its evidence lies. */
export function keepIfFailed(folder: string): void {
  onTestFinished(({ task }) => {
    if (task.result?.state === "fail") console.error(`evidence kept in ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  })
}
