import { join } from "node:path"
import { check, each, group, json, lookup, on, program, resource, retry, secret, task, tcp } from "fettle"
import * as host from "fettle/host"
import { api } from "fettle/http"
import { provider } from "fettle/provider"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import type { Declaration } from "../../src/program/declaration.ts"
import { outcomesOf, runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"
import { scopeOf } from "./declared.ts"

// What is fixed stays fixed: whoever keeps an object or a list that a declaration was given changes nothing by it, and
// what a declaration holds cannot be changed at all.

/** Every way in which an object or list can be changed, at any depth; gives the paths at which one went through. */
function changeable(value: unknown, path = "", seen = new Set<unknown>()): string[] {
  if (typeof value !== "object" || value === null || seen.has(value)) return []
  seen.add(value)
  if (value instanceof Map || value instanceof Set) return [`${path} (a ${value.constructor.name})`]
  const own = Object.isFrozen(value) ? [] : [path]
  return [...own, ...Object.entries(value).flatMap(([key, each]) => changeable(each, `${path}.${key}`, seen))]
}

const bag = provider({
  kind: "test.bag",
  version: 1,
  about: "A thing with props of every shape.",
  connects: "none",
  props: z.strictObject({
    list: z.array(z.strictObject({ name: z.string() })).default([]),
    any: z.unknown().optional(),
    bytes: z.instanceof(Uint8Array).optional(),
  }),
  outputs: z.object({ list: z.array(z.object({ name: z.string() })) }),
  settles: "unique",
  stable: ["list"],
  volatile: [],
  id: () => "bag",
  read: async (keys) =>
    new Map(keys.map(({ address }) => [address, { outputs: { list: [{ name: "b" }, { name: "a" }] } }])),
  plan: () => ({ action: "none" }),
  ensure: async () => ({ list: [] }),
  delete: async () => {},
})

test("nothing of a declaration can be changed", () => {
  const built = program("fixed", {}, () => {
    const web = host.local()
    const first = resource(bag, "first", { list: [{ name: "a" }], any: { deep: [{ er: 1 }] } }, { protect: true })
    resource(bag, "second", { list: first.list, any: [{ list: first.list }] }, { after: [first], policies: [retry()] })
    lookup(bag, "third", {})
    on(web, () => resource(host.directory, { path: "/srv/shop" }))
    task("fourth", { run: ["true"], values: { deep: [{ er: 1 }] }, finally: [["true"]] }, { after: [first] })
    check("fifth", tcp.connect({ host: "localhost", port: 1 }), { after: [first] })
    each(
      "sixth",
      [{ name: "a" }],
      ({ name }) => name,
      () => {},
    )
    group("seventh", { finally: [["true"]] }, () => {})
  })
  const { declarations, groups } = scopeOf(built)
  expect(declarations.size).toBe(7)
  for (const declaration of [...declarations.values(), ...groups.values()]) {
    const { place: _place, ...rest } = declaration as Declaration
    const { policies: _policies, on: _on, ...options } = rest.options ?? {}
    const { scope: _scope, ...props } = (rest.props ?? {}) as { scope?: unknown }
    expect(Object.isFrozen(declaration)).toBe(true)
    expect(Object.isFrozen(rest.options ?? Object.freeze({}))).toBe(true)
    expect(
      changeable([rest.needs, rest.finally, rest.connection, ...Object.values(options), ...Object.values(props)]),
    ).toEqual([""])
  }
})

describe("what was passed may be changed afterwards, and nothing comes of it", () => {
  test("props, also those in json(…), bytes, lists of each, and options", () => {
    const list = [{ name: "a" }]
    const deep = { er: [1] }
    const bytes = new Uint8Array([1, 2, 3])
    const items = [{ name: "one" }]
    const after = ["test.bag[first]"]
    const policies = [retry()]
    const options: Record<string, unknown> = { after, policies, protect: true }
    const commands: [string, ...string[]][] = [["true"]]
    const command: [string, ...string[]] = ["print-it"]
    const body = { port: 1, names: ["a"] }
    const built = program("passed", {}, () => {
      resource(bag, "first", { list, any: deep, bytes })
      const ran = task("ran", { run: ["true"], values: body })
      resource(bag, "second", { list, any: [json(body), ran.result, secret.command(command)] }, options as never)
      each(
        "many",
        items,
        ({ name }) => name,
        ({ name }) => resource(bag, name, {}),
      )
      group("last", { finally: commands }, () => {})
      list.push({ name: "b" })
      deep.er.push(2)
      bytes[0] = 9
      items.push({ name: "two" })
      after.push("test.bag[nobody]")
      policies.length = 0
      options.protect = false
      ;(commands[0] as string[]).push("--loud")
      command.push("--all")
      body.port = 2
      body.names.push("b")
    })
    const { declarations, groups } = scopeOf(built)
    const of = (address: string): Declaration => declarations.get(address as never) as Declaration
    expect(of("test.bag[first]").props).toEqual({
      list: [{ name: "a" }],
      any: { er: [1] },
      bytes: new Uint8Array([1, 2, 3]),
    })
    expect(of("test.bag[second]")).toMatchObject({
      needs: ["fettle.task[ran]", "test.bag[first]"],
      options: { protect: true, after: ["test.bag[first]"], policies: [{ name: "retry" }] },
    })
    expect(of("fettle.task[ran]").props).toMatchObject({ values: { port: 1, names: ["a"] } })
    expect((of("fettle.each[many]").props as { items: unknown }).items).toEqual([{ name: "one" }])
    expect(groups.get("last")?.finally).toEqual([["true"]])
  })

  test("what json(…) is made of, and the command of a secret, in a run", async () => {
    const folder = testFolder()
    const far = world(join(folder, "far"))
    const command: [string, ...string[]] = ["true"]
    const ran: (readonly string[])[] = []
    const { apply } = runsIn(folder, {
      secrets: {
        env: () => undefined,
        run: async (each: readonly string[]) => {
          ran.push([...each])
          return "correct horse battery"
        },
      } as never,
    })
    const sealed = provider({ ...bag, kind: "test.sealed", plan: () => ({ action: "none" }), adoptsFound: true })
    await apply(
      program("passed", {}, () => {
        const body = { port: 1 }
        const before = resource(thing, "before", { folder: far.folder, name: "before", value: "x" })
        const made = json({ body, of: before.name })
        resource(thing, "a", { folder: far.folder, name: "a", value: made })
        resource(sealed, "sealed", { any: secret.command(command) })
        body.port = 2
        command.push("--all")
      }),
    )
    expect(JSON.parse(String(far.get("a")?.value))).toEqual({ body: { port: 1 }, of: "before" })
    expect(ran).toEqual([["true"]])
  })

  test("stages, parameters and providers of a program", () => {
    const stages = { prod: { port: 80 } }
    const params = { port: 8080 }
    const providers = [bag]
    const built = program("passed", params, () => {}, { stages, providers: providers as never })
    stages.prod.port = 81
    params.port = 1
    providers.length = 0
    expect(built).toMatchObject({ params: { port: 8080 }, stages: { prod: { port: 80 } } })
    expect([...scopeOf(built).providers.keys()]).toEqual(["test.bag"])
    const { place: _place, options, ...rest } = built
    expect(changeable([Object.isFrozen(built), rest.params, rest.stages, options.stages])).toEqual([""])
  })

  test("the headers of a connection", async () => {
    const headers: Record<string, string> = { accept: "text/plain" }
    const service = api({ url: "http://127.0.0.1:9/", headers })
    headers.accept = "line\nbreak"
    const opening = service.open({ signal: new AbortController().signal, reveal: () => "" as never, log: () => {} })
    await expect(opening).resolves.toMatchObject({ identity: "http://127.0.0.1:9/" })
  })
})

test.each<[string, () => unknown]>([
  ["a node", () => scopeOf(program("throws", {}, () => void Object.assign(resource(bag, "a", {}), { list: [] })))],
  ["a kind", () => Object.assign(bag, { version: 2 })],
  ["a list of a kind", () => (bag.stable as string[]).push("more")],
  ["a secret", () => Object.assign(secret.env("KEY"), { name: "another" })],
  ["a connection", () => Object.assign(host.local(), { name: "another" })],
  [
    "a program",
    () =>
      Object.assign(
        program("a", {}, () => {}),
        { name: "b" },
      ),
  ],
])("%s throws when it is changed", (_what, change) => {
  expect(change).toThrow(/read only|read-only|not extensible|only a getter/)
})

test("a function that computes with an output cannot change it for the others", async () => {
  const folder = testFolder()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder)
  const built = (compute: (list: { name: string }[]) => string) =>
    program("outputs", {}, () => {
      const found = lookup(bag, "found", {})
      resource(thing, "a", { folder: far.folder, name: "a", value: found.list.map(compute) })
      resource(thing, "b", {
        folder: far.folder,
        name: "b",
        value: found.list.map((list) => list.map(({ name }) => name).join()),
      })
    })
  const changed = await apply(built((list) => list.sort((a, b) => (a.name < b.name ? -1 : 1)).length.toString()))
  expect(outcomesOf(changed)).toContain("done create test.thing[b]")
  expect(far.get("b")?.value).toBe("b,a")
  expect(changed.plan?.changes.find(({ address }) => address === "test.thing[a]")?.error?.fact).toMatch(/read only/)
  const copied = await apply(built((list) => [...list].sort((a, b) => (a.name < b.name ? -1 : 1))[0]?.name ?? ""))
  expect(copied.exitCode).toBe(0)
  expect(far.get("a")?.value).toBe("a")
})
