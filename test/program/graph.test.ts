import { group, type Node, program, resource, task, text } from "fettle"
import { describe, expect, test } from "vitest"
import { order } from "../../src/graph/graph.ts"
import type { Declaration } from "../../src/program/declaration.ts"
import { thing } from "../support/world.ts"
import { declared, graphOf, thrownBy } from "./declared.ts"

const at = { folder: "/nowhere" }
const node = (name: string) => resource(thing, name, { ...at, name })
const orderOf = (build: () => unknown) =>
  graphOf(program("graph", {}, build)).order.map((address) => address.replace(/^.*\[|\]$/g, ""))

describe("order", () => {
  test("is by outputs and by `after`, else as declared", () => {
    const all = orderOf(() => {
      resource(thing, "last", { ...at, name: "last" }, { after: ["test.thing[c]", "fettle.task[t]"] })
      const a = resource(thing, "a", { ...at, name: "a" })
      const b = resource(thing, "b", { ...at, name: "b", value: text`${a.name}` })
      resource(thing, "c", { ...at, name: "c" }, { after: [b] })
      task("t", { run: ["true", a.name] }, { after: [b] })
    })
    expect(all).toEqual(["a", "b", "c", "t", "last"])
  })

  test("sees outputs wherever they stand", () => {
    const needs = program("needs", {}, () => {
      const [a, b, c] = [node("a"), node("b"), node("c")]
      task("t", {
        run: ["x", text`${a.name}`],
        values: { deep: [{ b: b.serial.map(String) }] },
        env: { C: text`<${text`${c.name}`}>` },
      })
    })
    expect(declared(needs, "fettle.task[t]").needs).toEqual(["test.thing[a]", "test.thing[b]", "test.thing[c]"])
  })

  test("a need is named once, however often it is used", () => {
    const twice = program("twice", {}, () => {
      const a = resource(thing, "a", { ...at, name: "a" })
      resource(thing, "b", { ...at, name: text`${a.name}${a.serial}`, value: a.value }, { after: [a, "test.thing[a]"] })
    })
    expect(declared(twice, "test.thing[b]").needs).toEqual(["test.thing[a]"])
  })
})

describe("a cycle", () => {
  const cycle = (edges: Readonly<Record<string, readonly string[]>>) => () =>
    orderOf(() => {
      for (const [name, after] of Object.entries(edges))
        resource(thing, name, { ...at, name }, { after: after.map((each) => `test.thing[${each}]`) })
    })

  test("is told whole, each step with its place", () => {
    const { code, fact, place } = thrownBy(cycle({ a: ["b"], b: ["c"], c: ["d"], d: ["b"] }))
    expect(code).toBe("CYCLE")
    expect(fact.replace(/ \(\S+graph\.test\.ts:\d+\)/g, "").split("\n")).toEqual([
      "test.thing[b]",
      "needs test.thing[c]",
      "needs test.thing[d]",
      "needs test.thing[b]",
    ])
    expect(fact.match(/graph\.test\.ts:\d+/g)).toHaveLength(4)
    expect(place).toContain("graph.test.ts:")
  })

  test("of one is a cycle, too", () => {
    expect(thrownBy(cycle({ a: ["a"] })).fact).toMatch(/^test\.thing\[a\] \(.*\)\nneeds test\.thing\[a\]/)
  })

  test("through groups, kinds and outputs is found", () => {
    const mixed = () =>
      orderOf(() => {
        const a = resource(thing, "a", { ...at, name: "a" }, { after: ["g/fettle.task[t]"] })
        group("g", () => task("t", { run: ["x", a.name] }))
      })
    expect(thrownBy(mixed).fact).toMatch(/test\.thing\[a\] .*\nneeds g\/fettle\.task\[t\] .*\nneeds test\.thing\[a\]/)
  })

  test("is none where two ways lead to one node", () => {
    expect(cycle({ a: ["b", "c"], b: ["d"], c: ["d"], d: [] })()).toEqual(["d", "b", "c", "a"])
  })
})

describe("edges and names that lead nowhere", () => {
  test("an address that nobody declares", () => {
    const thrown = thrownBy(() =>
      orderOf(() => resource(thing, "a", { ...at, name: "a" }, { after: ["test.thing[b]"] })),
    )
    expect(thrown).toMatchObject({
      code: "AFTER_UNKNOWN",
      fact: "test.thing[a] needs test.thing[b], which this program does not declare",
      place: expect.stringContaining("graph.test.ts:"),
    })
  })

  test("a node of another program", () => {
    let other: Node | undefined
    orderOf(() => (other = resource(thing, "other", { ...at, name: "o" })))
    expect(
      thrownBy(() => orderOf(() => resource(thing, "a", { ...at, name: "a" }, { after: [other as Node] }))).code,
    ).toBe("AFTER_UNKNOWN")
  })

  const renames: Readonly<Record<string, readonly (readonly [name: string, from?: string])[]>> = {
    "a former address that is still declared": [["a", "b"], ["b"]],
    "two nodes that claim one former address": [
      ["a", "old"],
      ["b", "old"],
    ],
    itself: [["a", "a"]],
  }
  for (const [what, nodes] of Object.entries(renames)) {
    test(`renamedFrom: ${what}`, () => {
      const build = () =>
        orderOf(() => {
          for (const [name, renamedFrom] of nodes)
            resource(thing, name, { ...at, name }, { ...(renamedFrom && { renamedFrom }) })
        })
      expect(thrownBy(build)).toMatchObject({
        code: "RENAMED_CONFLICT",
        place: expect.stringContaining("graph.test.ts:"),
      })
    })
  }

  test("renamedFrom is a name in the same group, or a whole address", () => {
    const moved = program("moved", {}, () => {
      group("g", () => resource(thing, "a", { ...at, name: "a" }, { renamedFrom: "old" }))
      resource(thing, "b", { ...at, name: "b" }, { renamedFrom: "h/test.thing[b]" })
    })
    expect([declared(moved, "g/test.thing[a]").renamedFrom, declared(moved, "test.thing[b]").renamedFrom]).toEqual([
      "g/test.thing[old]",
      "h/test.thing[b]",
    ])
  })
})

describe("large graphs", () => {
  const NODES = 100_000

  test("a chain of 100,000 nodes does not end the stack, declared in either direction", () => {
    const forwards = orderOf(() => {
      for (let at = 0; at < NODES; at += 1) chained(at, at - 1)
    })
    const backwards = orderOf(() => {
      for (let at = NODES - 1; at >= 0; at -= 1) chained(at, at - 1)
    })
    expect(forwards).toEqual(backwards)
    expect(forwards[0]).toBe("n0")
    expect(forwards.at(-1)).toBe(`n${NODES - 1}`)
  }, 60_000)

  test("a cycle of 100,000 nodes is told, not run into", () => {
    const declarations = new Map<string, Declaration>()
    for (let at = 0; at < NODES; at += 1)
      declarations.set(`n${at}`, {
        address: `n${at}`,
        needs: [`n${(at + 1) % NODES}`],
        place: "here",
      } as unknown as Declaration)
    const { code, fact } = thrownBy(() => order({ declarations } as never))
    expect(code).toBe("CYCLE")
    expect(fact.startsWith("n0 (here)\nneeds n1")).toBe(true)
  })

  test("an output mapped 1,000 times does not end the stack", () => {
    const mapped = program("mapped", {}, () => {
      let serial = resource(thing, "a", { ...at, name: "a" }).serial
      for (let times = 0; times < 1_000; times += 1) serial = serial.map((value) => value + 1)
      resource(thing, "b", { ...at, name: "b", value: serial })
    })
    expect(declared(mapped, "test.thing[b]").needs).toEqual(["test.thing[a]"])
  })

  function chained(index: number, before: number): void {
    const after = before < 0 ? [] : [`test.thing[n${before}]`]
    resource(thing, `n${index}`, { ...at, name: `n${index}` }, { after })
  }
})
