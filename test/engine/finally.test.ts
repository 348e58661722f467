import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { group, type Program, program, resource, task } from "fettle"
import { expect, test } from "vitest"
import { Finallies } from "../../src/apply/finally.ts"
import { order } from "../../src/graph/graph.ts"
import type { Planned } from "../../src/plan/planned.ts"
import type { Work } from "../../src/plan/work.ts"
import { place } from "../cli/fettle.ts"
import { scopeOf } from "../program/declared.ts"
import { cpuTimeMs } from "../support/cpu-time.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"

/** A command that leaves a line in a file. */
function marks(folder: string, word: string): readonly [string, ...string[]] {
  return ["sh", "-c", `sleep 0.1; echo ${word} >> '${folder}/marks'`]
}

function marksIn(folder: string): readonly string[] {
  return existsSync(join(folder, "marks")) ? readFileSync(join(folder, "marks"), "utf8").trim().split("\n") : []
}

/** What a plan of a program that is on no machine yet would hand on. */
function orderedWorks(made: Program): Pick<Planned, "scope" | "order" | "works"> {
  const scope = scopeOf(made)
  const { nodes, order: addresses } = order(scope)
  const works = [...nodes].map(([address, declaration]) => [address, { declaration } as Work] as const)
  return { scope, order: addresses, works: new Map(works) }
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

test("the inner runs before the outer, however deep, and a group without anything in it holds nothing up", async () => {
  const folder = testFolder()
  const { apply } = runsIn(folder)
  const ends = (word: string) => ({ finally: [marks(folder, word)] })
  const nested = program("ends", {}, () =>
    group("outer", ends("outer"), () => {
      group("empty", ends("empty"), () => {})
      group("between", () =>
        group("inner", ends("inner"), () => {
          task("t", { run: ["true"], ...ends("task") })
          resource(
            thing,
            "a/b",
            { folder: join(folder, "far"), name: "a" },
            { after: ["outer/between/inner/fettle.task[t]"] },
          )
        }),
      )
    }),
  )
  expect(await apply(nested)).toMatchObject({ outcome: "done" })
  expect(marksIn(folder)).toEqual(["task", "inner", "outer"])
})

test("20,000 groups cost no more than their nodes", () => {
  const many = program("many", {}, () => {
    for (let at = 0; at < 20_000; at += 1)
      group(`g${at}`, { finally: [["true"]] }, () => task("t", { run: ["true"], finally: [["true"]] }))
  })
  const { scope, order, works } = orderedWorks(many)
  const begun = cpuTimeMs()
  const ends = new Finallies({ scope, order, works }, undefined as never, { now: Date.now } as never) // nothing is run here
  const opened = order.flatMap((address) => ends.opens(address))
  expect(cpuTimeMs() - begun).toBeLessThan(1_000) // each with each would be 400 million comparisons
  expect(opened).toHaveLength(40_000)
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

test("after SIGKILL its commands have ended before finally and the next run begin", { timeout: 60_000 }, async () => {
  const user = place()
  const command = `trap "" TERM; echo started $$ >> marks; (trap "" TERM; sleep 60; echo child >> marks) & wait`
  user.write(
    "fettle.ts",
    `
import { group, program, task } from "fettle"
const command = ${JSON.stringify(command)}
export default program("ends", { hang: true }, ({ hang }) => {
  const done = [["sh", "-c", "kill -0 -$(head -1 marks | cut -d' ' -f2) 2>/dev/null && echo alive >> marks || echo ended >> marks"]]
  group("g", { finally: done }, () => {
    task("t", { run: ["sh", "-c", hang ? command : "true"] })
  })
})
`,
  )
  const killer = user.fettle(["apply", "--yes"])
  while (!user.has("marks")) await new Promise((wait) => setTimeout(wait, 50))
  await new Promise((wait) => setTimeout(wait, 1_000)) // longer than the journal needs, on a busy machine
  const pid = Number(user.read("marks").split(" ")[1])
  process.kill(parentOf(pid), "SIGKILL")
  expect(await killer).toMatchObject({ signal: "SIGKILL" })
  expect(() => process.kill(-pid, 0)).not.toThrow()
  const next = await user.fettle(["apply", "--yes", "--param", "hang=false"])
  expect(next).toMatchObject({ code: 0 })
  expect(next.stdout + next.stderr).toContain("its command still ran and was ended")
  expect(user.read("marks").trim().split("\n")).toEqual([`started ${pid}`, "ended", "ended"])
  expect(() => process.kill(-pid, 0)).toThrow("ESRCH")
})

test("after SIGKILL in its middle, it ends before it runs again", { timeout: 60_000 }, async () => {
  const user = place()
  const command = `test -e marks && { echo again >> marks; exit 0; }; echo started $$ > marks; sleep 60; echo late >> marks`
  user.write(
    "fettle.ts",
    `
import { group, program, task } from "fettle"
export default program("ends", {}, () => {
  group("g", { finally: [["sh", "-c", ${JSON.stringify(command)}]] }, () => {
    task("t", { run: ["true"] })
  })
})
`,
  )
  const killer = user.fettle(["apply", "--yes"])
  while (!user.has("marks")) await new Promise((wait) => setTimeout(wait, 50))
  await new Promise((wait) => setTimeout(wait, 1_000)) // longer than the journal needs, on a busy machine
  const pid = Number(user.read("marks").split(" ")[1])
  process.kill(parentOf(pid), "SIGKILL")
  expect(await killer).toMatchObject({ signal: "SIGKILL" })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(() => process.kill(-pid, 0)).toThrow("ESRCH")
  expect(user.read("marks").trim().split("\n")).toEqual([`started ${pid}`, "again"])
})

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
}
