import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { group, type Program, program, resource, task } from "fettle"
import { expect, test } from "vitest"
import { place } from "../cli/fettle.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

/** A command that leaves a line in a file. */
function marks(folder: string, word: string): readonly [string, ...string[]] {
  return ["sh", "-c", `sleep 0.1; echo ${word} >> '${folder}/marks'`]
}

function marksIn(folder: string): readonly string[] {
  return existsSync(join(folder, "marks")) ? readFileSync(join(folder, "marks"), "utf8").trim().split("\n") : []
}

interface Variant {
  readonly rev?: number
  readonly fails?: boolean
  readonly hangs?: boolean
}

function built(folder: string, { rev = 1, fails = false, hangs = false }: Variant = {}): Program {
  return program("ends", {}, () => {
    group("g", { finally: [marks(folder, "group"), ["false"], marks(folder, "group-again")] }, () => {
      resource(thing, "a", { folder: join(folder, "far"), name: "a", value: rev })
      const script = hangs ? "sleep 30" : fails ? "exit 3" : "true"
      task("t", { run: ["sh", "-c", script], values: { rev }, finally: [marks(folder, "task")] })
    })
  })
}

test("on success it runs once, after the last of them, and the run waits for it", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const applied = await apply(built(folder))
  expect(applied.outcome).toBe("done")
  expect([...marksIn(folder)].sort()).toEqual(["group", "group-again", "task"])
  expect(applied.events.filter((event) => event.type === "note" && event.level === "warning")).toHaveLength(1)
  expect((await apply(built(folder))).outcome).toBe("unchanged")
  expect(marksIn(folder)).toHaveLength(3)
})

test("on failure it runs, too", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  expect((await apply(built(folder, { fails: true }))).outcome).toBe("failed")
  expect([...marksIn(folder)].sort()).toEqual(["group", "group-again", "task"])
})

test("it does not run where nothing of it was begun", async () => {
  const folder = testFolder()
  const { plan, apply } = runsIn(folder)
  await plan(built(folder))
  await apply(
    program("ends", {}, () => {
      const bad = resource(thing, "bad", { folder: join(folder, "far"), name: "bad", fails: "no" })
      task("t", { run: ["true"], values: { name: bad.serial }, finally: [marks(folder, "task")] })
    }),
  )
  expect(marksIn(folder)).toEqual([])
})

test("on cancel it runs before the run ends", async () => {
  const folder = testFolder()
  const stop = new AbortController()
  const far = world(join(folder, "far"))
  const { apply } = runsIn(folder, { stopping: stop.signal, parallel: 1 })
  const slow = program("ends", {}, () =>
    group("g", { finally: [marks(folder, "group")] }, () => {
      task("first", {
        run: async () => {
          stop.abort()
        },
      })
      for (const name of ["a", "b", "c"])
        resource(thing, name, { folder: far.folder, name }, { after: ["g/fettle.task[first]"] })
    }),
  )
  expect(await apply(slow)).toMatchObject({ outcome: "cancelled", exitCode: 130 })
  expect(far.names()).toEqual([])
  expect(marksIn(folder)).toEqual(["group"])
})

test("after a stop at once it runs at the next start, once", async () => {
  const folder = testFolder()
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 1_500)
  expect((await runsIn(folder, { signal: abort.signal }).apply(built(folder, { hangs: true }))).exitCode).toBe(130)
  expect(marksIn(folder)).not.toContain("group")
  const { apply } = runsIn(folder)
  expect((await apply(program("ends", {}, () => {}, { providers: [thing] }))).error).toBeUndefined()
  expect([...marksIn(folder)].sort()).toEqual(["group", "group-again", "task"])
  await apply(program("ends", {}, () => {}, { providers: [thing] }))
  expect(marksIn(folder)).toHaveLength(3)
})

test("after SIGKILL it runs at the next start", { timeout: 60_000 }, async () => {
  const user = place()
  user.write(
    "fettle.ts",
    `
import { group, program, task } from "fettle"
export default program("ends", { kill: true }, ({ kill }) => {
  group("g", { finally: [["sh", "-c", "echo group >> marks"]] }, () => {
    task("t", { run: ["sh", "-c", kill ? "kill -9 $PPID; sleep 1" : "true"], finally: [["sh", "-c", "echo task >> marks"]] })
  })
})
`,
  )
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ signal: "SIGKILL" })
  expect(user.has("marks")).toBe(false)
  expect(await user.fettle(["apply", "--yes", "--param", "kill=false"])).toMatchObject({ code: 0 })
  expect(user.read("marks").trim().split("\n").sort()).toEqual(["group", "group", "task", "task"])
})
