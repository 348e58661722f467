import { readdirSync } from "node:fs"
import { expect, test } from "vitest"
import { place } from "./fettle.ts"

test("the demo kills an apply in the middle, and the next one makes nothing twice", { timeout: 120_000 }, async () => {
  const user = place()
  const env = { TMPDIR: user.folder }
  const { code, text } = await user.fettle(["demo", "crash"], { env })
  expect(text).toMatch(/Killed with SIGKILL, in the middle of (payment|parcel)\./)
  expect(text).toMatch(/\d changes? of an earlier run (was|were) cut off/)
  expect(text).toContain("interrupted: made by a run that was cut off")
  expect(text).toContain("Nothing to change: 5 resources are as declared.")
  expect(text).toContain("Nothing was made twice, and nothing was lost.")
  expect(code).toBe(0)
  expect(readdirSync(user.folder).filter((each) => each.startsWith("fettle-demo-"))).toEqual([])
  expect(await user.fettle(["demo", "crsh"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("fettle demo crash"),
  })
})
