import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { program, resource, task } from "fettle"
import * as host from "fettle/host"
import { expect, test } from "vitest"
import { changesOf, outcomesOf, runsIn, testFolder } from "../support/runs.ts"

// What a task builds in the same run is put on the host as it was built, also where the plan saw something older, or nothing.

test("a task builds what a file and a folder are copied from: first, anew, and not at all", async () => {
  const folder = testFolder()
  const at = (...parts: string[]) => join(folder, ...parts)
  mkdirSync(at("target"))
  writeFileSync(at("in.txt"), "one")
  const built = program("built", {}, () => {
    const build = task("build", {
      run: ["sh", "-c", "mkdir -p dist && cp in.txt dist/app.txt && cp in.txt single.txt"],
      cwd: folder,
      files: [at("in.txt")],
    })
    const here = host.local()
    const options = { on: here, after: [build] }
    const app = resource(host.file, "app", { path: at("target/app.txt"), source: at("single.txt") }, options)
    resource(host.tree, "all", { path: at("target/all"), source: at("dist") }, options)
    resource(host.file, "note", { path: at("target/note"), content: app.hash }, { on: here })
    resource(host.file, "behind", { path: at("target/behind"), source: at("single.txt") }, { on: here, after: [app] })
  })
  const { plan, apply } = runsIn(folder)
  const text = (name: string) => readFileSync(at("target", name), "utf8")
  const later = ["app", "behind", "note"].map((name) => `decide host.file[${name}]`)
  expect([...changesOf(await plan(built))].sort()).toEqual([
    ...later,
    "decide host.tree[all]",
    "run fettle.task[build]",
  ])
  const first = await apply(built)
  expect(outcomesOf(first).filter((each) => !each.startsWith("done"))).toEqual([])
  expect([text("app.txt"), text("all/app.txt"), text("behind")]).toEqual(["one", "one", "one"])
  const note = text("note")
  expect(changesOf(await plan(built)).filter((each) => !each.startsWith("none"))).toEqual([])

  writeFileSync(at("in.txt"), "two")
  const saved = await plan(built, { bound: true })
  const second = await apply(built, {}, saved.plan)
  expect(second.error).toBeUndefined()
  expect(outcomesOf(second)).toHaveLength(5)
  expect(outcomesOf(second).filter((each) => !each.startsWith("done"))).toEqual([])
  expect([text("app.txt"), text("all/app.txt"), text("behind")]).toEqual(["two", "two", "two"])
  expect(text("note")).not.toBe(note)
  expect(changesOf(await plan(built)).filter((each) => !each.startsWith("none"))).toEqual([])
})

test("a source that its task did not make is an error of that node alone", async () => {
  const folder = testFolder()
  const at = (...parts: string[]) => join(folder, ...parts)
  const built = program("built", {}, () => {
    const build = task("build", { run: ["true"], cwd: folder })
    const on = host.local()
    resource(host.file, "app", { path: at("app.txt"), source: at("never.txt") }, { on, after: [build] })
    resource(host.file, "other", { path: at("other.txt"), content: "there" }, { on, after: [build] })
  })
  const { apply } = runsIn(folder)
  const { applied } = await apply(built)
  expect(applied?.outcomes.map((each) => `${each.outcome} ${each.address} ${each.error?.code ?? ""}`).sort()).toEqual([
    "done fettle.task[build] ",
    "done host.file[other] ",
    "failed host.file[app] FILE_REFUSED",
  ])
})
