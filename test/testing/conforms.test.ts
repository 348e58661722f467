import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FettleError } from "fettle"
import type { AnyProvider } from "fettle/provider"
import { type ConformsOptions, conforms, conformsTests, type Finding, type World } from "fettle/testing"
import { afterAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { world as folderOf, thing } from "../support/world.ts"
import { entryKind, registryWorld, seenOf } from "./registry.ts"
import { thingWorld } from "./thing-world.ts"

const MARK = { mark: true, horizonMs: 60_000 } as const
const folder = mkdtempSync(join(tmpdir(), "fettle-things-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const FEW = { seeds: 3 }
const asked = new Set<string>()

describe("a kind that keeps the contract passes", () => {
  const sound: Record<string, () => Promise<readonly Finding[]>> = {
    "unique, without a connection": () => conforms(thing, thingWorld(folder), FEW),
    "token, through a connection": () => conforms(entryKind("token"), registryWorld(), FEW),
    "mark, through a connection": () => conforms(entryKind(MARK), registryWorld(), FEW),
    "ask, through a connection": () => conforms(entryKind("ask"), registryWorld(), FEW),
  }
  for (const [what, run] of Object.entries(sound))
    test(what, { timeout: 60_000 }, async () => {
      const findings = await run()
      expect(findings.filter(({ ok, evidence }) => !ok || evidence === "")).toEqual([])
      for (const finding of findings) if (finding.asked) asked.add(finding.name)
    })

  test("and no rule was left out by all of them", async () => {
    const names: string[] = []
    conformsTests(thing, thingWorld(folder), { test: (name) => names.push(name.replace("test.thing: ", "")) })
    expect([...asked].sort()).toEqual(names.sort())
  })
})

const ENTRY = entryKind("token")

/** Kinds that break one rule each: rule → the broken kind in its world. */
const broken: Record<string, readonly [provider: AnyProvider, world: World, evidence: RegExp]> = {
  "names are told from props alone, one for each thing": ofThing({ id: () => String(Math.random()) }, /and then/),
  "plan is pure: the same answer for the same question, and nothing is touched": ofThing(
    { plan: (want, seen, last) => ({ ...thing.plan(want, seen, last), because: String(performance.now()) }) as never },
    /and then/,
  ),
  "a read before a create says absent, and after it gives what the create gave": ofThing(
    { ensure: async (...all) => ({ ...(await thing.ensure(...all)), serial: -1 }) },
    /another serial/,
  ),
  "every key gets an answer": ofThing(
    {
      read: (keys, call) =>
        thing.read(
          keys.filter(({ want }) => want !== undefined),
          call,
        ),
    },
    /left the program.*READ_SILENT/s,
  ),
  "a read and a plan change nothing": ofThing(
    // Brings what it finds to what is wanted, at once.
    {
      read: async (keys, call) => {
        for (const { want } of keys)
          if (want !== undefined && folderOf(want.folder).get(want.name) !== undefined)
            folderOf(want.folder).put(want.name, { ...folderOf(want.folder).get(want.name), value: want.value })
        return thing.read(keys, call)
      },
    },
    /a read or a plan changed value: there: .*another.*, before there: .*one/,
  ),
  "1,000 keys take a bounded number of calls": ofEntry(
    "token",
    {
      read: async (keys, call) => {
        for (const key of keys) await call.connection.get(key.id ?? "")
        return entryKind("token").read(keys, call)
      },
    },
    /took 1001 calls/,
  ),
  "outputs fit the schema": ofThing(
    { ensure: async (...all) => ({ ...(await thing.ensure(...all)), serial: "1" as never }) },
    /serial/,
  ),
  "a create made twice with one intent makes one thing": ofEntry(
    "token",
    {
      ensure: (want, seen, change, call) => entryKind("ask").ensure(want, seen, change, call),
    },
    /made 2 things/,
  ),
  "an update gives what it wants, and keeps what is stable": ofThing(
    { ensure: (want, _seen, change, call) => thing.ensure(want, { absent: true }, change, call) },
    /serial is declared stable/,
  ),
  "what was predicted is what the create gives": ofThing(
    { predict: () => ({ serial: 0 }) },
    /serial was predicted as 0 and is \d+/,
  ),
  "a delete made twice is success, and a read after it says absent": ofEntry(
    "token",
    {
      delete: async (seen, last, call) => {
        if ("outputs" in seen && (await call.connection.get(seen.outputs.id)) === undefined)
          throw new Error("404: gone")
        return entryKind("token").delete(seen, last, call)
      },
    },
    /second delete failed: 404/,
  ),
  "the second plan has nothing to do": ofThing(
    {
      plan: (want, seen, last) => {
        const said = thing.plan(want, seen, last)
        return said.action === "none" ? { action: "update", props: ["value"], because: "never happy" } : said
      },
    },
    /never happy/,
  ),
  "a changed program is applied, and the plan after it has nothing to do": ofThing(
    {
      ensure: (want, seen, change, call) =>
        "outputs" in seen
          ? Promise.resolve({ ...seen.outputs, value: want.value })
          : thing.ensure(want, seen, change, call),
    },
    /still says: update/,
  ),
  "what left the program is deleted, and nothing stays behind": ofThing(
    { delete: async () => {} },
    /one of two left the program, and 2 are there/,
  ),
  "what Fettle did not make is refused until it is adopted, and then stays": ofThing(
    // Sees only what it has made itself.
    {
      read: async (keys, call) =>
        new Map(
          [...(await thing.read(keys, call))].map(([address, seen]) => [
            address,
            "outputs" in seen && seen.outputs.value === "theirs" ? { absent: true } : seen,
          ]),
        ),
    },
    /it was not refused: done, create/,
  ),
  "no secret is in the open in what the kind gives back": ofEntry(
    "token",
    {
      outputs: z.object({ id: z.string(), name: z.string(), value: z.string(), key: z.string() }) as never,
      ensure: async (want, seen, change, call) => {
        const made = await entryKind("token").ensure(want, seen, change, call)
        return { ...made, key: call.reveal(want.key) as never }
      },
    },
    /ensure\.key holds a secret/,
  ),
  "no secret is in any event, error or byte of state": ofEntry(
    "token",
    {
      ensure: async (want, seen, change, call) => {
        const made = await entryKind("token")
          .ensure(want, seen, change, call)
          .catch((thrown: Error) => thrown)
        if (made instanceof Error)
          throw new Error(`PUT key=${encodeURIComponent(call.reveal(want.key))}: ${made.message}`)
        return made
      },
    },
    /the error PROVIDER_THREW holds a secret/,
  ),
  "what the far side refuses is an error that can be read": ofThing(
    {
      ensure: async (want, seen, change, call) => {
        await thing.ensure({ ...want, fails: undefined }, seen, change, call)
        if (want.fails !== undefined) throw new Error(want.fails)
        return thing.ensure(want, seen, change, call)
      },
    },
    /it was refused, and something was made/,
  ),
  "a create whose reply was lost settles as declared": ofEntry(
    "unique",
    {},
    /2 are there|are declared and \d are there/,
  ),
  "a create that takes effect late settles as declared": ofEntry(
    "unique",
    // Finds its things by name, and nothing keeps two from having the same.
    {
      read: async (keys, call) => {
        const { entries } = await call.connection.list(0)
        return new Map(
          keys.map(({ address, want, last }) => [
            address,
            seenOf(
              entries.find(({ name }) => name === (want ?? last?.props)?.name),
              call,
            ),
          ]),
        )
      },
    },
    /are declared and \d are there/,
  ),
  "a create that never arrived settles as declared": ofEntry(
    MARK,
    // Takes an open intent for a thing that is there.
    {
      read: async (keys, call) => {
        const answers = new Map(await entryKind(MARK).read(keys, call))
        for (const { address, open: [mark] = [], want } of keys)
          if (mark !== undefined && want !== undefined)
            answers.set(address, { outputs: { ...want, id: "e0" }, id: "e0", mark })
        return answers
      },
    },
    /are declared and \d are there/,
  ),
  "a stale list makes nothing twice": ofEntry(
    "token",
    { read: listOnly },
    /with a list from before it, the plan says: create/,
  ),
  "a truncated list is never taken for absence": ofEntry("token", { read: listOnly }, /is read as absent/),
  "what somebody changes on the far side is seen": ofEntry(
    "token",
    // Answers from what it remembers.
    {
      read: async (keys, call) => {
        const told = await ENTRY.read(keys, call)
        return new Map(
          keys.map(({ address, last }) => [
            address,
            last === undefined ? (told.get(address) as never) : { outputs: last.outputs },
          ]),
        )
      },
    },
    /it was changed on the far side, and is still read as/,
  ),
  "a far side that cannot be read is a failure, never absence": ofEntry(
    "token",
    {
      read: async (keys, call) =>
        ENTRY.read(keys, call).catch(() => new Map(keys.map(({ address }) => [address, { absent: true }]))),
    },
    /nothing could be read, and the answer is .*absent/,
  ),
}

/** Takes what a list does not show for absent. */
async function listOnly(...[keys, call]: Parameters<ReturnType<typeof entryKind>["read"]>) {
  const found = new Map((await call.connection.list(0)).entries.map((entry) => [entry.id, entry]))
  return new Map(keys.map(({ address, id }) => [address, seenOf(found.get(id ?? ""), call)]))
}

describe("a kind that breaks a rule is caught", () => {
  for (const [rule, [provider, world, evidence]] of Object.entries(broken))
    test(rule, { timeout: 60_000 }, async () => {
      const runs = new Map<string, () => Promise<void>>()
      conformsTests(provider, world, { test: (name, run) => runs.set(name.slice(`${provider.kind}: `.length), run) })
      const error = await runs
        .get(rule)?.()
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(FettleError)
      const { code, fact, details } = error as FettleError
      forget(fact)
      expect(code).toBe("CONTRACT_BROKEN")
      expect(fact).toMatch(evidence)
      expect(details?.findings).toMatchObject([{ name: rule, ok: false, asked: true }])
    })
})

test("all rules are looked at, also after one does not hold, and the error can be read", {
  timeout: 60_000,
}, async () => {
  const [provider, world] = broken["outputs fit the schema"] as readonly [AnyProvider, World, RegExp]
  const error = (await conforms(provider, world, { seeds: 1 }).catch((thrown: unknown) => thrown)) as FettleError
  forget(error.fact)
  expect(error.details?.findings).toHaveLength(Object.keys(broken).length)
  expect(error.fact).toMatch(/^test\.thing breaks \d+ of 25 rules:\n {2}✗ /)
  expect(error.fact).toContain(
    "✗ outputs fit the schema\n    ensure gives serial: Invalid input: expected number, received string",
  )
  expect(error.toJSON()).toMatchObject({ code: "CONTRACT_BROKEN", next: "mend the kind; each rule says what it saw" })
})

test.each<readonly [string, Partial<typeof thing>, RegExp]>([
  [
    "of a create",
    { predict: (_want, seen) => (seen !== undefined && "absent" in seen ? { serial: 0 } : {}) },
    /serial was/,
  ],
  [
    "of an update",
    { predict: (_want, seen) => (seen !== undefined && "outputs" in seen ? { value: "0" } : {}) },
    /value was/,
  ],
])("what is told from a read and is not so is caught: %s", async (_what, changes, evidence) => {
  const rule = "what was predicted is what the create gives"
  const error = await brokenRule(rule, { ...thing, ...changes }, thingWorld(folder) as World)
  expect(error.fact).toMatch(evidence)
})

test("what is told from a read must be told twice the same", async () => {
  const rule = "plan is pure: the same answer for the same question, and nothing is touched"
  const predict: (typeof thing)["predict"] = (_want, seen) => (seen === undefined ? {} : { serial: Math.random() })
  const error = await brokenRule(rule, { ...thing, predict }, thingWorld(folder) as World)
  expect(error.fact).toMatch(/predict gives two answers for what is absent/)
})

test("evidence shows no secret", { timeout: 60_000 }, async () => {
  const kind = entryKind("token", { predict: (want) => ({ name: `${want.name} correct horse battery` }) })
  const error = (await conforms(kind, registryWorld(), { seeds: 1 }).catch((thrown: unknown) => thrown)) as FettleError
  forget(error.fact)
  expect(error.fact).toContain("[secret KEY]")
  expect(JSON.stringify(error)).not.toContain("correct horse")
})

test("a seed finds the same again", { timeout: 60_000 }, async () => {
  const rule = "a create that takes effect late settles as declared"
  const [provider, world] = broken[rule] as readonly [AnyProvider, World, RegExp]
  const found = async (options: ConformsOptions): Promise<string | undefined> =>
    /after the fault "late".*?\(seed \d+/.exec((await brokenRule(rule, provider, world, options)).fact)?.[0]
  const first = await found({ seeds: 20 })
  expect(first).toBeDefined()
  expect(await found({ seeds: { only: Number(/\d+$/.exec(first ?? "")?.[0]) } })).toBe(first)
})

/** What one rule throws where it does not hold, as a test runner is told. */
async function brokenRule(
  rule: string,
  provider: AnyProvider,
  world: World,
  options: ConformsOptions = {},
): Promise<FettleError> {
  const runs = new Map<string, () => Promise<void>>()
  const test = (name: string, run: () => Promise<void>) => runs.set(name.slice(`${provider.kind}: `.length), run)
  conformsTests(provider, world, { ...options, test })
  const error = await runs
    .get(rule)?.()
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FettleError)
  forget((error as FettleError).fact)
  return error as FettleError
}

/** Removes the state that is kept as evidence. */
function forget(fact: string): void {
  for (const folder of fact.match(/\/\S*fettle-conforms-\w+/g) ?? []) rmSync(folder, { recursive: true, force: true })
}

function ofThing(changes: Partial<typeof thing>, evidence: RegExp): readonly [AnyProvider, World, RegExp] {
  return [{ ...thing, ...changes }, thingWorld(folder) as World, evidence]
}

function ofEntry(
  settles: Parameters<typeof entryKind>[0],
  changes: Parameters<typeof entryKind>[1],
  evidence: RegExp,
): readonly [AnyProvider, World, RegExp] {
  return [entryKind(settles, changes), registryWorld() as World, evidence]
}

test.each<readonly [identities: NonNullable<AnyProvider["identities"]>, evidence: RegExp]>([
  [() => [String(Math.random())], /the identities of the same props are .* and then /],
  [() => ["all of them"], /two variants share the identity "all of them"/],
])("identities that do not tell things apart are caught: %s", async (identities, evidence) => {
  const error = await brokenRule(
    "names are told from props alone, one for each thing",
    entryKind("token", { identities }),
    registryWorld() as World,
  )
  expect(error.fact).toMatch(evidence)
})
