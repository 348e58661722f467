import { rmSync } from "node:fs"
import { FettleError } from "fettle"
import type { AnyProvider } from "fettle/provider"
import { conforms, conformsTests, type Finding, type World } from "fettle/testing"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { thing } from "../support/world.ts"
import { entryKind, registryWorld } from "./registry.ts"
import { thingWorld } from "./thing-world.ts"

const MARK = { mark: true, horizonMs: 60_000 } as const
const asked = new Set<string>()

describe("a kind that keeps the contract passes", () => {
  const sound: Record<string, () => Promise<readonly Finding[]>> = {
    "unique, without a connection": () => conforms(thing, thingWorld()),
    "token, through a connection": () => conforms(entryKind("token"), registryWorld()),
    "mark, through a connection": () => conforms(entryKind(MARK), registryWorld()),
    "ask, through a connection": () => conforms(entryKind("ask"), registryWorld()),
  }
  for (const [what, run] of Object.entries(sound))
    test(what, { timeout: 60_000 }, async () => {
      const findings = await run()
      expect(findings.filter(({ ok, evidence }) => !ok || evidence === "")).toEqual([])
      for (const finding of findings) if (finding.asked) asked.add(finding.name)
    })

  test("and no rule was left out by all of them", async () => {
    const names: string[] = []
    conformsTests(thing, thingWorld(), { test: (name) => names.push(name.replace("test.thing: ", "")) })
    expect([...asked].sort()).toEqual(names.sort())
  })
})

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
    { adoptsFound: true, asserts: false },
    /./,
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
    "token",
    {
      // Looks before it creates: what arrives in between is made twice.
      ensure: async (want, seen, change, call) => {
        const listed = (await call.connection.list(0)).entries.find(({ mark }) => mark === call.intent.token)
        const found = listed === undefined ? seen : { outputs: { ...listed, key: want.key }, id: listed.id }
        return entryKind("ask").ensure(want, found, change, call)
      },
    },
    /are declared and \d are there/,
  ),
  "a create that never arrived settles as declared": ofEntry(
    MARK,
    {
      // Takes an open intent for a thing that is there.
      read: async (keys, call) => {
        const answers = new Map(await entryKind(MARK).read(keys, call))
        for (const { address, open, want } of keys)
          if (open?.[0] !== undefined && want !== undefined)
            answers.set(address, {
              outputs: { id: "e0", name: want.name, value: want.value, key: want.key },
              id: "e0",
              mark: open[0],
            })
        return answers
      },
    },
    /are declared and \d are there|still says|do not end well/,
  ),
  "a stale list makes nothing twice": ofEntry(
    "token",
    { read: listOnly(false) },
    /with a list from before it, the plan says: create/,
  ),
  "a truncated list is never taken for absence": ofEntry("token", { read: listOnly(true) }, /is read as absent/),
}

/** A read that takes what a list does not show for absent: always, or only where the list is as it is now. */
function listOnly(_current: boolean): ReturnType<typeof entryKind>["read"] {
  return async (keys, call) => {
    const found = new Map((await call.connection.list(0)).entries.map((entry) => [entry.id, entry]))
    return new Map(
      keys.map(({ address, id }) => {
        const entry = found.get(id ?? "")
        if (entry === undefined) return [address, { absent: true }]
        return [address, { outputs: { ...entry, key: call.secret("key", entry.key) }, id: entry.id, mark: entry.mark }]
      }),
    )
  }
}

describe("a kind that breaks a rule is caught", () => {
  for (const [rule, [provider, world, evidence]] of Object.entries(broken))
    test(rule, { timeout: 60_000 }, async () => {
      const error = await conforms(provider, world).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(FettleError)
      const { findings } = (error as FettleError).details as { findings: readonly Finding[] }
      expect(findings.filter(({ ok }) => !ok).map(({ name }) => name)).toContain(rule)
      expect(findings.find(({ name }) => name === rule)?.evidence).toMatch(evidence)
      forget(findings)
    })
})

/** Removes the state that findings keep as their evidence. */
function forget(findings: readonly Finding[]): void {
  for (const { evidence } of findings)
    for (const folder of evidence.match(/\/\S*fettle-conforms-\w+/g) ?? [])
      rmSync(folder, { recursive: true, force: true })
}

function ofThing(changes: Partial<typeof thing>, evidence: RegExp): readonly [AnyProvider, World, RegExp] {
  return [{ ...thing, ...changes }, thingWorld() as World, evidence]
}

function ofEntry(
  settles: Parameters<typeof entryKind>[0],
  changes: Parameters<typeof entryKind>[1],
  evidence: RegExp,
): readonly [AnyProvider, World, RegExp] {
  return [entryKind(settles, changes), registryWorld() as World, evidence]
}
