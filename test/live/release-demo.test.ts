import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { testFolder } from "../support/runs.ts"

const RUN = fileURLToPath(new URL("../../examples/release/run.mjs", import.meta.url))

test("the demo releases a good version, catches a bad one, and leaves nothing", { timeout: 240_000 }, async () => {
  const folder = testFolder()
  const env = { PATH: process.env.PATH, HOME: folder, FETTLE_RELEASE_FOLDER: folder }
  const child = spawn(process.execPath, [RUN], { env, stdio: ["ignore", "pipe", "pipe"] })
  const ended = new Promise((resolve) => child.once("close", resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  expect(await ended, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/released 1\.1\.0 +\d+ visitors, 0 of them saw an error/)
  expect(stdout).toMatch(
    /RELEASE_ROLLED_BACK[\s\S]*Rolled back at minute \d+, with \d+ %: \d+ errors in \d+ requests against \d+ in/,
  )
  expect(stdout).toMatch(
    /1\.1\.0 has all traffic: 0 errors in \d+ requests against 0 in \d+; a version 3 times worse, with 2 % bad requests or more, passes in at most 1 %/,
  )
  expect(stdout).toMatch(/since then +\d+ visitors, 0 of them saw an error/)
  expect(readdirSync(folder)).toEqual([])
})
