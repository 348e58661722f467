import { readdirSync } from "node:fs"
import { expect, test } from "vitest"
import { need } from "../support/need.ts"
import { onTerminal, place, TERMINAL } from "./fettle.ts"

/** Two notes one after the other; the first is under way until there is a file `go`. */
const held = ["apply", "--yes", "--verbose", "--param", "hold=true"]

test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "the first %s lets what is under way finish, and records it",
  async (signal) => {
    const user = place("notes")
    const apply = user.start(held)
    await apply.saw("writing")
    apply.child.kill(signal)
    await apply.saw("Stopping:")
    user.write("go", "")
    const { code, text } = await apply.ended
    expect(code).toBe(130)
    expect(text).toContain("CANCELLED")
    expect([user.read("n0.txt"), user.has("n1.txt")]).toEqual(["hello", false])
    const list = await user.fettle(["state", "list"])
    expect(list.stdout).toMatch(/^test\.note\[n0\] {2}\S+n0\.txt\n$/)
    expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
    expect(user.has("n1.txt")).toBe(true)
  },
)

test("the second Ctrl-C ends at once; the journal knows what was under way", async () => {
  const user = place("notes")
  const apply = user.start(held)
  await apply.saw("writing")
  apply.child.kill("SIGINT")
  await apply.saw("Stopping:")
  const since = performance.now()
  apply.child.kill("SIGINT")
  expect(await apply.ended).toMatchObject({ code: 130 })
  expect(performance.now() - since).toBeLessThan(5_000)
  expect(user.has("n0.txt")).toBe(false)
  expect(await user.fettle(["state", "list"])).toMatchObject({ stdout: expect.stringContaining("cut off") })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(user.read("n0.txt")).toBe("hello")
})

test("two applies at once: one winner, and the loser is told who, where and since when", async () => {
  const user = place("notes")
  const first = user.start(held)
  await first.saw("writing")
  const second = await user.fettle(["apply", "--yes"])
  expect(second.code).toBe(1)
  const pid = `pid ${first.child.pid}`
  expect(second.text).toMatch(
    new RegExp(`STATE_LOCKED[\\s\\S]*\\S+@\\S+ on \\S+ \\(${pid}, fettle apply, since \\d{4}-`),
  )
  const forget = await user.fettle(["state", "forget", "test.note[n0]"])
  expect(forget).toMatchObject({ code: 1, text: expect.stringContaining("STATE_LOCKED") })
  const doctor = await user.fettle(["doctor"])
  expect(doctor).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`1 under way[\\s\\S]*${pid}`)) })
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 2 })
  user.write("go", "")
  expect(await first.ended).toMatchObject({ code: 0 })
  expect(readdirSync(user.path(".fettle/logs/notes.dev"))).toHaveLength(1)
})

const terminal = need(TERMINAL, { install: "apt-get install bsdutils" })

test.skipIf(!terminal)("Ctrl-C typed at the question cancels, and nothing was changed", async () => {
  const user = place("notes")
  const apply = onTerminal(user, ["apply"])
  await apply.saw("[y/N]")
  apply.type("\u0003")
  expect(await apply.ended).toMatchObject({ code: 130 })
  expect(user.has("n0.txt")).toBe(false)
})

test.skipIf(!terminal)("Ctrl-C typed on a terminal stops a run in order", async () => {
  const user = place("notes")
  const apply = onTerminal(user, held)
  await apply.saw("writing")
  apply.type("\u0003")
  await apply.saw("Stopping:")
  user.write("go", "")
  expect(await apply.ended).toMatchObject({ code: 130 })
  expect([user.has("n0.txt"), user.has("n1.txt")]).toEqual([true, false])
})
