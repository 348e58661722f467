import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { rotateKey } from "../../src/run/state-rotate.ts"
import { keyInFile } from "../../src/secrets/key.ts"
import { fileHome } from "../../src/state/file-home.ts"
import { safes } from "../fixtures/safe.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { who } from "../support/store-contract.ts"

test("state in a file is sealed with another key, nothing looks changed, and what is made later is sealed with that", async () => {
  const folder = testFolder()
  const env = { SAFE_PASSWORD: "a password that is given" }
  expect(await runsIn(folder, { env }).apply(safes(folder, 1))).toMatchObject({ outcome: "done" })
  const home = fileHome(join(folder, ".fettle", "safes.dev.db"))
  const [old, next] = [keyInFile(join(folder, ".config/fettle/state.key")), keyInFile(join(folder, "next.key"))]
  await expect(rotateKey(home, next, old, who)).rejects.toThrowError(
    expect.objectContaining({ code: "STATE_KEY_WRONG" }),
  )
  await expect(rotateKey(home, old, old, who)).rejects.toThrowError(
    expect.objectContaining({ code: "STATE_KEY_WRONG" }),
  )
  expect(await rotateKey(home, old, next, who)).toBe(1)
  const runs = runsIn(folder, { env: { ...env, FETTLE_STATE_KEY_FILE: join(folder, "next.key") } })
  expect((await runsIn(folder, { env }).plan(safes(folder, 1))).error).toMatchObject({ code: "STATE_KEY_WRONG" })
  expect(await runs.plan(safes(folder, 1))).toMatchObject({ outcome: "unchanged", error: undefined })
  expect(await runs.apply(safes(folder))).toMatchObject({ outcome: "done", error: undefined })
  expect(await runs.plan(safes(folder))).toMatchObject({ outcome: "unchanged", error: undefined })
  const files = readdirSync(join(folder, ".fettle")).filter((name) => name.includes(".db"))
  for (const name of files)
    expect(readFileSync(join(folder, ".fettle", name), "latin1")).not.toMatch(/a password that|token of/)
})
