import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { need } from "../support/need.ts"
import { type Place, place } from "./fettle.ts"

const hasWall = need("bwrap", { install: "apt-get install bubblewrap" })
const PROGRAM = new URL("programs/hostile.ts", import.meta.url)

/** Outside of the project: credentials, a home, a place to write to, and two servers that count who comes. */
let outside: string
let servers: readonly Server[]
let visitors = 0
beforeAll(async () => {
  outside = mkdtempSync(join(tmpdir(), "fettle-outside-"))
  for (const folder of ["home/.ssh", "home/.config/fettle"]) mkdirSync(join(outside, folder), { recursive: true })
  for (const file of ["credentials", "home/.ssh/id_ed25519", "home/.config/fettle/state.key"])
    writeFileSync(join(outside, file), "CANARY")
  servers = [createServer(() => visitors++), createServer(() => visitors++)]
  const [tcp, socket] = servers as [Server, Server]
  await new Promise<void>((done) => tcp.listen(0, "127.0.0.1", done))
  await new Promise<void>((done) => socket.listen(join(outside, "agent"), done))
})
afterAll(() => {
  for (const each of servers) each.close()
  rmSync(outside, { recursive: true, force: true })
})

/** A clone with a pull request in it, as CI has it. */
function clone(kills: boolean): Place {
  const user = place()
  copyFileSync(PROGRAM, user.path("fettle.ts"))
  const { port } = (servers[0] as Server).address() as { readonly port: number }
  const where = { kills, outside, port, socket: join(outside, "agent"), writeTo: join(outside, "dropped") }
  user.write("where.json", JSON.stringify(where))
  mkdirSync(user.path(".git"))
  mkdirSync(user.path(".fettle"))
  user.write(".git/config", "CANARY")
  user.write(".fettle/CANARY", "")
  user.write(".env", "CANARY")
  mkdirSync(user.path(".config/deep"), { recursive: true })
  user.write(".config/deep/.env", "CANARY")
  user.write("team.key", "CANARY")
  symlinkSync(join(outside, "credentials"), user.path("link"))
  return user
}

const env = {
  SHOP_KEY: "CANARY",
  AWS_SECRET_ACCESS_KEY: "CANARY",
  HOME: "/root",
  FETTLE_STATE_KEY_FILE: "team.key", // in the project, as the docs have it
}

test.skipIf(!hasWall)(
  "an untrusted program gets nothing, in each of 25 ways, and its plan is shown all the same",
  async () => {
    const user = clone(true)
    const { code, text } = await user.fettle(["plan", "--untrusted"], { env })
    expect(text).toContain("host.file[stolen]")
    expect(code).toBe(0)
    expect(text).not.toContain("CANARY")
    expect(text).not.toMatch(/wrote|killed/)
    expect(text.match(/: refused: /g)).toHaveLength(24)
    expect(text).toContain("environment: {}".replace("{}", `{"PWD":"${user.folder}"}`))
    expect(visitors).toBe(0)
    expect(text).toContain("It was compared with nothing")
    for (const dropped of [user.path("dropped"), user.path("node_modules/dropped"), join(outside, "dropped")])
      for (const end of ["", ".db"]) expect(existsSync(`${dropped}${end}`)).toBe(false)
  },
)

test("Node alone is a seat belt: no file, no process, no thread, nothing written; the network is open, and that is said", async () => {
  const user = clone(false)
  rmSync(user.path("link")) // Node follows links out of the project
  const { code, text } = await user.fettle(["plan", "--untrusted", "--wall", "node"], { env })
  expect(text).toContain("the network is NOT cut off")
  const open = ["network: CANARY connected", "a socket: CANARY connected"]
  for (const each of open) expect(text).toContain(each)
  expect(open.reduce((rest, each) => rest.replace(each, ""), text)).not.toMatch(/CANARY|wrote/)
  expect(existsSync(join(outside, "dropped.db"))).toBe(false)
  expect([code, text]).toEqual([0, expect.stringContaining("host.file[stolen]")])
})

/** Says on the way out whatever a hostile program may want to be taken for a plan. */
function forged(...lines: readonly string[]): string {
  return `import { writeSync } from "node:fs"
for (const line of [${lines.join(", ")}]) writeSync(3, line + "\\n")
process.exit(0)`
}

const HOSTILE = "a\u001b[2J\u001b[31mb\rc\u202ed\u2066e\u0007<script>f\u009b0mg"
/** What a terminal may obey. */
const controlsIn = (text: string): readonly string[] =>
  ["\u001b", "\r", "\u202e", "\u2066", "\u0007", "\u009b"].filter((each) => text.includes(each))
const planWith = (text: string): string =>
  `JSON.stringify({ plan: { program: "p", stage: "dev", params: {}, total: 1, changes: [{ address: ${text}, type: "resource", kind: "host.file", action: "delete", because: ${text} }] } })`

test.skipIf(!hasWall)("what a hostile program says is no plan, or is shown harmless", async () => {
  const user = place()
  const table: readonly (readonly [program: string, says: string])[] = [
    [forged(planWith('"x"')), "it did not say what it is"],
    [forged("'{'"), "it answered something that is no plan"],
    [forged(`'{"program":"../../etc/passwd"}'`), "NAME_INVALID"],
    [forged(`'{"program":"p"}'`, planWith('"x".repeat(10e6)')), "it answered something that is no plan"],
    [
      forged(`'{"program":"p"}'`, `'{"plan":{"program":"p","stage":"dev","params":{},"total":1,"changes":[{}]}}'`),
      "no plan",
    ],
    ["for (;;);", "it took too long or too much memory"],
    ['const all: string[] = []; for (;;) all.push("x".repeat(1e6) + all.length)', "UNTRUSTED_FAILED"],
    ["process.exit(0)", "UNTRUSTED_FAILED"],
    [`throw new Error(${JSON.stringify(HOSTILE)})`, "PROGRAM_THREW"],
  ]
  for (const [program, says] of table) {
    user.write("fettle.ts", program)
    const { code, text } = await user.fettle(["plan", "--untrusted", "--timeout", "5s"])
    expect([code, text]).toEqual([1, expect.stringContaining(says)])
    expect(controlsIn(text)).toEqual([])
  }
  user.write("fettle.ts", forged(`'{"program":"p"}'`, planWith(JSON.stringify(HOSTILE))))
  for (const words of [[], ["--json"], ["--verbose"]]) {
    const { code, text } = await user.fettle(["plan", "--untrusted", ...words])
    expect([code, text]).toEqual([0, expect.stringContaining("<script>")])
    expect(controlsIn(text)).toEqual([])
  }
})

test.skipIf(!hasWall)("an untrusted plan compares with state, opens no key, and is never carried out", async () => {
  const user = place("notes")
  const secret = { FETTLE_STATE_KEY: Buffer.alloc(32, 5).toString("base64") }
  expect(await user.fettle(["apply", "--yes"], { env: secret })).toMatchObject({ code: 0 })
  user.write("n0.txt", "moved in the world")
  const same = await user.fettle(["plan", "--untrusted", "--check"])
  expect(same).toMatchObject({ code: 0, text: expect.stringContaining("Nothing to change") })
  const other = await user.fettle(["plan", "--untrusted", "--check", "--param", "text=other", "--param", "count=1"])
  expect(other).toMatchObject({ code: 2, text: expect.stringMatching(/~ test.note\[n0\][\s\S]*- test.note\[n1\]/) })
  expect(await user.fettle(["plan", "--untrusted", "--out", "plan.json"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("USAGE"),
  })
  const foreign = await user.fettle(["plan", "--untrusted", "--program", "payroll"])
  expect(foreign).toMatchObject({
    code: 1,
    text: expect.stringContaining("it says that it is the program notes, and not payroll"),
  })
  const unnamed = await user.fettle(["plan", "--untrusted"], { env: { FETTLE_STORE: "postgres://127.0.0.1:1/team" } })
  expect(unnamed).toMatchObject({ code: 1, text: expect.stringContaining("must not see") })
})
