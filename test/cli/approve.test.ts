import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { need } from "../support/need.ts"
import { onTerminal, type Place, place, TERMINAL } from "./fettle.ts"

const PROGRAM = `
import * as host from "fettle/host"
import { program, resource } from "fettle"
import { greeting } from "greeting"
import { line } from "./line.ts"

export default program("notes", { more: "" }, ({ more }) => {
  const here = host.local()
  resource(host.file, "note", { path: \`\${import.meta.dirname}/note.txt\`, content: greeting + line + more }, { on: here })
}, { stages: { prod: {} }, approvals: { prod: RULE } })
`

/** A user's folder with a program whose stage prod is changed by approved plans only. */
function notes(rule: string): Place {
  const user = place()
  mkdirSync(user.path("node_modules/greeting"))
  user.write("node_modules/greeting/package.json", '{ "name": "greeting", "type": "module", "exports": "./index.js" }')
  user.write("node_modules/greeting/index.js", 'export const greeting = "hello, "\n')
  user.write("line.ts", 'export const line: string = "all\\n"\n')
  user.write("fettle.ts", PROGRAM.replace("RULE", rule))
  return user
}

/** Makes a key and gives its line for a file of signers. */
function keyFor(user: Place, name: string): string {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", user.path(name)])
  const [type, key] = readFileSync(user.path(`${name}.pub`), "utf8").split(" ")
  return `${name}@example.com ${type} ${key}\n`
}

test("a plan is bound to every file that the program loads, its packages too", async () => {
  const user = notes('{ from: "approvers" }')
  const saved = async (): Promise<unknown> =>
    expect(await user.fettle(["plan", "--out", "plan.json"])).toMatchObject({ code: 0 })
  for (const [file, text] of [
    ["line.ts", "// nothing that the plan shows\n"],
    ["node_modules/greeting/index.js", "// nor this\n"],
    ["fettle.ts", "// nor this\n"],
  ] as const) {
    await saved()
    const before = user.read(file)
    user.write(file, before + text)
    const refused = await user.fettle(["apply", "plan.json"])
    expect(refused).toMatchObject({ code: 1, text: expect.stringMatching(/PLAN_STALE[\s\S]*a file of the program/) })
    user.write(file, before)
  }
  expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 0 })
  expect(user.read("note.txt")).toBe("hello, all\n")
})

test("a plan is good for a while, and only under the key that it was made with", async () => {
  const user = notes('{ from: "approvers" }')
  expect(await user.fettle(["plan", "--out", "plan.json", "--expires", "1ms"])).toMatchObject({ code: 0 })
  const late = await user.fettle(["apply", "plan.json"])
  expect(late).toMatchObject({ code: 1, text: expect.stringContaining("PLAN_EXPIRED") })
  const later = user.read("plan.json").replace(/"expiresAtMs": \d+/, `"expiresAtMs": ${Date.now() + 1e9}`)
  user.write("plan.json", later)
  expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ text: expect.stringContaining("PLAN_SEAL") })
  await user.fettle(["plan", "--out", "plan.json"])
  const other = { FETTLE_STATE_KEY: Buffer.alloc(32, 7).toString("base64") }
  const foreign = await user.fettle(["apply", "plan.json"], { env: other })
  expect(foreign).toMatchObject({ code: 1, text: expect.stringContaining("PLAN_SEAL") })
  expect(await user.fettle(["plan", "--expires", "2h"])).toMatchObject({ text: expect.stringContaining("USAGE") })
  expect(user.has("note.txt")).toBe(false)
})

const canSign = need("ssh-keygen", { install: "apt-get install openssh-client" })

test.skipIf(!canSign)(
  "a stage that wants approvals is changed by a plan that enough of the right people approved, and once",
  async () => {
    const user = notes('{ from: "approvers", count: 2 }')
    const [ann, ben] = [keyFor(user, "ann"), keyFor(user, "ben")]
    keyFor(user, "eve")
    const env = { GITHUB_ACTOR: "ben" }
    const cy = keyFor(user, "cy")
    user.write("approvers", ann + ben + cy)
    const approve = (name: string) => user.fettle(["approve", "plan.json", "--yes", "--key", name])
    const refused = async (why: string, words: readonly string[] = ["apply", "plan.json"]): Promise<void> => {
      const ended = await user.fettle(words, { env })
      expect(ended).toMatchObject({ code: 1, text: expect.stringContaining("APPROVAL_MISSING") })
      expect(ended.text).toContain(why)
      expect(user.has("note.txt")).toBe(false)
    }
    await refused("was not saved", ["apply", "--stage", "prod", "--yes"])
    expect(await user.fettle(["plan", "--stage", "prod", "--out", "plan.json"], { env })).toMatchObject({ code: 0 })
    await refused("none counts")
    const shown = await approve("eve")
    expect(shown).toMatchObject({ code: 0, text: expect.stringContaining("host.file[note]") })
    await refused("one is by a key that may not")
    await approve("ann")
    await approve("ann")
    await refused("it has 1, by ann@example.com")
    await approve("ben")
    await refused("for ben made the plan and may not approve it")
    const ofAnother = user.read("plan.json")

    // What was said to one plan counts for no other.
    expect(
      await user.fettle(["plan", "--stage", "prod", "--param", "more=!", "--out", "plan.json"], { env }),
    ).toMatchObject({ code: 0 })
    const { approvals } = JSON.parse(ofAnother) as { approvals: unknown }
    user.write("plan.json", JSON.stringify({ ...JSON.parse(user.read("plan.json")), approvals }))
    await refused("none counts: one is by a key that may not; one was given to another plan")

    user.write("plan.json", ofAnother)
    await approve("cy")
    const approved = user.read("plan.json")
    expect(await user.fettle(["apply", "plan.json"], { env })).toMatchObject({ code: 0 })
    expect(user.read("note.txt")).toBe("hello, all\n")
    const { stdout } = await user.fettle(["audit", "--stage", "prod"])
    const { hash } = JSON.parse(approved) as { hash: string }
    expect(stdout).toMatch(new RegExp(`plan ${hash.slice(0, 12)} accepted \\(saved plan\\): .* made by \\S+ for ben; `))
    expect(stdout).toMatch(/approved by ann@example\.com at 20\S+Z; approved by cy@example\.com at 20\S+Z/)
    expect(stdout).not.toMatch(/eve|approved by ben/)
    user.write("note.txt", "moved")
    user.write("plan.json", approved)
    expect(await user.fettle(["apply", "plan.json"], { env })).toMatchObject({
      code: 1,
      text: expect.stringContaining("PLAN_STALE"),
    })
    expect(await user.fettle(["destroy", "--stage", "prod", "--yes"])).toMatchObject({
      code: 1,
      text: expect.stringContaining("APPROVAL_MISSING"),
    })
    expect(user.read("note.txt")).toBe("moved")
  },
)

test.skipIf(!canSign || !need(TERMINAL, { install: "apt-get install bsdutils" }))(
  "the program of docs/saved-plans.md: an approver is shown the whole plan and asked",
  async () => {
    const user = place()
    const page = readFileSync(new URL("../../docs/saved-plans.md", import.meta.url), "utf8")
    user.write("fettle.ts", /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
    user.write("approvers", keyFor(user, "ann"))
    expect(await user.fettle(["plan", "--stage", "prod", "--out", "plan.json"])).toMatchObject({ code: 0 })
    expect(await user.fettle(["approve", "plan.json", "--key", "ann"])).toMatchObject({
      code: 1,
      text: expect.stringContaining("CONSENT_MISSING"),
    })
    expect(await user.fettle(["approve", "plan.json", "--yes"])).toMatchObject({
      text: expect.stringContaining("USAGE"),
    })
    const asked = onTerminal(user, ["approve", "plan.json", "--key", "ann"])
    await asked.saw("Approve this change of shop (prod), planned by ")
    asked.type("y\n")
    expect(await asked.ended).toMatchObject({ code: 0 })
    expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 0 })
    expect(user.read("motd")).toBe("Welcome\n")
    expect(await user.fettle(["apply", "--stage", "prod", "--yes"])).toMatchObject({ code: 0 }) // nothing to change
  },
)
