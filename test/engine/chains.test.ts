import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { json, program, resource } from "fettle"
import * as host from "fettle/host"
import { expect, test } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import type { Connection } from "../../src/provider.ts"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"

/** This machine, and how many requests went to it: those that only look, and those that may change it. */
function counted(): {
  readonly connection: Connection<HostClient>
  readonly looks: () => number
  readonly writes: () => number
} {
  const seen = { "0": 0, "1": 0 }
  const carrier = localCarrier({ scope: "chains" })
  const connection: Connection<HostClient> = {
    type: "host",
    name: "local",
    target: "this machine",
    secrets: [],
    open: (context) =>
      openHost(
        {
          ...carrier,
          start: async (argv, signal) => {
            const carried = await carrier.start(argv, signal)
            const write = carried.stdin.write.bind(carried.stdin) as (chunk: unknown) => boolean
            carried.stdin.write = ((chunk: unknown) => {
              const writes = /^[0-9a-f]{32} \d+ \d+ \d+ ([01])\n/.exec(String(chunk).slice(0, 200))?.[1]
              if (writes === "0" || writes === "1") seen[writes] += 1
              return write(chunk)
            }) as typeof carried.stdin.write
            return carried
          },
        },
        context,
      ),
  }
  return { connection, looks: () => seen["0"], writes: () => seen["1"] }
}

/** A folder, 300 files in it that each need the one before every tenth, and a link to the last of them. */
function site(folder: string, on: Connection<HostClient>, text: string) {
  return program("site", {}, () => {
    const root = resource(host.directory, "root", { path: join(folder, "site") }, { on })
    let last = resource(host.file, "f0", { path: join(folder, "site", "f0"), content: text }, { on, after: [root] })
    for (let at = 1; at < 300; at += 1) {
      const content = json({ text, before: last.hash })
      const after = at % 10 === 0 ? [root, last] : [root]
      const made = resource(
        host.file,
        `f${at}`,
        { path: join(folder, "site", `f${at}`), content: at % 10 === 0 ? content : `${text} ${at}` },
        { on, after },
      )
      if (at % 10 === 0) last = made
    }
    resource(host.link, "current", { path: join(folder, "current"), to: last.path }, { on })
  })
}

test("three hundred things in a chain of thirty links take at most three requests, and one once nothing differs", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const first = counted()
  const made = await apply(site(folder, first.connection, "one"))
  expect(made.error).toBeUndefined()
  expect(made.outcome).toBe("done")
  expect(changesOf(made)).toHaveLength(302)
  expect([first.looks(), first.writes()]).toEqual([1, 1])
  expect(readFileSync(join(folder, "current"), "utf8")).toContain('"before"')

  const again = counted()
  expect((await apply(site(folder, again.connection, "one"))).outcome).toBe("unchanged")
  expect([again.looks(), again.writes()]).toEqual([1, 0])

  const other = counted()
  const updated = await apply(site(folder, other.connection, "two"))
  expect(updated.outcome).toBe("done")
  expect([other.looks(), other.writes()]).toEqual([2, 1]) // the second look fetches the old texts, for the diff

  const gone = counted()
  const emptied = await apply(
    program(
      "site",
      {},
      () => void resource(host.directory, "other", { path: join(folder, "other") }, { on: gone.connection }),
    ),
    { expectDeletes: 302 },
  )
  expect(emptied.error).toBeUndefined()
  expect(existsSync(join(folder, "site"))).toBe(false)
  expect([gone.looks(), gone.writes()]).toEqual([1, 1])
})

/** A folder of sources, and a program of a folder, twenty files, seven of them from sources, a tree, and a process that restarts on all. */
function mixed(folder: string) {
  mkdirSync(join(folder, "from", "tree"), { recursive: true })
  const source = (name: string): string => join(folder, "from", name)
  const write = (text: string): void => {
    for (const name of ["s0", "s1", "s2", "s3", "s4", "s5", "tree/a"]) writeFileSync(source(name), `${name} ${text}\n`)
    writeFileSync(source("template"), `{{name}} ${text}\n`)
  }
  const at = (name: string): string => join(folder, "site", name)
  const build = (on: Connection<HostClient>) =>
    program("mixed", {}, () => {
      const root = resource(host.directory, "root", { path: join(folder, "site") }, { on })
      const options = { on, after: [root] }
      const files = Array.from({ length: 20 }, (_, n) => {
        const path = at(`f${n}`)
        if (n < 6) return resource(host.file, `f${n}`, { path, source: source(`s${n}`) }, options)
        if (n > 6) return resource(host.file, `f${n}`, { path, content: `${n}` }, options)
        return resource(
          host.file,
          "f6",
          { path, template: { path: source("template"), values: { name: "x" } } },
          options,
        )
      })
      const tree = resource(host.tree, "tree", { path: at("tree"), source: source("tree") }, options)
      const restartOn = [...files, tree].map(({ hash }) => hash)
      const command: [string, ...string[]] = ["sleep", "3600"]
      resource(host.process, "app", { command, directory: at("run"), restartOn, readyAfterMs: 0 }, options)
    })
  /** Nothing of it: the process is stopped. */
  const empty = (on: Connection<HostClient>) =>
    program("mixed", {}, () => void resource(host.directory, "other", { path: join(folder, "other") }, { on }))
  return { write, build, empty, path: at }
}

test("files from sources, a tree, and a process that restarts on their hashes take one look and one change", async () => {
  const folder = testFolder()
  const { write, build, empty, path } = mixed(folder)
  const { apply } = runsIn(folder)
  write("one")
  const first = counted()
  const made = await apply(build(first.connection))
  expect([made.error, made.outcome]).toEqual([undefined, "done"])
  expect(changesOf(made)).toHaveLength(23)
  expect([first.looks(), first.writes()]).toEqual([1, 1])
  const pid = readFileSync(path("run/pid"), "utf8")

  const again = counted()
  expect((await apply(build(again.connection))).outcome).toBe("unchanged")
  expect([again.looks(), again.writes()]).toEqual([1, 0])
  expect(readFileSync(path("run/pid"), "utf8")).toBe(pid)

  write("two")
  const other = counted()
  expect((await apply(build(other.connection))).outcome).toBe("done")
  expect([other.looks(), other.writes()]).toEqual([2, 1]) // the second look fetches the old texts, for the diff
  expect(readFileSync(path("run/pid"), "utf8")).not.toBe(pid)
  expect((await apply(build(other.connection))).outcome).toBe("unchanged")

  expect((await apply(empty(other.connection), { expectDeletes: 23 })).outcome).toBe("done")
})

test("a source that moves after the plan is refused, what restarts on it is not begun, and the next run makes both", async () => {
  const folder = testFolder()
  const { write, build, empty, path } = mixed(folder)
  const { connection } = counted()
  write("one")
  const subscribers = [({ type }: { type: string }) => type === "plan.made" && write("two")]
  const moved = await runsIn(folder, { subscribers }).apply(build(connection))
  const outcomes = outcomesOf(moved)
  expect(outcomes).toContain("failed create host.file[f0]")
  expect(outcomes).toContain("failed create host.file[f6]")
  expect(outcomes).toContain("failed create host.tree[tree]")
  expect(outcomes).toContain("skipped create host.process[app]")
  expect(moved.applied?.outcomes.find(({ address }) => address === "host.file[f0]")?.error).toMatchObject({
    code: "STALE",
    fact: expect.stringContaining("changed after it was planned"),
  })
  expect(readdirSync(path(".")).sort()).not.toContain("f0")

  const { apply } = runsIn(folder)
  expect((await apply(build(connection))).outcome).toBe("done")
  expect(readFileSync(path("f0"), "utf8")).toBe("s0 two\n")
  expect((await apply(build(connection))).outcome).toBe("unchanged")
  expect((await apply(empty(connection), { expectDeletes: 23 })).outcome).toBe("done")
})

test("a saved plan holds what its sources held", async () => {
  const folder = testFolder()
  const { write, build, empty } = mixed(folder)
  const { connection } = counted()
  const { plan, apply } = runsIn(folder)
  write("one")
  const saved = JSON.parse(JSON.stringify((await plan(build(connection), { bound: true })).plan))
  write("two")
  expect((await apply(build(connection), {}, saved)).error).toMatchObject({
    code: "PLAN_STALE",
    details: { moved: ["wanted"] },
  })
  write("one")
  expect((await apply(build(connection), {}, saved)).outcome).toBe("done")
  expect((await apply(empty(connection), { expectDeletes: 23 })).outcome).toBe("done")
})

test("what waits for a failed one of the same request is told as skipped, and is made by the next run", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const { connection: on } = counted()
  const build = (mode: string) =>
    program("site", {}, () => {
      const root = resource(host.directory, "root", { path: join(folder, "root"), mode }, { on })
      const taken = resource(host.file, "taken", { path: join(folder, "none", "x"), content: "x" }, { on })
      const file = resource(host.file, "file", { path: join(folder, "root", "x"), content: "x" }, { on, after: [root] })
      resource(host.file, "waits", { path: join(folder, "root", "y"), content: "y" }, { on, after: [file, taken] })
    })
  const failed = await apply(build("0755"))
  expect([...outcomesOf(failed)].sort()).toEqual([
    "done create host.directory[root]",
    "done create host.file[file]",
    "failed create host.file[taken]",
    "skipped create host.file[waits]",
  ])
  expect(existsSync(join(folder, "root", "y"))).toBe(false)
  const { apply: next } = runsIn(folder)
  const after = program("site", {}, () => {
    const root = resource(host.directory, "root", { path: join(folder, "root"), mode: "0755" }, { on })
    const none = resource(host.directory, "none", { path: join(folder, "none") }, { on })
    const taken = resource(host.file, "taken", { path: join(folder, "none", "x"), content: "x" }, { on, after: [none] })
    const file = resource(host.file, "file", { path: join(folder, "root", "x"), content: "x" }, { on, after: [root] })
    resource(host.file, "waits", { path: join(folder, "root", "y"), content: "y" }, { on, after: [file, taken] })
  })
  expect((await next(after)).outcome).toBe("done")
  expect(statSync(join(folder, "root", "y")).isFile()).toBe(true)
})

test("what is refused as it is now is decided in its turn, where what it needs changes it first", async () => {
  const folder = testFolder()
  const path = join(folder, "conf")
  writeFileSync(path, "Port 1\nPort 2\n")
  const { apply } = runsIn(folder)
  const { connection } = counted()
  const edited = (mends: boolean) =>
    program("site", {}, () => {
      const mend = resource(
        host.command,
        { name: "mend", script: mends ? `sed -i 1d ${path}` : "true" },
        { on: connection },
      )
      resource(host.line, "port", { path, line: "Port 3", replaces: "^Port" }, { on: connection, after: [mend] })
    })
  const early = await apply(edited(false))
  expect(early.plan?.changes.map(({ action }) => action)).toEqual(["create", "decide"])
  expect(outcomesOf(early)).toEqual(["done create host.command[mend]", "failed blocked host.line[port]"])
  const told = await apply(edited(false))
  expect(changesOf(told)).toEqual(["blocked host.line[port]"])
  expect(readFileSync(path, "utf8")).toBe("Port 1\nPort 2\n")
  const mended = await apply(edited(true))
  expect(mended.plan?.changes.map(({ action }) => action)).toEqual(["replace", "decide"])
  expect(readFileSync(path, "utf8")).toBe("Port 3\n")
})
