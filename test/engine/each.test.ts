import { join } from "node:path"
import { each, type Program, program, resource, secret, task, text } from "fettle"
import { expect, test } from "vitest"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

/** Things over a list that is known. */
function known(folder: string, names: readonly string[]): Program {
  const build = (): void => {
    each(
      "all",
      names,
      (name) => name,
      (name) => resource(thing, "it", { folder, name }),
    )
  }
  return program("list", {}, build, { providers: [thing] })
}

/** Things over a list that a task gives: known only when it has run. */
function later(folder: string, names: readonly string[], rev = 1): Program {
  const build = (): void => {
    const lists = task("lists", { run: () => names, values: { names, rev } })
    each(
      "all",
      lists.result,
      (name) => name,
      (name) => resource(thing, "it", { folder, name, value: rev }),
    )
  }
  return program("later", {}, build, { providers: [thing] })
}

test("over a known list: each item has its own address; one that leaves is deleted", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  expect(changesOf(await apply(known(far.folder, ["a", "b", "c"])))).toEqual(
    ["a", "b", "c"].map((key) => `create all/${key}/test.thing[it]`),
  )
  expect(far.names()).toEqual(["a", "b", "c"])
  expect(changesOf(await plan(known(far.folder, ["c", "a", "b"])))).toEqual([])
  expect(outcomesOf(await apply(known(far.folder, ["c", "a"])))).toEqual(["done delete all/b/test.thing[it]"])
  expect(far.names()).toEqual(["a", "c"])
  expect((await apply(known(far.folder, []))).outcome).toBe("done")
  expect(far.names()).toEqual([])
})

test("over a list that is known only during apply: its nodes are made in a second pass", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  expect(changesOf(await plan(later(far.folder, ["a", "b"])))).toEqual([
    "run fettle.task[lists]",
    "decide fettle.each[all]",
  ])
  const first = await apply(later(far.folder, ["a", "b"]))
  expect(first.error).toBeUndefined()
  expect(first.outcome).toBe("done")
  expect(first.events.flatMap((event) => (event.type === "apply.started" ? [event.pass] : []))).toEqual([1, 2])
  expect(far.names()).toEqual(["a", "b"])
  expect(await apply(later(far.folder, ["a", "b"]))).toMatchObject({ outcome: "unchanged", exitCode: 0 })
})

test("while its list is not known, what is recorded is kept, not deleted; then what left the list is", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  await apply(later(far.folder, ["a", "b"]))
  const planned = await plan(later(far.folder, ["b", "c"], 2))
  expect(planned.plan?.changes.map((each) => each.action)).not.toContain("delete")
  expect(planned.plan?.changes.find((each) => each.type === "each")).toMatchObject({
    action: "decide",
    because: expect.stringContaining("kept"),
  })
  expect(far.names()).toEqual(["a", "b"])
  const applied = await apply(later(far.folder, ["b", "c"], 2))
  expect(applied.outcome).toBe("done")
  expect(far.names()).toEqual(["b", "c"])
  expect(far.get("b")?.value).toBe(2)
  expect((await apply(later(far.folder, ["b", "c"], 2))).outcome).toBe("unchanged")
})

test("a list that cannot be made keeps what is recorded", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  await apply(later(far.folder, ["a", "b"]))
  const broken = program("later", {}, () => {
    const lists = task("lists", {
      run: (): readonly string[] => {
        throw new Error("no list")
      },
    })
    each(
      "all",
      lists.result,
      (name) => name,
      (name) => resource(thing, "it", { folder: far.folder, name }),
    )
  })
  expect((await apply(broken)).exitCode).toBe(1)
  expect(far.names()).toEqual(["a", "b"])
})

test("two items with one key are an error, whenever the list becomes known", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  expect((await plan(known(far.folder, ["a", "b", "a"]))).error).toMatchObject({
    code: "KEY_DUPLICATE",
    fact: expect.stringContaining('"a"'),
  })
  expect((await apply(later(far.folder, ["a", "a"]))).error).toMatchObject({ code: "KEY_DUPLICATE" })
  expect(far.names()).toEqual([])
})

test("a random secret that is first named in a second pass is made and used", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const seen: string[] = []
  const built = (): Program =>
    program("late", {}, () => {
      const lists = task("lists", { run: () => ["a"] })
      each(
        "all",
        lists.result,
        (name) => name,
        (name) => {
          const password = secret.random(`password-of-${name}`)
          task("uses", { run: (call) => void seen.push(call.reveal(password)), secrets: [password] })
        },
      )
    })
  expect((await apply(built())).outcome).toBe("done")
  expect(seen).toEqual([expect.stringMatching(/^[\w-]{32}$/)])
})

test("an each inside an each, over what the outer one made", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const built = (): Program =>
    program("nested", {}, () => {
      each(
        "outer",
        ["x", "y"],
        (key) => key,
        (key) => {
          const lists = task("lists", { run: () => [`${key}1`, `${key}2`] })
          each(
            "inner",
            lists.result,
            (name) => name,
            (name) => resource(thing, "it", { folder: far.folder, name, value: text`of ${key}` }),
          )
        },
      )
    })
  expect((await apply(built())).error).toBeUndefined()
  expect(far.names()).toEqual(["x1", "x2", "y1", "y2"])
  expect((await apply(built())).outcome).toBe("unchanged")
})
