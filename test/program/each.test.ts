import { join } from "node:path"
import { each, group, type Output, type Program, program, resource, text } from "fettle"
import { expect, test } from "vitest"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"
import { scopeOf } from "./declared.ts"

/** A list that stands in the value of a thing: known only once it was read or made. */
const listIn = (output: Output<string | number>): Output<readonly string[]> =>
  output.map((value) => String(value).split(",").filter(Boolean))

function fleet(folder: string, hosts: string) {
  return program(
    "fleet",
    {},
    () => {
      const list = resource(thing, "list", { folder, name: "list", value: hosts, size: hosts.length })
      group("web", () => {
        each(
          "hosts",
          listIn(list.serial.map(() => hosts)),
          (host) => host,
          (host, key) => {
            const file = resource(thing, "file", { folder, name: `${key}-file` })
            resource(thing, "link", { folder, name: `${host}-link`, value: text`to ${file.name}` })
          },
        )
      })
    },
    { providers: [thing] },
  )
}

test("a list that is known is declared at once, below its own name and keys", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const known = program("known", {}, () => {
    each(
      "hosts",
      ["a", "b"],
      (host) => host,
      (host) => resource(thing, "file", { folder: join(folder, "world"), name: host }),
    )
  })
  expect([...scopeOf(known).declarations.keys()]).toEqual(["fettle.each[hosts]"])
  expect(changesOf(await plan(known))).toEqual(["create hosts/a/test.thing[file]", "create hosts/b/test.thing[file]"])
})

test("a list that is known later is declared then; what left it is deleted, and while it is unknown all is kept", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { plan, apply } = runsIn(folder)

  const first = await apply(fleet(far.folder, "a,b"))
  expect(first.error).toBeUndefined()
  expect(changesOf(first)).toEqual(["create test.thing[list]", "decide web/fettle.each[hosts]"])
  expect(far.names()).toEqual(["a-file", "a-link", "b-file", "b-link", "list"])
  expect(changesOf(await plan(fleet(far.folder, "a,b")))).toEqual([])

  // Another size replaces the list, so it is unknown until that is done: nothing of it is deleted meanwhile.
  const unknown = await plan(fleet(far.folder, "a,b,c"))
  expect(changesOf(unknown)).toEqual(["replace test.thing[list]", "decide web/fettle.each[hosts]"])

  const smaller = await apply(fleet(far.folder, "b"))
  expect(smaller.error).toBeUndefined()
  expect(outcomesOf(smaller)).toEqual(
    expect.arrayContaining(["done delete web/hosts/a/test.thing[link]", "done delete web/hosts/a/test.thing[file]"]),
  )
  expect(far.names()).toEqual(["b-file", "b-link", "list"])
  expect(changesOf(await plan(fleet(far.folder, "b")))).toEqual([])
})

test("two items of one key are refused, with the list they stand in", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const doubled = program("doubled", {}, () => {
    each(
      "hosts",
      ["a", "b", "a"],
      (host) => host,
      (host) => resource(thing, host, { folder, name: host }),
    )
  })
  expect((await plan(doubled)).error).toMatchObject({
    code: "KEY_DUPLICATE",
    address: "fettle.each[hosts]",
    fact: expect.stringContaining('"a"'),
  })
})

test("a key that cannot stand in an address is refused", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  for (const key of ["a/b", "a\nb", "", "]"]) {
    const wrong = program("wrong", {}, () => {
      each(
        "hosts",
        [key],
        (host) => host,
        () => {},
      )
    })
    expect((await plan(wrong)).error?.code, JSON.stringify(key)).toBe("NAME_INVALID")
  }
})

test("lists may stand in lists", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply, plan } = runsIn(folder)
  const nested = program("nested", {}, () => {
    const list = resource(thing, "list", { folder: far.folder, name: "list", value: "a,b" })
    each(
      "hosts",
      listIn(list.serial.map(() => "a,b")),
      (host) => host,
      (host) =>
        each("ports", [80, 81], String, (port) => {
          resource(thing, "port", { folder: far.folder, name: `${host}-${port}` })
        }),
    )
  })
  const applied = await apply(nested)
  expect(applied.error).toBeUndefined()
  expect(far.names()).toEqual(["a-80", "a-81", "b-80", "b-81", "list"])
  expect(changesOf(await plan(nested))).toEqual([])
})

test("an empty list declares nothing", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply } = runsIn(folder)
  const applied = await apply(fleet(far.folder, ""))
  expect(applied.outcome).toBe("done")
  expect(far.names()).toEqual(["list"])
})

test("what goes wrong in an item is told with the place of the each, or of the line that threw", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const keyed = (key: (item: string) => string) => program("keyed", {}, () => void each("e", ["a", "b"], key, () => {}))
  const built = (build: () => unknown) => program("built", {}, () => void each("e", ["a"], String, build))
  const cases: readonly [Program, code: string, fact: string][] = [
    [keyed(() => "same"), "KEY_DUPLICATE", 'two items have the key "same"'],
    [keyed(() => "a["), "NAME_INVALID", 'the key name "a[" is not usable'],
    [keyed((async () => "a") as never), "NAME_INVALID", "the key name"],
    [built(() => JSON.parse("{")), "PROGRAM_THREW", "JSON"],
  ]
  for (const [broken, code, fact] of cases) {
    const { error } = await plan(broken)
    expect(error).toMatchObject({ code, fact: expect.stringContaining(fact) })
    expect(String(error?.place)).toContain("each.test.ts:")
    expect(error?.address).toBe("fettle.each[e]")
  }
})
