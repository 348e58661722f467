import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { each, group, on, type Program, program, resource, retire, secret, task, text } from "fettle"
import * as host from "fettle/host"
import { type Connection, type Provider, provider } from "fettle/provider"
import { migrations } from "fettle/sqlite"
import { expect, onTestFinished, test, vi } from "vitest"
import { z } from "zod"
import { plainDriver } from "../../src/connect/plain-driver.ts"
import { hashOf } from "../../src/events/plan.ts"
import { localSetup } from "../../src/run/local.ts"
import { applyProgram } from "../../src/run/run.ts"
import { need } from "../support/need.ts"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

/** Every file below a folder by the hash of its content. */
function contents(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  const paths = files.map((each) => join(each.parentPath, each.name)).sort()
  return Object.fromEntries(paths.map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]))
}

/** Things in a row, each with its value. */
function things(folder: string, values: Readonly<Record<string, string | number>>, options: object = {}): Program {
  const declare = (): void => {
    for (const [name, value] of Object.entries(values)) resource(thing, name, { folder, name, value }, options)
  }
  return program("things", {}, declare, { providers: [thing] })
}

// ── a plan writes nothing ───────────────────────────────────────────────────────────────────────────────────────────

test("a plan writes nothing: no state, no key, no thing; also with drift, secrets and random secrets", {
  timeout: 60_000,
}, async () => {
  const folder = testFolder()
  const far = join(folder, "far")
  const { plan, apply } = runsIn(folder, { env: { KEY: "a-long-enough-key" } })
  mkdirSync(far)
  const built = (rev: number): Program =>
    program("mixed", {}, () => {
      const web = host.local()
      const content = text`${rev} ${secret.env("KEY")} ${secret.random("made")}`
      resource(host.file, "config", { path: join(far, "config"), content, mode: "0600" }, { on: web })
      task("t", { run: ["true"], values: { rev } })
    })
  const empty = contents(folder)
  expect((await plan(built(1))).exitCode).toBe(2)
  expect(contents(folder)).toEqual(empty)
  expect(existsSync(join(folder, ".fettle"))).toBe(false)
  expect(existsSync(join(folder, ".config"))).toBe(false)

  expect((await apply(built(1))).outcome).toBe("done")
  const made = contents(folder)
  expect(changesOf(await plan(built(1)))).toEqual([])
  expect((await plan(built(2))).exitCode).toBe(2)
  expect(contents(folder)).toEqual(made)

  writeFileSync(join(far, "config"), "somebody was here")
  const drifted = contents(folder)
  expect((await plan(built(1))).plan?.changes[0]).toMatchObject({ action: "update" })
  expect(contents(folder)).toEqual(drifted)
})

const mayMount = process.getuid?.() === 0 && need("mount", { install: "apt-get install mount" }) && canMount()

/** Root in a container may still not be allowed to mount. */
function canMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" })
    return true
  } catch {
    return need("unshare -m", { install: "run as root with CAP_SYS_ADMIN", found: () => false })
  }
}

test.skipIf(!mayMount)("a plan works on a file system that is mounted read-only", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  expect((await apply(things(far.folder, { a: 1 }))).outcome).toBe("done")
  execFileSync("mount", ["--bind", folder, folder])
  onTestFinished(() => void execFileSync("umount", [folder]))
  execFileSync("mount", ["-o", "remount,bind,ro", folder])
  expect(() => writeFileSync(join(folder, "x"), "")).toThrowError(/EROFS/)
  expect(changesOf(await plan(things(far.folder, { a: 2, b: 1 })))).toEqual([
    "update test.thing[a]",
    "create test.thing[b]",
  ])
})

// ── what may be asked of a plan ─────────────────────────────────────────────────────────────────────────────────────

test("a plan is plain data, and its hash is of what it says", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const made = (await plan(things(join(folder, "far"), { a: 1 }), { bound: true })).plan
  expect(JSON.parse(JSON.stringify(made))).toEqual(made)
  const { hash, bound, ...body } = made ?? ({} as never)
  expect(hashOf(body)).toBe(hash)
  const text = expect.any(String)
  expect(bound).toEqual({ program: text, state: text, world: text, wanted: text, sources: "", targets: text })
})

test("targets take what they need and nothing else", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const built = (): Program =>
    program("two", {}, () => {
      const a = resource(thing, "a", { folder: far.folder, name: "a" })
      resource(thing, "b", { folder: far.folder, name: "b", value: a.serial })
      resource(thing, "c", { folder: far.folder, name: "c" })
    })
  expect(changesOf(await plan(built(), { targets: ["test.thing[b]"] }))).toEqual([
    "create test.thing[a]",
    "decide test.thing[b]",
  ])
  expect((await apply(built(), { targets: ["test.thing[b]"] })).outcome).toBe("done")
  expect(far.names()).toEqual(["a", "b"])
  expect((await plan(built(), { targets: ["test.thing[z]"] })).error?.code).toBe("TARGET_UNKNOWN")
})

test("a target that left the program is deleted alone", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  await apply(things(far.folder, { a: 1, b: 1, c: 1 }))
  expect(outcomesOf(await apply(things(far.folder, { a: 1 }), { targets: ["test.thing[b]"] }))).toEqual([
    "done delete test.thing[b]",
  ])
  expect(far.names()).toEqual(["a", "c"])
})

test("replace, force and refresh-only do what is asked and no more", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const built = (): Program =>
    program("asked", {}, () => {
      resource(thing, "a", { folder: far.folder, name: "a", value: 1 })
      resource(thing, "b", { folder: far.folder, name: "b", value: 1 })
      task("t", { run: ["true"] })
    })
  await apply(built())
  const replaced = await apply(built(), { replace: ["test.thing[a]"] })
  expect(replaced.plan?.changes).toMatchObject([{ action: "replace", because: "asked for with --replace" }])
  expect(outcomesOf(replaced)).toEqual(["done replace test.thing[a]"])
  expect(outcomesOf(await apply(built(), { force: ["fettle.task[t]"] }))).toEqual(["done run fettle.task[t]"])

  far.put("a", { name: "a", value: "moved", size: 1, serial: 1 })
  far.remove("b")
  const refreshed = await apply(built(), { refreshOnly: true })
  expect(changesOf(refreshed)).toEqual(["refresh test.thing[a]", "forget test.thing[b]"])
  expect(refreshed.outcome).toBe("done")
  expect(far.get("a")?.value).toBe("moved")
  expect(far.names()).toEqual(["a"])
  const after = await plan(built())
  expect(after.plan?.changes).toMatchObject([
    { action: "update", address: "test.thing[a]" },
    { action: "create", address: "test.thing[b]", cause: "new" },
  ])
  expect(after.plan?.changes[0]?.drift).toBeUndefined()
})

test("a text that changes is shown as a diff; a very long value by its size and hash", async () => {
  const folder = testFolder()
  const path = join(folder, "text")
  const { plan, apply } = runsIn(folder)
  const built = (content: string): Program =>
    program("text", {}, () => void resource(host.file, "text", { path, content }, { on: host.local() }))
  await apply(built("one\ntwo\nthree\n"))
  const [change] = (await plan(built("one\n2\nthree\n"))).plan?.changes ?? []
  expect(change?.text).toMatch(/^-two$/m)
  expect(change?.text).toMatch(/^\+2$/m)
  const long = await plan(things(join(folder, "far"), { a: "x".repeat(100_000) }))
  expect(JSON.stringify(long.plan).length).toBeLessThan(2_000)
  const hash = createHash("sha256")
    .update(`"${"x".repeat(100_000)}"`)
    .digest("hex")
  expect(JSON.stringify(long.plan)).toContain(`(99882 more, sha256 of all ${hash})`)
})

test("what depends on what is not known yet is decided during apply, and then changed or left alone", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const built = (value: number): Program =>
    program("later", {}, () => {
      const a = resource(thing, "a", { folder: far.folder, name: "a", value, size: value })
      resource(thing, "b", { folder: far.folder, name: "b", value: text`serial ${a.serial}` })
      resource(thing, "c", { folder: far.folder, name: "c", value: a.serial.map(() => "the same") })
    })
  const first = await apply(built(1))
  expect(changesOf(first)).toEqual(["create test.thing[a]", "decide test.thing[b]", "decide test.thing[c]"])
  const again = await apply(built(2))
  expect(changesOf(again)).toEqual(["replace test.thing[a]", "decide test.thing[b]", "decide test.thing[c]"])
  expect(again.outcome).toBe("done")
  expect(far.get("b")?.value).toBe(`serial ${far.get("a")?.serial}`)
  expect(far.get("c")?.value).toBe("the same")
})

// ── providers that fail, keep silent, hang, lie and throw ───────────────────────────────────────────────────────────

type Odd = Partial<Pick<Provider, "read" | "plan" | "predict" | "ensure" | "settles">>

/** The thing, with something odd about it. */
function odd(more: Odd): typeof thing {
  return provider({ ...thing, ...more } as never) as typeof thing
}

const READS: readonly (readonly [string, Odd["read"], string, string])[] = [
  [
    "throws",
    async () => {
      throw new Error("down")
    },
    "READ_FAILED",
    "down",
  ],
  [
    "throws at once",
    () => {
      throw new TypeError("a bug")
    },
    "READ_FAILED",
    "a bug",
  ],
  ["keeps silent", async () => new Map(), "READ_FAILED", "gave no answer"],
  ["gives no map", async () => ({}) as never, "READ_FAILED", "not a map"],
  [
    "answers nonsense",
    async (keys) => new Map(keys.map((key) => [key.address, {} as never])),
    "READ_FAILED",
    "gave no answer",
  ],
  ["hangs", () => new Promise(() => {}), "READ_FAILED", "no answer within 0.2 s"],
]

test.each(READS)("a read that %s never leads to a create or a deletion", async (_name, read, code, fact) => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder, { readTimeoutMs: 200 })
  await apply(things(far.folder, { a: 1, b: 1 }))
  const broken = odd({ read: read as never })
  const built = (names: readonly string[]): Program =>
    program(
      "things",
      {},
      () => {
        for (const name of names) resource(broken, name, { folder: far.folder, name, value: 2 })
      },
      { providers: [broken] },
    )
  for (const names of [["a", "b", "c"], ["a"], []]) {
    const planned = await plan(built(names))
    expect(planned.exitCode).toBe(1)
    expect(planned.plan?.changes.length).toBeGreaterThanOrEqual(2)
    for (const change of planned.plan?.changes ?? [])
      expect(change).toMatchObject({ action: "blocked", error: { code, fact: expect.stringContaining(fact) } })
    expect((await apply(built(names))).exitCode).toBe(1)
  }
  expect(far.names()).toEqual(["a", "b"])
  expect((await plan(things(far.folder, { a: 1, b: 1 }))).outcome).toBe("unchanged")
})

test("cancelled while reading is cancelled, not failed", async () => {
  const folder = testFolder()
  const hanging = odd({ read: () => new Promise(() => {}) })
  const { plan, apply } = runsIn(folder, { signal: AbortSignal.timeout(200) })
  const built = program("one", {}, () => void resource(hanging, "a", { folder, name: "a" }))
  expect(await plan(built)).toMatchObject({ outcome: "cancelled", exitCode: 130 })
  expect(await apply(built)).toMatchObject({ outcome: "cancelled", exitCode: 130 })
})

test("a provider that throws while it plans or predicts is an entry of the plan; the others go on", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const throws = (): never => {
    throw new Error("a bug in plan")
  }
  for (const broken of [odd({ plan: throws }), odd({ predict: throws }), odd({ settles: throws })]) {
    const built = program("one", {}, () => {
      const a = resource({ ...broken, kind: "test.broken" }, "a", { folder: far.folder, name: "a" })
      resource(thing, "b", { folder: far.folder, name: "b" })
      resource(thing, "c", { folder: far.folder, name: "c", value: a.name })
    })
    const planned = await plan(built)
    expect(planned.error).toBeUndefined()
    expect(planned.plan?.changes.filter((each) => each.action === "blocked")[0]).toMatchObject({
      address: "test.broken[a]",
      error: { code: "PROVIDER_THREW" },
    })
    await apply(built)
    expect(far.get("b")).toBeDefined()
    expect(far.get("c")).toBeUndefined()
    far.remove("b")
  }
})

test("a provider that lies about its outputs is told so, and what it made is not lost", async () => {
  const given = { name: "a", value: 1, size: 1, serial: 1 }
  const lies: readonly (readonly [string, unknown])[] = [
    ["nothing", undefined],
    ["a wrong type", { ...given, serial: "one" }],
    ["a missing output", { name: "a" }],
    ["something that is no data", { ...given, serial: new Date() }],
    ["another value than it predicted", { ...given, value: 7 }],
  ]
  for (const [what, lie] of lies) {
    const folder = testFolder()
    const far = world(join(folder, "far"))
    const { apply } = runsIn(folder)
    const liar = odd({
      ensure: async () => {
        far.put("a", given)
        return lie as never
      },
    })
    const built = (kind: typeof thing): Program =>
      program("lies", {}, () => {
        const a = resource(kind, "a", { folder: far.folder, name: "a", value: 1 })
        resource(thing, "b", { folder: far.folder, name: "b", value: a.serial })
      })
    const lied = await apply(built(liar))
    expect(lied.error, what).toBeUndefined()
    expect(lied.applied?.outcomes[0], what).toMatchObject({ outcome: "failed", error: { code: "OUTPUT_WRONG" } })
    expect(far.names(), what).toEqual(["a"])
    expect((await apply(built(thing))).outcome, what).toBe("done")
    expect(far.get("b")?.value, what).toBe(1)
  }
})

// ── the target ──────────────────────────────────────────────────────────────────────────────────────────────────────

const placed = provider<typeof placedProps, typeof placedOutputs, ReturnType<typeof world>>({
  kind: "test.placed",
  version: 1,
  about: "A thing behind a connection.",
  connects: "test.world",
  props: z.strictObject({ name: z.string() }),
  outputs: z.object({ name: z.string() }),
  settles: "unique",
  id: (want) => want.name,
  read: async (keys, call) =>
    new Map(
      keys.map((key) => [
        key.address,
        call.connection.get(key.id ?? "") === undefined
          ? { absent: true as const }
          : { outputs: { name: key.id ?? "" } },
      ]),
    ),
  plan: (_want, seen) => ({ action: "outputs" in seen ? "none" : "create" }),
  ensure: async (want, _seen, _change, call) => {
    call.connection.put(want.name, {})
    return { name: want.name }
  },
  delete: async (seen, _last, call) => {
    if ("outputs" in seen) call.connection.remove(seen.outputs.name)
  },
})
const placedProps = z.strictObject({ name: z.string() })
const placedOutputs = z.object({ name: z.string() })

function worldAt(folder: string, name = "main", identity = "world one"): Connection<ReturnType<typeof world>> {
  return {
    type: "test.world",
    name,
    target: folder,
    secrets: [],
    open: async () => plainDriver(world(folder), { identity }),
  }
}

test("another target at the same address is refused, and nothing is made or deleted there", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const built = (identity: string, names: readonly string[]): Program =>
    program(
      "placed",
      {},
      () =>
        on(worldAt(far.folder, "main", identity), () => {
          for (const name of names) resource(placed, { name })
        }),
      { providers: [placed] },
    )
  expect((await apply(built("world one", ["a", "b"]))).outcome).toBe("done")
  for (const names of [["a", "b", "c"], ["a"], []]) {
    const planned = await plan(built("world two", names))
    for (const change of planned.plan?.changes ?? [])
      expect(change).toMatchObject({ action: "blocked", error: { code: "TARGET_CHANGED" } })
    expect(planned.plan?.changes.length).toBeGreaterThanOrEqual(2)
    expect((await apply(built("world two", names))).exitCode).toBe(1)
  }
  expect(far.names()).toEqual(["a", "b"])
  expect(changesOf(await plan(built("world one", ["a", "b"])))).toEqual([])
})

test("what lies behind a connection that left is stranded, until it is retired", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const with_ = (build: () => void): Program => program("placed", {}, build, { providers: [placed] })
  await apply(with_(() => void resource(placed, { name: "a" }, { on: worldAt(far.folder) })))
  const stranded = await apply(with_(() => {}))
  expect(stranded.exitCode).toBe(1)
  expect(stranded.plan?.changes).toMatchObject([
    {
      action: "blocked",
      address: "test.placed[a]",
      error: {
        code: "STRANDED",
        next: expect.stringMatching(/retire\(connection\).*fettle state forget 'test.placed\[a\]'/),
      },
    },
  ])
  expect(far.names()).toEqual(["a"])
  expect(outcomesOf(await apply(with_(() => retire(worldAt(far.folder)))))).toEqual(["done delete test.placed[a]"])
  expect(far.names()).toEqual([])
  expect((await apply(with_(() => {}))).outcome).toBe("unchanged")
})

test("what something stranded stands on stays with it", async () => {
  const folder = testFolder()
  const [near, far] = [world(join(folder, "near")), world(join(folder, "far"))]
  const { apply } = runsIn(folder)
  const with_ = (build: () => void): Program => program("placed", {}, build, { providers: [placed, thing] })
  await apply(
    with_(() => {
      const below = resource(thing, { folder: near.folder, name: "below" })
      resource(placed, { name: "a" }, { on: worldAt(far.folder), after: [below] })
    }),
  )
  const left = await apply(with_(() => {}))
  expect(left.plan?.changes).toMatchObject([
    { address: "test.thing[below]", action: "blocked", error: { code: "STILL_NEEDED" } },
    { address: "test.placed[a]", action: "blocked", error: { code: "STRANDED" } },
  ])
  expect([near.names(), far.names()]).toEqual([["below"], ["a"]])
})

// ── two addresses, one thing ────────────────────────────────────────────────────────────────────────────────────────

test("two addresses with one connection, kind and id are an error that names both places", async () => {
  const folder = testFolder()
  const far = join(folder, "far")
  const { plan, apply } = runsIn(folder)
  const twice = program("twice", {}, () => {
    resource(thing, "a", { folder: far, name: "same" })
    resource(thing, "b", { folder: far, name: "same" })
  })
  const planned = await plan(twice)
  expect(planned.error).toMatchObject({
    code: "DUPLICATE_ID",
    fact: expect.stringMatching(/test.thing\[a\] at .*plan.test.ts:\d+ and test.thing\[b\] at .*plan.test.ts:\d+/),
  })
  expect((await apply(twice)).error?.code).toBe("DUPLICATE_ID")
  expect(readdirSync(far)).toEqual([])

  const elsewhere = program("elsewhere", {}, () => {
    resource(placed, "a", { name: "same" }, { on: worldAt(far, "one") })
    resource(placed, "b", { name: "same" }, { on: worldAt(join(folder, "other"), "two") })
  })
  expect((await plan(elsewhere)).error).toBeUndefined()
})

test("a kind that tells its ids in its outputs, too, is told apart by them", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const given = { database: join(folder, "a.db"), directory: folder }
  const twice = program("twice", {}, () => {
    resource(migrations, "a", given)
    resource(migrations, "b", given)
  })
  expect((await plan(twice)).error).toMatchObject({ code: "DUPLICATE_ID", fact: expect.stringContaining("a.db") })
})

test("a new address for a recorded thing is refused also where only that one is looked at", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const at = (name: string): Program =>
    program("moved", {}, () => void resource(thing, name, { folder: far.folder, name: "x" }, { adopt: true }), {
      providers: [thing],
    })
  await apply(at("old"))
  const refused = await apply(at("new"), { targets: ["test.thing[new]"] })
  expect(refused.plan?.changes).toMatchObject([{ address: "test.thing[new]", error: { code: "DUPLICATE_ID" } }])
})

test("a new address for a recorded thing is not taken over and then deleted: it says renamedFrom", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const at = (name: string, options: object = {}): Program =>
    program("moved", {}, () => void resource(thing, name, { folder: far.folder, name: "x" }, options), {
      providers: [thing],
    })
  await apply(at("old"))
  const refused = await apply(at("new", { adopt: true }))
  expect(refused.exitCode).toBe(1)
  for (const change of refused.plan?.changes ?? [])
    expect(change).toMatchObject({
      action: "blocked",
      error: { code: "DUPLICATE_ID", next: expect.stringContaining("renamedFrom") },
    })
  expect(refused.plan?.changes).toHaveLength(2)
  expect(far.names()).toEqual(["x"])
  expect((await apply(at("new", { renamedFrom: "old" }))).exitCode).toBe(0)
  expect(far.names()).toEqual(["x"])
})

test("the search for twins is linear", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const many = (count: number): Program =>
    program("many", {}, () => {
      for (let at = 0; at < count; at += 1) resource(placed, { name: `n${at}` }, { on: worldAt(folder) })
    })
  const timed = async (count: number): Promise<number> => {
    const begun = performance.now()
    expect((await plan(many(count))).plan?.changes).toHaveLength(count)
    return performance.now() - begun
  }
  await timed(200)
  const [small, large] = [await timed(500), await timed(5_000)]
  expect(large / small).toBeLessThan(40)
})

test("what an async group declares too late is not taken for gone: the run ends before anything is deleted", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const late = (isLate: boolean) =>
    program("late", {}, () => {
      const declare = () => void resource(thing, "a", { folder: far.folder, name: "a" })
      const later = async (): Promise<void> => {
        await null
        declare()
      }
      group("g", isLate ? later : declare)
    })
  expect((await apply(late(false))).outcome).toBe("done")
  const refused = await apply(late(true))
  expect(refused).toMatchObject({ exitCode: 1, error: { code: "PROGRAM_ASYNC" } })
  expect(far.names()).toEqual(["a"])
})

test("what a function of .map throws is the program's, with its line", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const broken = program("broken", {}, () => {
    const a = resource(thing, "a", { folder, name: "a" })
    resource(thing, "b", { folder, name: a.name.map((name) => JSON.parse(`{${name}`)) })
  })
  const { error } = (await plan(broken)).plan?.changes.find((each) => each.address === "test.thing[b]") ?? {}
  expect(error).toMatchObject({ code: "PROGRAM_THREW", fact: expect.stringContaining("JSON") })
  expect(error?.place).toContain("plan.test.ts:")
})

test("what a provider plans must be a change: anything else is an error of that node alone", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  for (const [said, shown] of [
    [{ action: "upsert" }, '{"action":"upsert"}'],
    [undefined, "nothing"],
    [{ action: "update", because: "x" }, '{"action":"update","because":"x"}'],
    [{ action: "replace", props: ["a"] }, '{"action":"replace","props":["a"]}'],
    ["create", '"create"'],
  ] as const) {
    const odd = provider({ ...thing, kind: "test.odd", plan: () => said as never } as typeof thing)
    const planned = await plan(
      program("odd", {}, () => {
        resource(odd, "a", { folder, name: "a" })
        resource(thing, "b", { folder, name: "b" })
      }),
    )
    expect(planned.plan?.changes).toMatchObject([
      {
        address: "test.odd[a]",
        error: { code: "OUTPUT_WRONG", fact: `test.odd planned ${shown}, which is no change` },
      },
      { address: "test.thing[b]", action: "create" },
    ])
  }
})

test("what looks like a mistake is told with the addresses it is about", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const many = (count: number) =>
    program(
      "many",
      {},
      () => {
        for (let at = 0; at < count; at += 1) resource(thing, { folder: far.folder, name: `n${at}` })
      },
      { providers: [thing] },
    )
  await apply(many(20))
  const gone = await plan(many(0))
  expect(gone.error).toMatchObject({
    code: "MASS_DELETION",
    fact: expect.stringMatching(/test\.thing\[n0\].* and 8 more$/),
  })
  expect(gone.error?.details?.addresses).toHaveLength(20)
  expect(gone.events.find((event) => event.type === "note")).toMatchObject({
    error: { details: { addresses: expect.arrayContaining(["test.thing[n19]"]) } },
  })
  for (let at = 0; at < 8; at += 1) far.remove(`n${at}`)
  const absent = await plan(many(20))
  expect(absent.error).toMatchObject({ code: "MASS_ABSENCE", fact: expect.stringContaining("test.thing[n7]") })
  expect(absent.error?.details?.addresses).toHaveLength(8)
  // To destroy is consent: what is gone already does not stop it.
  expect((await apply(many(20), { destroy: true })).outcome).toBe("done")
  expect(far.names()).toEqual([])
})

test("--replace says what it can do nothing about", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const two = (b = true) =>
    program(
      "two",
      {},
      () => {
        resource(thing, "a", { folder: far.folder, name: "a" })
        if (b) resource(thing, "b", { folder: far.folder, name: "b" })
        task("t", { run: ["true"] })
      },
      { providers: [thing] },
    )
  await apply(two())
  const error = async (options: object, b?: boolean) => (await plan(two(b), options)).error
  expect(await error({ replace: ["test.thing[b]"], targets: ["test.thing[a]"] })).toMatchObject({
    code: "TARGET_UNKNOWN",
    fact: "test.thing[b] is to be made anew, and is not among the targets",
  })
  expect(await error({ replace: ["fettle.task[t]"] })).toMatchObject({ fact: expect.stringContaining("it is a task") })
  expect(await error({ replace: ["test.thing[b]"] }, false)).toMatchObject({
    fact: expect.stringContaining("it is not declared any more"),
  })
  const replaced = await plan(two(), { replace: ["test.thing[b]"], targets: ["test.thing[b]"] })
  expect(replaced.plan?.changes).toMatchObject([
    { action: "replace", because: "asked for with --replace", cause: "wanted" },
  ])
})

test("reasons are the right ones: after --refresh-only, of destroy, of a task that failed at its first run", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { plan, apply } = runsIn(folder)
  const built = (run: [string]) =>
    program("built", {}, () => {
      resource(thing, "a", { folder: far.folder, name: "a", value: "wanted" })
      task("t", { run })
    })
  await apply(built(["false"]))
  const reasons = async (options = {}) =>
    (await plan(built(["true"]), options)).plan?.changes.map(({ address, because, cause }) => [address, because, cause])
  expect(await reasons()).toEqual([["fettle.task[t]", "its last run did not end well", undefined]])
  expect((await apply(built(["true"]))).outcome).toBe("done")
  far.put("a", { name: "a", value: "moved", size: 1, serial: 1 })
  expect(await reasons()).toEqual([["test.thing[a]", "value differs", "drift"]])
  await apply(built(["true"]), { refreshOnly: true })
  expect(await reasons()).toEqual([["test.thing[a]", "value differs", "wanted"]])
  await apply(built(["true"]))
  far.put("a", { name: "a", value: "moved again", size: 1, serial: 1 })
  expect(await reasons()).toEqual([["test.thing[a]", "value differs", "drift"]])
  const destroyed = await reasons({ destroy: true })
  expect(destroyed).toContainEqual(["test.thing[a]", "destroy was asked for", undefined])
})

test("a node's own timeout bounds its read, and what needs nothing of it is planned", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder, { readTimeoutMs: 30_000 })
  const hanging = provider({ ...thing, kind: "test.hanging", read: () => new Promise(() => {}) } as typeof thing)
  const half = program("half", {}, () => {
    resource(hanging, "a", { folder, name: "a" }, { timeout: "200ms" })
    resource(thing, "b", { folder, name: "b" })
  })
  const since = performance.now()
  const { changes } = (await plan(half)).plan ?? {}
  expect(performance.now() - since).toBeLessThan(5_000)
  expect(changes).toMatchObject([
    { action: "blocked", error: { code: "READ_FAILED", fact: "test.hanging[a] was not read within 200 ms" } },
    { action: "create", address: "test.thing[b]" },
  ])
})

test.for(["a read", "an opening", "a secret"] as const)(
  "a stop while %s hangs during the planning of an apply ends it at once, and nothing was begun",
  async (what) => {
    const folder = testFolder()
    const stopping = new AbortController()
    const { apply } = runsIn(folder, {
      stopping: stopping.signal,
      secrets: { env: () => undefined, run: () => new Promise(() => {}) },
    })
    const forever = () => new Promise<never>(() => {})
    const hanging = provider({ ...thing, kind: "test.hanging", read: forever } as typeof thing)
    const far = provider({ ...thing, kind: "test.far", connects: "far" } as typeof thing)
    const on = { type: "far", name: "far", target: "far", secrets: [], open: forever }
    const stuck = program("stuck", {}, () => {
      if (what === "a read") resource(hanging, "a", { folder, name: "a" })
      else if (what === "an opening") resource(far, "a", { folder, name: "a" }, { on: on as never })
      else task("a", { run: ["true"], env: { KEY: secret.command(["hangs"]) } })
    })
    setTimeout(() => stopping.abort(), 200)
    const since = performance.now()
    const stopped = await apply(stuck)
    expect(performance.now() - since).toBeLessThan(3_000)
    expect(stopped).toMatchObject({ exitCode: 130, outcome: "cancelled", error: { code: "CANCELLED" } })
  },
)

test("a plan says the code that it ends with: 2 for changes only where they are asked about", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  const one = program("one", {}, () => void resource(thing, "a", { folder, name: "a" }))
  for (const [check, code] of [
    [undefined, 2],
    [true, 2],
    [false, 0],
  ] as const) {
    const planned = await plan(one, check === undefined ? {} : ({ check } as object))
    expect([planned.exitCode, planned.events.at(-1)]).toMatchObject([code, { exitCode: code, outcome: "changes" }])
  }
})

test("a line of a log is one event, whether who wrote it ended it or not", async () => {
  const { apply } = runsIn(testFolder())
  const told = await apply(
    program("told", {}, () => {
      task("function", { run: ({ log }) => ["one", "two\n", "three"].forEach((each) => void log(each)) })
      task("command", { run: ["printf", "four\\r\\nfive"] })
    }),
  )
  const lines = told.events.flatMap((event) => (event.type === "node.log" ? [event.text] : []))
  expect(lines.toSorted()).toEqual(["five", "four", "one", "three", "two"])
})

test("what was asked for by name is still done when the person who was asked took their time, and once only", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const fleet = () =>
    program("fleet", {}, () => {
      const list = resource(thing, "list", { folder: far.folder, name: "list" })
      each(
        "e",
        list.serial.map((serial) => [`${serial}`]),
        String,
        (name) => resource(thing, "item", { folder: far.folder, name: `item ${name}` }),
      )
    })
  await apply(fleet())
  far.put("foreign", { name: "foreign", value: "", size: 1, serial: 50 })
  const clock = Date.now
  let ahead = 0
  vi.spyOn(Date, "now").mockImplementation(() => clock() + ahead)
  onTestFinished(() => void vi.restoreAllMocks())
  const slowly = async (of: Program, options: object) => {
    ahead = 0
    const setup = { ...localSetup(of, { folder, env: { PATH: process.env.PATH, HOME: folder }, who: "tester" }) }
    return applyProgram(setup, options, async () => {
      ahead = 6_000
      return true
    })
  }
  const before = far.get("list")?.serial
  const replaced = await slowly(fleet(), { replace: ["test.thing[list]"] })
  expect(replaced.outcome).toBe("done")
  expect(replaced.applied?.outcomes.filter(({ action }) => action === "replace")).toHaveLength(1)
  expect(far.get("list")?.serial).not.toBe(before)
  const foreign = program("adopts", {}, () => {
    resource(thing, "foreign", { folder: far.folder, name: "foreign", value: "ours" })
  })
  expect((await slowly(foreign, { adopt: ["test.thing[foreign]"] })).outcome).toBe("done")
  expect(far.get("foreign")?.value).toBe("ours")
})
