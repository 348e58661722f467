import { join } from "node:path"
import { check, file, type Program, program, resource, task } from "fettle"
import { expect, test } from "vitest"
import { eventSchema } from "../../src/events/schema.ts"
import { githubReporter } from "../../src/report/github.ts"
import { jsonLinesReporter } from "../../src/report/json-lines.ts"
import { junitReporter } from "../../src/report/junit.ts"
import { terminalReporter } from "../../src/report/terminal.ts"
import { runsIn, type TestRun, testFolder } from "../support/runs.ts"
import { thing, world } from "../support/world.ts"
import { Emulator } from "./emulator.ts"
import { problems } from "./validate.ts"
import { wellFormed } from "./xml.ts"

/** Two things, one that fails with what waits for it, a task and a check that says no. */
function shop(folder: string, fails: string | undefined): Program {
  return program("shop", {}, () => {
    const a = resource(thing, "a", { folder, name: "a", value: "1" })
    const bad = resource(thing, "bad", { folder, name: "bad", ...(fails === undefined ? {} : { fails }) })
    resource(thing, "late", { folder, name: "late" }, { after: [bad] })
    const build = task("build", { run: ["sh", "-c", "echo compiled; echo careful >&2; exit 3"] })
    check("greets", file.contains(join(folder, "a.json"), "hello"), { after: [a] })
    check("built", file.exists(join(folder, "a.json")), { after: [build] })
  })
}

function shown(run: TestRun, isTTY: boolean): string {
  const terminal = new Emulator(100, 50)
  const reporter = terminalReporter({ write: terminal.write, columns: () => 100, color: isTTY, isTTY, verbose: false })
  for (const event of run.events) reporter.subscriber(event)
  reporter.close()
  return terminal.text
}

test("a replace has the sign of its order, before and after", async () => {
  const far = world(join(testFolder(), "world"))
  const { apply } = runsIn(testFolder())
  const sized = (size: number, order: "create-first" | "delete-first") =>
    program("sized", {}, () => void resource(thing, "a", { folder: far.folder, name: "a", size, order }))
  await apply(sized(1, "create-first"))
  for (const [size, order, sign] of [
    [2, "delete-first", "-/+"],
    [3, "create-first", "+/-"],
  ] as const) {
    const text = shown(await apply(sized(size, order)), false)
    const lines = text.split("\n").filter((line) => line.includes("test.thing[a]  ") && /replace|first/.test(line))
    expect(lines.length, text).toBeGreaterThan(1)
    for (const line of lines) expect(line, text).toContain(`${sign} test.thing[a]`)
  }
})

test("events of a real run fit the schema, and every reporter shows them", async () => {
  const folder = testFolder()
  const far = world(join(folder, "world"))
  const { apply, plan } = runsIn(folder)
  const failed = await apply(shop(far.folder, "no room"))
  const again = await plan(shop(far.folder, undefined))
  expect(failed.outcome).toBe("failed")

  const reporter = jsonLinesReporter((line) => expect(problems(JSON.parse(line), eventSchema, eventSchema)).toEqual([]))
  for (const event of [...failed.events, ...again.events]) reporter(event)

  const text = shown(failed, true)
  expect(text).toBe(shown(failed, false))
  expect(text).toMatch(/^ {2}\+ test\.thing\[a\] +created/m)
  expect(text).toMatch(/^ {2}\? test\.thing\[bad\] +maybe/m)
  expect(text).toMatch(/^ {2}· test\.thing\[late\] +skipped: waits for test\.thing\[bad\]$/m)
  expect(text).toMatch(/^ {6}│ compiled$/m)
  expect(text).toMatch(/^ {6}│ careful$/m)
  expect(text).toMatch(/^ {2}✗ fettle\.check\[greets\]\s+no: /m)
  expect(text).toMatch(/^Failed {2}1 created, 1 failed, 1 maybe, 2 skipped · 1 check no · /m)
  expect(shown(again, false)).toMatch(/^2 to create, 1 to run, 2 checks · 1 unchanged$/m)

  const files: string[] = []
  const junit = junitReporter((xml) => files.push(xml))
  const github = githubReporter({ write: (line) => files.push(line) })
  for (const event of failed.events) {
    junit(event)
    github.subscriber(event)
  }
  github.close()
  expect(files.find((each) => each.startsWith("<?xml"))).toContain('tests="3" failures="2" errors="0" skipped="1"')
  expect(wellFormed(files.find((each) => each.startsWith("<?xml")) ?? "")).toEqual([])
  expect(files.join("").match(/^::error /gm)?.length).toBe(3)
})
