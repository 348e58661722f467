import { join } from "node:path"
import { program, resource, secret } from "fettle"
import type { Settles } from "fettle/provider"
import { expect, test } from "vitest"
import { z } from "zod"
import { changesOf, outcomesOf, runsIn, type TestRun, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"
import { entryKind, type Given, Registry, registry } from "../testing/registry.ts"

// A provider makes a thing and then gives outputs that do not fit: the thing is there. It must not be made twice, and
// must not be left behind.

const MARK = { mark: true, horizonMs: 50 } as const
type Kind = ReturnType<typeof entryKind>

function errorOf(run: TestRun) {
  return run.applied?.outcomes.find(({ error }) => error !== undefined)?.error
}

/** A registry, and programs of one entry of it. */
function registryWorld() {
  const far = new Registry()
  const connection = registry(far)
  const runs = runsIn(testFolder(), { secrets: { env: () => "correct horse battery", run: () => Promise.reject() } })
  const of = (kind: Kind, wanted = true) =>
    program(
      "wrong",
      {},
      () => {
        if (wanted) resource(kind, "a", { name: "a", value: "one", key: secret.env("KEY") }, { on: connection })
        else resource(kind, "other", { name: "other", key: secret.env("KEY") }, { on: connection })
      },
      { providers: [kind] },
    )
  const names = async (): Promise<string[]> => (await far.list(0)).entries.map(({ name }) => name)
  return { ...runs, of, names }
}

/** The kind, whose creates and updates give something else than they should. */
function liar(settles: Settles, lie: (made: Given) => unknown, more: Partial<Kind> = {}): Kind {
  const sound = entryKind(settles)
  return entryKind(settles, { ensure: async (...all) => lie(await sound.ensure(...all)) as never, ...more })
}

const withoutId = ({ id: _id, ...rest }: Given): unknown => rest

test("an id that the outputs tell is recorded, and the next run goes on from there", async () => {
  const { of, apply, plan, names } = registryWorld()
  const lying = liar("ask", (made) => ({ ...made, value: 5 }))
  const lied = await apply(of(lying))
  expect(outcomesOf(lied)).toEqual(["failed create test.entry[a]"])
  expect(errorOf(lied)).toMatchObject({
    code: "OUTPUT_WRONG",
    fact: "test.entry[a] was made, and test.entry returned outputs that do not fit its own schema: value: Invalid input: expected string, received number",
    next: expect.stringContaining("what was made is recorded as e1, and the next apply looks at it again"),
  })
  expect((await apply(of(lying))).exitCode).toBe(0)
  expect(changesOf(await plan(of(lying)))).toEqual([])
  expect(await names()).toEqual(["a"])
})

test("it is deleted when it leaves the program", async () => {
  const { of, apply, names } = registryWorld()
  await apply(of(liar("ask", (made) => ({ ...made, value: 5 }))))
  expect((await apply(of(entryKind("ask"), false))).outcome).toBe("done")
  expect(await names()).toEqual(["other"])
})

const lies: Readonly<Record<string, readonly [lie: (made: Given) => unknown, more?: Partial<Kind>]>> = {
  "outputs without the id": [withoutId],
  "nothing at all": [() => undefined],
  "an id that is no text": [(made) => ({ ...made, id: 7 })],
  "outputs in which looking for the id throws": [withoutId, { idOf: (made) => made.id.trim() }],
  "sound outputs, and no id is found in them": [(made) => made, { idOf: () => undefined }],
}

for (const [what, [lie, more]] of Object.entries(lies))
  test.each<[Settles, "settles itself" | "asks"]>([
    ["token", "settles itself"],
    [MARK, "settles itself"],
    ["ask", "asks"],
  ])(`${what}: the create stays open, and what settles by %j %s`, async (settles, how) => {
    const { of, apply, names } = registryWorld()
    const lying = liar(settles, lie, more)
    for (let times = 1; times <= 2; times += 1) {
      const lied = await apply(of(lying))
      expect(await names()).toEqual(["a"])
      if (times > 1) continue
      expect(outcomesOf(lied)).toEqual(["maybe create test.entry[a]"])
      expect(errorOf(lied)).toMatchObject({
        code: "OUTPUT_WRONG",
        fact: expect.stringContaining("test.entry[a] was made, and test.entry returned outputs that "),
        next: expect.stringContaining("settles it as a create that was cut off"),
      })
    }
    const mended = await apply(of(entryKind(settles)))
    expect(await names()).toEqual(["a"])
    if (how === "asks") expect(mended.plan?.changes).toMatchObject([{ error: { code: "OPEN_INTENT" } }])
    else expect(changesOf(await apply(of(entryKind(settles))))).toEqual([])
  })

test.each<[string, Partial<typeof thing>, string, string]>([
  ["carry throws", { carry: () => JSON.parse("{") }, "PROVIDER_THREW", "test.thing threw when asked about it"],
  [
    "state cannot hold them",
    {
      outputs: z.looseObject({}) as never,
      ensure: async (...all) => ({ ...(await thing.ensure(...all)), at: new Date() }),
    },
    "OUTPUT_WRONG",
    "returned outputs that state cannot remember",
  ],
  [
    "it predicted something else",
    { ensure: async (...all) => ({ ...(await thing.ensure(...all)), value: "z" }) },
    "OUTPUT_WRONG",
    "predicted another value than it gave",
  ],
])("only the node fails, and what it made is recorded: %s", async (_what, more, code, words) => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const of = (kind: typeof thing) =>
    program("wrong", {}, () => {
      resource(kind, "a", { folder: far.folder, name: "a", value: "x" })
      resource(thing, "b", { folder: far.folder, name: "b" }, { after: ["test.thing[a]"] })
    })
  const lied = await apply(of({ ...thing, ...more }))
  expect(lied.error).toBeUndefined()
  expect([...outcomesOf(lied)].sort()).toEqual(["failed create test.thing[a]", "skipped create test.thing[b]"])
  expect(errorOf(lied)).toMatchObject({
    code,
    fact: expect.stringContaining("test.thing[a] was made, and test.thing "),
  })
  expect(errorOf(lied)?.fact).toContain(words)
  const { serial } = far.get("a") as { serial: number }
  expect((await apply(of(thing))).exitCode).toBe(0)
  expect(far.names()).toEqual(["a", "b"])
  expect(far.get("a")?.serial).toBe(serial)
})

test("an update says that it was changed", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const of = (kind: typeof thing, value: string) =>
    program("wrong", {}, () => void resource(kind, "a", { folder: far.folder, name: "a", value }))
  await apply(of(thing, "x"))
  const lying = {
    ...thing,
    ensure: async (...all: Parameters<typeof thing.ensure>) => void (await thing.ensure(...all)),
  }
  const lied = await apply(of(lying as never, "y"))
  expect(errorOf(lied)?.fact).toMatch(/^test\.thing\[a\] was changed, and test\.thing returned outputs that do not fit/)
  expect(changesOf(await apply(of(thing, "y")))).toEqual([])
})
