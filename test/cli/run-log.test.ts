import { join } from "node:path"
import { program, task } from "fettle"
import { expect, test } from "vitest"
import { runLog } from "../../src/cli/run-log.ts"
import { runsIn, testFolder } from "../support/runs.ts"

test("a process that runs many programs is left with no listener of their logs", async () => {
  const folder = testFolder()
  let first: number | undefined // what a process needs once, for all its runs, is there after the first
  for (let at = 0; at < 4; at += 1) {
    const log = runLog(join(folder, ".fettle"), "logged", "dev")
    const { apply } = runsIn(folder, { subscribers: [log] })
    expect(await apply(program("logged", {}, () => void task("t", { run: ["true"] })))).toMatchObject({ exitCode: 0 })
    first ??= process.listenerCount("exit")
  }
  expect(process.listenerCount("exit")).toBe(first)
})
