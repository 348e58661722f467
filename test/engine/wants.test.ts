import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { check, command, json, type Program, program, resource, secret, task, text } from "fettle"
import * as host from "fettle/host"
import { expect, test } from "vitest"
import type { PlannedChange } from "../../src/events/plan.ts"
import { planLines } from "../../src/report/plan-lines.ts"
import { planMarkdown } from "../../src/report/plan-markdown.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { thing } from "../support/world.ts"

const TOKEN = "a-token-that-nobody-may-see"
const LOOK = { color: false, columns: 60, verbose: true }

/** What a plan says of what is to be, by address and prop. */
function wantsIn(changes: readonly PlannedChange[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    changes.map(({ address, wants = [] }) => [address, Object.fromEntries(wants.map(({ name, to }) => [name, to]))]),
  )
}

test("a plan says what is made, run and asked: scripts, functions, texts around secrets, and what only apply can know", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder, { env: { TOKEN } })
  const built = program(
    "shop",
    {},
    () => {
      const web = host.local()
      const token = secret.env("TOKEN")
      const script = text`curl -H "Authorization: ${token}" https://far.example/\nrm -r /srv`
      resource(host.file, "script", { path: join(folder, "script"), content: script }, { on: web })
      resource(host.file, "config", { path: join(folder, "config"), content: json({ token }, 0) }, { on: web })
      const made = resource(thing, "made", { folder, name: "made" })
      task("follow", { run: ["sh", "-c", text`echo ${made.serial}`] })
      task("count", { run: async () => `${1 + 1}` })
      check("free", command.succeeds(["df", "/srv"]), { within: "1s" })
    },
    { providers: [thing] },
  )
  const result = await plan(built)
  expect(result.error).toBeUndefined()
  const wants = wantsIn(result.plan?.changes ?? [])
  expect(wants).toMatchObject({
    "host.file[script]": {
      content: JSON.stringify('curl -H "Authorization: [secret TOKEN]" https://far.example/\nrm -r /srv'),
    },
    "host.file[config]": { content: JSON.stringify('{"token":"[secret TOKEN]"}\n') },
    "test.thing[made]": { name: '"made"' },
    "fettle.task[follow]": { run: '["sh","-c","[known during apply]"]' },
    "fettle.task[count]": { run: expect.stringMatching(/^"?async \(\) =>/) },
  })
  expect(JSON.stringify(wants["fettle.check[free]"])).toContain("df")
  expect(JSON.stringify(result.plan)).not.toContain(TOKEN)
})

test("who approves sees the end of a long line, every line of a script, and how another one differs", async () => {
  const folder = testFolder()
  const { plan, apply } = runsIn(folder)
  const far = join(folder, "far")
  const built = (value: string): Program =>
    program("shop", {}, () => void resource(thing, "one", { folder: far, name: "one", value }), { providers: [thing] })
  const long = `echo ${"very ".repeat(2_000)}; rm -r /srv/at-the-end`
  const script = `set -e\n${Array.from({ length: 300 }, (_, at) => `echo ${at}`).join("\n")}\n`
  const first = (await plan(built(long))).plan
  const whole = (shown: typeof first): string => (shown === undefined ? "" : planLines(shown, LOOK).join("\n"))
  expect(whole(first).replaceAll(/\n\s*/g, "")).toContain("rm -r /srv/at-the-end")
  const lines = whole((await plan(built(script))).plan).split("\n")
  expect(lines.filter((line) => /^ +│ echo \d+$/.test(line))).toHaveLength(300)
  await apply(built(script))
  const second = (await plan(built(script.replace("echo 150\n", "echo 150\nrm -r /srv\n")))).plan
  expect(second?.changes[0]?.props?.[0]?.text).toMatch(/^ echo 150\n\+rm -r \/srv\n echo 151$/m)
  expect(whole(second)).toMatch(/^ +\+rm -r \/srv$/m)
})

test("where a text around a secret changes, a plan says what it becomes", async () => {
  const folder = testFolder()
  const { plan, apply } = runsIn(folder, { env: { TOKEN } })
  const built = (mode: string): Program =>
    program("shop", {}, () => {
      const content = text`token = ${secret.env("TOKEN")}\nmode = ${mode}\n`
      resource(host.file, "config", { path: join(folder, "config"), content }, { on: host.local() })
    })
  await apply(built("slow"))
  const [change] = (await plan(built("fast"))).plan?.changes ?? []
  expect(change).toMatchObject({ action: "update", props: [{ name: "content", to: "[secret TOKEN]" }] })
  expect(change?.wants).toEqual([{ name: "content", to: JSON.stringify("token = [secret TOKEN]\nmode = fast\n") }])
})

test("a comment on a pull request holds what is made, folded away and as nothing but text", async () => {
  const folder = testFolder()
  const { plan } = runsIn(folder)
  mkdirSync(join(folder, "far"))
  writeFileSync(join(folder, "far", "note"), "")
  const value = "</details><script>alert(1)</script>"
  const made = (
    await plan(
      program("shop", {}, () => void resource(thing, "one", { folder, name: "one", value }), { providers: [thing] }),
    )
  ).plan
  const comment = made === undefined ? "" : planMarkdown(made, undefined)
  expect(comment).toContain("<details><summary>5 props</summary>")
  expect(comment).toContain("alert&#40;1&#41;")
  expect(comment).not.toContain("<script>")
})
