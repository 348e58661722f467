import { expect, test } from "vitest"
import { linesOf, place } from "./fettle.ts"

/** A resource whose provider throws where nobody waits for it, beside one that hangs; both behind one that is made. */
const PROGRAM = `
import { program, resource, task } from "fettle"
import { provider } from "fettle/provider"
import { existsSync, writeFileSync } from "node:fs"
import { z } from "zod"

const fuse = provider({
  kind: "test.fuse",
  version: 1,
  about: "A file.",
  connects: "none",
  props: z.strictObject({ path: z.string(), burns: z.string().default("") }),
  outputs: z.object({ path: z.string() }),
  settles: "unique",
  id: (want) => want.path,
  read: async (keys) => {
    const burning = keys.some((key) => key.want?.burns === "reading")
    if (burning) setTimeout(() => { throw new Error("read to nobody") }, 50)
    if (burning) await new Promise(() => {})
    return new Map(keys.map((key) => [key.address, existsSync(key.id) ? { outputs: { path: key.id } } : { absent: true }]))
  },
  plan: (_want, seen) => ("outputs" in seen ? { action: "none" } : { action: "create" }),
  ensure: async (want) => {
    if (want.burns === "throwing") setTimeout(() => { throw new Error("thrown to nobody") }, 300)
    if (want.burns === "rejecting") setTimeout(() => void Promise.reject(new Error("rejected to nobody")), 300)
    if (want.burns !== "") await new Promise(() => {})
    writeFileSync(want.path, "")
    return { path: want.path }
  },
  delete: async () => {},
})

export default program("fuses", { burns: "" }, ({ burns }) => {
  const path = (name: string) => import.meta.dirname + "/" + name
  const first = resource(fuse, "first", { path: path("first") })
  const bad = resource(fuse, "bad", { path: path("bad"), burns }, { after: [first] })
  resource(fuse, "behind", { path: path("behind") }, { after: [bad] })
  task("beside", { run: ["sh", "-c", burns === "" ? "true" : "sleep 30"] }, { after: [first] })
}, { providers: [fuse] })
`

test.each([
  ["throwing", "thrown to nobody"],
  ["rejecting", "rejected to nobody"],
])("what is thrown where nobody waits ends a run in order: %s", async (burns, words) => {
  const user = place()
  user.write("fettle.ts", PROGRAM)
  const since = performance.now()
  const { code, text } = await user.fettle(["apply", "--yes", "--param", `burns=${burns}`])
  expect(performance.now() - since, "it does not wait for what hangs").toBeLessThan(10_000)
  expect(code, text).toBe(1)
  expect(text).toMatch(new RegExp(`STRAY_ERROR[\\s\\S]*${words}[\\s\\S]*fettle\\.ts:2\\d`))
  const summary = text.slice(text.lastIndexOf("Failed"))
  expect(summary, text).toMatch(/^Failed {2}1 created, .*maybe/)
  expect(summary, "what is open is named").toMatch(
    /test\.fuse\[bad\][\s\S]*fettle\.task\[beside\]|fettle\.task\[beside\][\s\S]*test\.fuse\[bad\]/,
  )

  expect([user.has("first"), user.has("bad"), user.has("behind")]).toEqual([true, false, false])
  expect(await user.fettle(["state", "list"])).toMatchObject({
    stdout: expect.stringMatching(/test\.fuse\[bad\].*cut off/),
  })
  expect(await user.fettle(["runs"])).toMatchObject({ stdout: expect.stringMatching(/apply +failed/) })
  const next = await user.fettle(["apply", "--yes"])
  expect(next, next.text).toMatchObject({ code: 0 })
  expect([user.has("bad"), user.has("behind")]).toEqual([true, true])
})

test("also in a plan, and as JSON lines, whose last says how it ended", async () => {
  const user = place()
  user.write("fettle.ts", PROGRAM)
  const plan = await user.fettle(["plan", "--json", "--param", "burns=reading"])
  expect(plan.code, plan.text).toBe(1)
  const lines = linesOf(plan.stdout)
  expect(lines.at(-1)).toMatchObject({ type: "run.finished", outcome: "failed", exitCode: 1 })
  expect(lines.at(-2)).toMatchObject({ type: "note", error: { code: "STRAY_ERROR", fact: "read to nobody" } })
})
