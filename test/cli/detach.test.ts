import { readdirSync } from "node:fs"
import { expect, test } from "vitest"
import { place } from "./fettle.ts"

/** A task that waits for a file, and one after it: a run that lasts until the test says so. */
const LONG = `import { program, task } from "fettle"

console.log("a program may print, and [it] need not be {JSON}")
export default program("long", {}, () => {
  const first = task("first", { run: ["sh", "-c", "echo begun; until [ -e go ]; do sleep 0.05; done; echo over"] })
  task("second", { run: ["sh", "-c", "echo second > second"], outputs: ["second"] }, { after: [first] })
})
`

const RUN = /Run ([0-9a-f]{8}) goes on in the background \(process (\d+)\)/

test("a detached run goes on by itself, is followed, and its followers exit as it does", async () => {
  const at = place()
  at.write("fettle.ts", LONG)
  const begun = await at.fettle(["apply", "--yes", "--detach"])
  expect(begun.code, begun.text).toBe(0)
  expect(begun.stdout).toMatch(/fettle logs .* --follow/)
  const [, run = "", pid = ""] = RUN.exec(begun.stdout) ?? []
  expect(readdirSync(at.path(".fettle")).filter((name) => name.startsWith("detached"))).toEqual([])

  const second = await at.fettle(["apply", "--yes"])
  expect(second.text).toMatch(new RegExp(`STATE_LOCKED.*\n?.*pid ${pid}`))
  const following = at.start(["logs", run, "--follow"])
  await following.saw("begun")
  at.write("go", "")
  const followed = await following.ended
  expect(followed.code, followed.text).toBe(0)
  expect(followed.stdout).toContain("over")
  expect(at.read("second")).toBe("second\n")
  expect((await at.fettle(["plan", "--check"])).code).toBe(0)
})

test("stop ends it in order: what is under way finishes, the rest goes on with the next apply", async () => {
  const at = place()
  at.write("fettle.ts", LONG)
  const begun = await at.fettle(["apply", "--yes", "--detach", "--json"])
  const last = JSON.parse(begun.stdout.trim().split("\n").at(-1) ?? "") as { type: string; runId: string; pid: number }
  expect(last).toMatchObject({ type: "detached" })
  const following = at.start(["logs", last.runId, "--follow"])
  await following.saw("begun")
  const stopping = at.start(["stop"])
  await stopping.saw("what is under way finishes")
  at.write("go", "")
  expect((await stopping.ended).code).toBe(0)
  expect((await following.ended).code).toBe(130)
  expect(at.has("second")).toBe(false)
  expect((await at.fettle(["stop"])).text).toMatch(/RUN_NOT_FOUND\s+no run of long \(dev\) is under way/)
  expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
  expect(at.has("second")).toBe(true)
})

test("who follows a run that is killed is told, and what to do", async () => {
  const at = place()
  at.write("fettle.ts", LONG)
  const begun = await at.fettle(["apply", "--yes", "--detach"])
  const [, run = "", pid = ""] = RUN.exec(begun.stdout) ?? []
  const following = at.start(["logs", run, "--follow"])
  await following.saw("begun")
  process.kill(Number(pid), "SIGKILL")
  const followed = await following.ended
  expect(followed.code).toBe(1)
  expect(followed.text).toMatch(/it was killed/)
  at.write("go", "")
  expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
})

test("what keeps it from beginning is told at once; with nothing to do there is no run", async () => {
  const at = place()
  at.write("fettle.ts", LONG)
  at.write("go", "")
  expect((await at.fettle(["apply", "--detach"])).text).toContain("CONSENT_MISSING")
  expect((await at.fettle(["plan", "--out", "plan.json"])).code).toBe(0)
  expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
  const stale = await at.fettle(["apply", "plan.json", "--detach"])
  expect(stale.code, stale.text).toBe(1)
  expect(stale.text).toContain("PLAN_STALE")
  const none = await at.fettle(["apply", "--yes", "--detach"])
  expect(none.code, none.text).toBe(0)
  expect(none.stdout).not.toMatch(RUN)
})
