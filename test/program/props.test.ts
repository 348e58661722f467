import { program, resource, secret, task, text } from "fettle"
import { provider } from "fettle/provider"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { Output } from "../../src/program/output.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { thing } from "../support/world.ts"
import { declared, scopeOf, thrownBy } from "./declared.ts"

const deep = provider({
  kind: "test.deep",
  version: 1,
  about: "A thing with props of every shape; it is only declared.",
  connects: "none",
  props: z.strictObject({
    name: z.string().min(1, "must not be empty"),
    labels: z.record(z.string(), z.string()).default({}),
    ports: z.array(z.strictObject({ from: z.number().int(), to: z.number().int().optional() })).default([]),
    key: z.instanceof(Secret).optional(),
    bytes: z.instanceof(Uint8Array).optional(),
  }),
  outputs: z.object({}),
  settles: "unique",
  id: (want) => want.name,
  read: async () => new Map(),
  plan: () => ({ action: "create" }),
  ensure: async () => ({}),
  delete: async () => {},
})

const propsOf = (build: () => unknown) =>
  declared(program("props", {}, build), "test.deep[a]").props as Record<string, unknown>

describe("props", () => {
  test("are copied, completed by their schema and frozen, deeply", () => {
    const given = { name: "a", ports: [{ from: 80 }] }
    const props = propsOf(() => {
      resource(deep, "a", given)
      given.name = "changed"
      given.ports.push({ from: 1 })
    })
    expect(props).toEqual({ name: "a", labels: {}, ports: [{ from: 80 }] })
    for (const each of [props, props.labels, props.ports, (props.ports as unknown[])[0]])
      expect(Object.isFrozen(each)).toBe(true)
    expect(() => ((props as { name: string }).name = "b")).toThrow(TypeError)
    expect(() => (props.ports as unknown[]).push(1)).toThrow(TypeError)
    expect(Object.isFrozen(given)).toBe(false)
  })

  test("with outputs in them are frozen as they are, and checked when these are known", () => {
    const props = propsOf(() => {
      const made = resource(thing, "made", { folder: "/nowhere", name: "m" })
      resource(deep, "a", { name: made.name, ports: [{ from: 80 }], labels: { of: text`${made.serial}` } })
    })
    expect(props.name).toBeInstanceOf(Output)
    for (const each of [props, props.labels, props.ports, (props.ports as unknown[])[0]])
      expect(Object.isFrozen(each)).toBe(true)
  })

  test("keep secrets as they are, and copy bytes", () => {
    const key = secret.env("KEY")
    const bytes = new Uint8Array([1, 2])
    const props = propsOf(() => resource(deep, "a", { name: "a", key, bytes }))
    expect(props.key).toBe(key)
    expect(props.bytes).toEqual(bytes)
    expect(props.bytes).not.toBe(bytes)
    expect(props.labels).toEqual({})
  })

  const wrong: readonly [what: string, props: unknown, fact: string][] = [
    ["of another type", { name: 1 }, "test.deep[a]: name: Invalid input: expected string, received number"],
    ["that break a rule of the schema", { name: "" }, "test.deep[a]: name: must not be empty"],
    ["that are missing", {}, "test.deep[a]: name: Invalid input: expected string, received undefined"],
    ["that are unknown", { name: "a", colour: 1 }, 'test.deep[a]: props: Unrecognized key: "colour"'],
    ["deep inside", { name: "a", ports: [{ from: 1 }, { from: "x" }] }, "test.deep[a]: ports.1.from: Invalid input"],
    [
      "two at once",
      { name: 1, labels: { x: 2 } },
      "name: Invalid input: expected string, received number; labels.x: Invalid input",
    ],
    [
      "that are undefined",
      { name: "a", key: undefined },
      "test.deep[a]: key: it is undefined; leave the key out where it is not meant",
    ],
    [
      "undefined deep inside",
      { name: "a", labels: { one: "1", two: undefined }, ports: [{ from: 1 }, { from: 1, to: undefined }] },
      "labels.two: it is undefined; leave the key out where it is not meant; ports.1.to: it is undefined",
    ],
    ["that are no object", ["text"], "props: Invalid input: expected object, received array"],
    ["that are a class", new Map([["name", "a"]]), "name: Invalid input: expected string, received undefined"],
    ["a plain string for a secret", { name: "a", key: "hunter2" }, "test.deep[a]: key: Invalid input"],
  ]
  for (const [what, props, fact] of wrong) {
    test(`${what} are told in the schema's words, with their path and place`, () => {
      const thrown = thrownBy(() => propsOf(() => resource(deep, "a", props as never)))
      expect(thrown).toMatchObject({
        code: "PROPS_INVALID",
        address: "test.deep[a]",
        place: expect.stringContaining("props.test.ts:"),
      })
      expect(thrown.fact).toContain(fact)
      expect(thrown.fact).not.toContain("hunter2")
    })
  }

  test("are told five at most: a page of words helps nobody", () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`k${at}`, 1]))
    const thrown = thrownBy(() => propsOf(() => resource(deep, "a", { name: "a", labels: many as never })))
    expect(thrown.fact.match(/labels\./g)).toHaveLength(5)
  })

  test("are judged at once where an output stands beside them, and not where it stands in them", () => {
    const beside = (props: unknown) => () =>
      scopeOf(
        program("beside", {}, () => {
          const made = resource(thing, "made", { folder: "/nowhere", name: "m" })
          resource(deep, "a", { name: made.name, ...(props as { labels: Record<string, string> }) })
        }),
      )
    expect(thrownBy(beside({ labels: { x: 1 } })).fact).toContain("labels.x")
    expect(thrownBy(beside({ colour: 1 })).fact).toContain('Unrecognized key: "colour"')
    expect(beside({ labels: { x: "y" } })().declarations.get("test.deep[a]" as never)?.complete).toBe(false)
  })

  // A union says only "Invalid input": its branches know the words.
  test("of a union are told in the words of its branches", () => {
    const build = () => scopeOf(program("tasks", {}, () => task("build", { run: "node --test" as never })))
    expect(thrownBy(build).fact).toContain("expected a command (a list of words) or a function")
  })

  test("of a task are checked as well", () => {
    const build = (run: unknown) => () => scopeOf(program("tasks", {}, () => task("build", { run: run as never })))
    expect(thrownBy(build([]))).toMatchObject({
      code: "PROPS_INVALID",
      fact: expect.stringContaining("fettle.task[build]: run"),
    })
    expect(() => build(["node"])()).not.toThrow()
  })
})
