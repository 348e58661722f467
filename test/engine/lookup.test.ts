import { join } from "node:path"
import { lookup, type Program, program, resource, text } from "fettle"
import { expect, test } from "vitest"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

test("what a lookup finds is known at plan time, and it is never written", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  far.put("theirs", { name: "theirs", value: "v1", size: 1, serial: 41 })
  const { plan, apply } = runsIn(folder)
  const built = (): Program =>
    program(
      "looks",
      {},
      () => {
        const theirs = lookup(thing, "theirs", { folder: far.folder, name: "theirs", value: "not what is there" })
        resource(thing, "ours", {
          folder: far.folder,
          name: "ours",
          value: text`${theirs.value.map(String)} ${theirs.serial}`,
        })
      },
      { providers: [thing] },
    )
  expect(changesOf(await plan(built()))).toEqual(["create test.thing[ours]"])
  expect((await apply(built())).outcome).toBe("done")
  expect(far.get("ours")?.value).toBe("v1 41")
  expect(far.get("theirs")?.value).toBe("v1")
  far.put("theirs", { name: "theirs", value: "v2", size: 1, serial: 41 })
  expect((await plan(built())).plan?.changes).toMatchObject([
    { action: "update", address: "test.thing[ours]", cause: "wanted" },
  ])
  expect((await apply(built())).outcome).toBe("done")
  expect(far.get("ours")?.value).toBe("v2 41")
  expect(outcomesOf(await apply(built(), { destroy: true }))).toEqual(["done delete test.thing[ours]"])
  expect(far.names()).toEqual(["theirs"])
})

test("a lookup that finds nothing is an error, and what needs it is not changed", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const built = program("looks", {}, () => {
    const theirs = lookup(thing, "theirs", { folder: far.folder, name: "theirs" })
    resource(thing, "needs", { folder: far.folder, name: "needs", value: theirs.value })
    resource(thing, "free", { folder: far.folder, name: "free" })
  })
  expect((await plan(built)).plan?.changes).toMatchObject([
    { action: "blocked", error: { code: "LOOKUP_ABSENT" } },
    { action: "blocked", because: "waits for test.thing[theirs]" },
    { action: "create" },
  ])
  expect((await apply(built)).exitCode).toBe(1)
  expect(far.names()).toEqual(["free"])
})

test("a lookup of what the same apply makes is asked in its turn", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const built = (): Program =>
    program("looks", {}, () => {
      const made = resource(thing, "made", { folder: far.folder, name: "made", value: "x" })
      const name = made.serial.map(() => "made")
      const found = lookup(thing, "found", { folder: far.folder, name })
      resource(thing, "uses", { folder: far.folder, name: "uses", value: text`found ${found.value.map(String)}` })
    })
  const applied = await apply(built())
  expect(changesOf(applied)).toEqual(["create test.thing[made]", "decide test.thing[found]", "decide test.thing[uses]"])
  expect(applied.outcome).toBe("done")
  expect(far.get("uses")?.value).toBe("found x")
  expect((await apply(built())).outcome).toBe("unchanged")
})
