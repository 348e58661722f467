import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { type HostKind, hostKind } from "../../src/connect/host/kind.ts"
import { quote } from "../../src/connect/host/quote.ts"
import * as host from "../../src/host.ts"
import type { ChangeItem, ChangeResult, Seen } from "../../src/provider.ts"
import { carrierFor, cleanUp, HostWorld, newFolder, node, shellsHere, type TestNode } from "./host-world.ts"

const PROPS = z.strictObject({
  name: z.string(),
  run: z.string(),
  word: z.string().optional(),
  exclusive: z.string().optional(),
})
const OUTPUTS = z.object({ name: z.string(), said: z.string() })

/** A kind that only runs its script: what a package or a service is to the request that carries it. */
const SCRIPT = {
  kind: "test.script",
  version: 1,
  about: "Runs a script.",
  props: PROPS,
  outputs: OUTPUTS,
  id: (want) => want.name,
  question: () => ({}),
  answer: () => ({ absent: true }),
  plan: () => ({ action: "create" }),
  change: ({ want }) => ({ script: want.run }),
  removal: () => ({}),
  exclusive: (want) => want?.exclusive,
  together: ({ want }) => want.word,
  changeAll: (all) => ({ script: `echo together ${all.length}\n${all.map(({ want }) => want.run).join("\n")}` }),
  result: ({ script: ran }, want) => ({ name: want.name, said: (ran?.out ?? "").trim() }),
} satisfies HostKind<typeof PROPS, typeof OUTPUTS>
const script = hostKind(SCRIPT)

afterAll(cleanUp)

describe.each(shellsHere())("changes that follow each other, through %s", (shell) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    world = await HostWorld.open(carrierFor(shell, "chains"))
  })
  afterEach(() => world.close())

  const at = (...path: string[]): string => join(folder, ...path)
  const run = (name: string, text: string, more: object = {}): TestNode =>
    node(script, name, { name, run: text, ...more })

  /** Sends all as one call, each after those named. */
  async function send(
    nodes: readonly (readonly [TestNode, ...string[]])[],
    seen: Seen<unknown> = { absent: true },
  ): Promise<ReadonlyMap<string, ChangeResult>> {
    const results = new Map<string, ChangeResult>()
    const items = new Map<string, ChangeItem>()
    for (const [each, ...after] of nodes) {
      const item = world.item(each, seen, { action: "create" })
      items.set(each.address, { ...item, after: after.map((name) => items.get(name) as ChangeItem) })
    }
    await world.driver.change([...items.values()], (item, result) => results.set(item.address, result))
    return results
  }
  const ended = (results: ReadonlyMap<string, ChangeResult>): Record<string, string> =>
    Object.fromEntries(
      [...results].map(([name, result]) => [
        name,
        "failed" in result ? result.failed.code : "skipped" in result ? `after ${result.skipped}` : "well",
      ]),
    )

  test("a folder, a folder in it, a file in that, and a script that needs the file go in one request", async () => {
    const results = await send([
      [node(host.directory, "a", { path: at("a") })],
      [node(host.directory, "b", { path: at("a", "b") }), "a"],
      [node(host.file, "f", { path: at("a", "b", "f"), content: "text" }), "b"],
      [run("s", `cat ${quote(at("a", "b", "f"))}; echo; echo more >${quote(at("a", "b", "g"))}`), "f"],
      [node(host.file, "last", { path: at("a", "b", "last"), content: "z" }), "s"],
    ])
    expect(ended(results)).toEqual({ a: "well", b: "well", f: "well", s: "well", last: "well" })
    expect(results.get("s")).toMatchObject({ outputs: { said: "text" } })
    expect(readdirSync(at("a", "b")).sort()).toEqual(["f", "g", "last"])
  })

  test("what comes after a failure is not begun, and nothing else is held up", async () => {
    mkdirSync(at("taken"))
    const results = await send([
      [run("bad", "echo no; exit 3")],
      [node(host.file, "f", { path: at("f"), content: "f" }), "bad"],
      [run("s", `echo ran >${quote(at("ran"))}`), "f"],
      [node(host.file, "stale", { path: at("taken"), content: "x" })],
      [node(host.file, "in", { path: at("none", "in"), content: "x" })],
      [run("after-in", `echo ran >${quote(at("ran"))}`), "in"],
      [node(host.file, "free", { path: at("free"), content: "free" })],
      [node(host.file, "free-too", { path: at("free-too"), content: "free" }), "free"],
    ])
    expect(ended(results)).toEqual({
      bad: "CHANGE_FAILED",
      f: "after bad",
      s: "after f",
      stale: "STALE",
      in: "FILE_REFUSED",
      "after-in": "after in",
      free: "well",
      "free-too": "well",
    })
    expect(readdirSync(folder).sort()).toEqual(["free", "free-too", "taken"])
  })

  test("what a change before it had put there is replaced and kept; what others put there is refused", async () => {
    writeFileSync(at("mine"), "somebody's")
    const results = await send([
      [run("package", `echo default >${quote(at("conf"))}`)],
      [node(host.file, "conf", { path: at("conf"), content: "ours" }), "package"],
      [node(host.file, "mine", { path: at("mine"), content: "ours" }), "package"],
    ])
    expect(ended(results)).toEqual({ package: "well", conf: "well", mine: "STALE" })
    expect(readFileSync(at("conf"), "utf8")).toBe("ours")
    expect(readFileSync(at("conf.before-fettle"), "utf8")).toBe("default\n")
    expect(readFileSync(at("mine"), "utf8")).toBe("somebody's")
  })

  test("changes that one script can make are made by one; where it fails, each is tried alone and followed", async () => {
    const all = await send([
      [run("a", "true", { word: "w" })],
      [run("b", "true", { word: "w" })],
      [run("c", "true", { word: "other" })],
      [run("after", "echo then"), "a", "b"],
    ])
    expect(
      ["a", "b", "c", "after"].map((name) => (all.get(name) as { outputs: { said: string } }).outputs.said),
    ).toEqual(["together 2", "together 2", "", "then"])
    const some = await send([
      [run("a", "echo a", { word: "w" })],
      [run("b", "exit 5", { word: "w" })],
      [run("after-a", "echo then"), "a"],
      [run("after-b", "echo then"), "b"],
    ])
    expect(ended(some)).toEqual({ a: "well", b: "CHANGE_FAILED", "after-a": "well", "after-b": "after b" })
    expect(some.get("a")).toMatchObject({ outputs: { said: "a" } })
  })

  test("scripts that exclude each other do not overlap", async () => {
    const busy = quote(at("busy"))
    const text = `[ ! -e ${busy} ] || exit 9; : >${busy}; sleep 0.3; rm ${busy}`
    const results = await send(["a", "b", "c"].map((name) => [run(name, text, { exclusive: "dpkg" })] as const))
    expect(ended(results)).toEqual({ a: "well", b: "well", c: "well" })
  })

  test("forty links of one chain, and contents of every turn, go in one request", async () => {
    const nodes = Array.from(
      { length: 40 },
      (_, n) =>
        [
          node(host.file, `f${n}`, { path: at(`f${n}`), content: `${n}`.repeat(n) }),
          ...(n === 0 ? [] : [`f${n - 1}`]),
        ] as const,
    )
    const results = await send(nodes)
    expect(Object.values(ended(results)).every((each) => each === "well")).toBe(true)
    expect(readFileSync(at("f39"), "utf8")).toBe("39".repeat(39))
  })

  test("two clients of one host write one after the other", async () => {
    const other = await HostWorld.open(carrierFor(shell, "another"))
    const busy = quote(at("busy"))
    const text = `[ ! -e ${busy} ] || exit 9; : >${busy}; sleep 0.4; rm ${busy}`
    const change = async (client: HostWorld, name: string): Promise<ChangeResult | undefined> => {
      let came: ChangeResult | undefined
      const item = client.item(run(name, text), { absent: true }, { action: "create" })
      await client.driver.change([item], (_item, result) => (came = result))
      return came
    }
    const results = await Promise.all([change(world, "a"), change(other, "b")])
    await other.close()
    expect(results.map((result) => result !== undefined && "outputs" in result)).toEqual([true, true])
  })
})
