import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { canStartPostgres, PostgresWorld } from "../live/postgres-world.ts"
import { testFolder } from "../support/runs.ts"
import { type Place, place } from "./fettle.ts"

const PAGE = fileURLToPath(new URL("../../docs/shared-state.md", import.meta.url))
const KEY = Buffer.alloc(32, 3).toString("base64")
const hasPostgres = canStartPostgres()

let postgres: PostgresWorld
beforeAll(async () => {
  if (hasPostgres) postgres = await PostgresWorld.start()
})
afterAll(() => postgres?.stop())

interface Laptop extends Place {
  readonly env: Readonly<Record<string, string>>
  run(...args: readonly string[]): ReturnType<Place["fettle"]>
}

/** Somebody with a clone of the program of the docs, the address and the key. Each has a database of its own test. */
function laptop(database: string, more: Readonly<Record<string, string>> = {}): Laptop {
  const at = place()
  at.link("pg")
  at.write("fettle.ts", /^```ts\n(.*?)^```$/ms.exec(readFileSync(PAGE, "utf8"))?.[1] ?? "")
  const store = postgres.url({ database, password: "", query: "?lease=4s" }).replace(":@", "@")
  const env = { FETTLE_STORE: store, FETTLE_STATE_KEY: KEY, PGPASSWORD: postgres.password, ...more }
  return { ...at, env, run: (...args) => at.fettle(args, { env }) }
}

async function databaseOf(name: string): Promise<string> {
  await postgres.admin(`create database ${name} owner app`, "postgres")
  return name
}

describe.skipIf(!hasPostgres)("a team with one store", () => {
  test("two laptops and a CI: what one made the others know; who has no key gets no further", async () => {
    const database = await databaseOf("team")
    const folder = testFolder()
    const [ann, bob] = [laptop(database), laptop(database)]
    const param = ["--stage", "prod", "--param", `folder=${folder}/board`]
    expect(await ann.run("apply", "--yes", ...param)).toMatchObject({ code: 0 })
    expect(readFileSync(join(folder, "board/page.txt"), "utf8")).toBe("Open until six.\n")
    expect(await bob.run("plan", "--check", ...param)).toMatchObject({ code: 0 })
    expect(await bob.run("state", "list", "--stage", "prod")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("host.file[page]"),
    })
    expect((await bob.run("runs", "--stage", "prod")).stdout).toMatch(/apply +done/)
    expect(await bob.run("doctor", "--stage", "prod")).toMatchObject({
      stdout: expect.stringMatching(/state +\d recorded in postgres:\/\/127/),
    })
    expect(await bob.run("state", "mv", "host.file[page]", "host.file[sheet]", "--stage", "prod")).toMatchObject({
      code: 0,
    })
    expect((await ann.run("plan", ...param)).stdout).toContain("sheet")
    const audit = await ann.run("audit", "--stage", "prod")
    expect(audit.stdout).toMatch(
      /apply begun[\s\S]*accepted \(--yes\): 2 create[\s\S]*state mv host\.file\[page\] host\.file\[sheet\]/,
    )
    expect(audit).toMatchObject({ code: 0, stdout: expect.stringContaining("as Fettle wrote them, in postgres://127") })
    for (const [key, code] of [
      ["", "STATE_KEY_MISSING"],
      [Buffer.alloc(32, 4).toString("base64"), "STATE_KEY_WRONG"],
    ] as const) {
      const ci = laptop(database, { FETTLE_STATE_KEY: key })
      const refused = await ci.run("apply", "--yes", ...param)
      expect(refused).toMatchObject({ code: 1, text: expect.stringContaining(code) })
      expect(refused.text).toContain("FETTLE_STATE_KEY_FILE")
      expect(ci.has("home/.config/fettle/state.key"), "no key is made").toBe(false)
    }
    expect(existsSync(ann.path(".fettle/notice.prod.db"))).toBe(false)
    const forge = (from: string, to: string): Promise<unknown> =>
      postgres.admin(
        `update fettle_entry set body = replace(body, '${from}', '${to}') where place like '%/audit'`,
        database,
      )
    await forge("state mv", "state mw")
    expect(await ann.run("audit", "--stage", "prod")).toMatchObject({
      code: 1,
      text: expect.stringMatching(/AUDIT_ALTERED[\s\S]*entry \d+ is not as Fettle wrote it/),
    })
    await forge("state mw", "state mv")
    expect(await bob.run("audit", "--stage", "prod")).toMatchObject({ code: 0 })
    await postgres.admin(
      "update fettle_entry set body = replace(body, 'host.file', 'host.filf') where body like '%host.file%'",
      database,
    )
    expect(await bob.run("plan", ...param)).toMatchObject({ code: 1, text: expect.stringContaining("STATE_ALTERED") })
  })

  test("a password is told nowhere, and is in no command of another process", async () => {
    const database = await databaseOf("hidden")
    const user = laptop(database, { FETTLE_STORE: "", PGPASSWORD: "" })
    const folder = testFolder()
    const wait = `import { program, task } from "fettle"
      export default program("waits", {}, () => {
        task("wait", { run: ["sh", "-c", "touch waiting; echo $PGPASSWORD $FETTLE_STORE; while [ ! -e go ]; do sleep 0.1; done"] })
      })`
    user.write("fettle.ts", wait)
    onTestFinished(() => user.write("go", ""))
    const store = ["--store", postgres.url({ database })]
    const detached = await user.run("apply", "--yes", "--detach", ...store)
    expect(detached.code, detached.text).toBe(0)
    const shown = [postgres.password, encodeURIComponent(postgres.password)]
    const pid = /process (\d+)/.exec(detached.text)?.[1] as string
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8")
    await vi.waitUntil(() => user.has("waiting"), { timeout: 15_000, interval: 20 })
    const locked = await user.run("apply", "--yes", ...store)
    expect(locked).toMatchObject({ code: 1, text: expect.stringContaining("STATE_LOCKED") })
    user.write("go", "")
    const followed = await user.run("logs", "last", "--follow", "--json", ...store)
    const wrong = await user.run(
      "plan",
      "--verbose",
      "--store",
      postgres.url({ database, password: "another-password" }),
    )
    expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining("PGPASSWORD") })
    const files = readdirSync(user.path(".fettle"), { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), "latin1"))
    const told = [detached.text, words, locked.text, followed.text, wrong.text, ...files]
    for (const text of told) for (const password of [...shown, "another-password"]) expect(text).not.toContain(password)
    expect(followed.code, folder).toBe(0)
  })

  test("who was stopped for longer than its lease is overtaken, and begins nothing when it comes back", async () => {
    const database = await databaseOf("stopped")
    const folder = testFolder()
    const program = (command: string): string => `import { program, resource, task } from "fettle"
      import * as host from "fettle/host"
      export default program("stops", {}, () => {
        const here = host.local()
        const first = task("first", { run: ["sh", "-c", ${JSON.stringify(command)}], values: { command: 1 } })
        resource(host.file, "last", { path: ${JSON.stringify(`${folder}/last`)}, content: "made\\n" }, { on: here, after: [first] })
      })`
    const [ann, bob] = [laptop(database), laptop(database)]
    for (const each of [ann, bob])
      each.write("fettle.ts", program(`touch ${folder}/begun; while [ ! -e ${folder}/go ]; do sleep 0.1; done`))
    const stopped = ann.start(["apply", "--yes"], { env: ann.env })
    onTestFinished(() => void stopped.child.kill("SIGKILL"))
    await vi.waitUntil(() => existsSync(join(folder, "begun")), { timeout: 15_000, interval: 20 })
    expect(await bob.run("plan")).toMatchObject({ code: 0 })
    stopped.child.kill("SIGSTOP")
    bob.write("fettle.ts", program("true"))
    await vi.waitUntil(async () => (await bob.run("state", "mv", "a", "b")).text.includes("STATE_NOT_FOUND"), {
      timeout: 30_000,
    })
    const links = "select string_agg(link, ',' order by serial) from fettle_entry where place not like '%/audit'"
    const before = await postgres.admin(links, database)
    stopped.child.kill("SIGCONT")
    bob.write("go", "")
    const ended = await stopped.ended
    expect(ended, ended.text).toMatchObject({ code: 1, text: expect.stringContaining("STATE_LOCK_LOST") })
    expect(existsSync(join(folder, "last"))).toBe(false)
    expect(await postgres.admin(links, database)).toBe(before)
    expect((await bob.run("audit")).stdout).toMatch(/took over the lock of [\s\S]*apply ended: failed.*STATE_LOCK_LOST/)
  })

  test("stop says what it cannot do for a run of another machine", async () => {
    const database = await databaseOf("elsewhere")
    const user = laptop(database)
    const param = ["--param", `folder=${testFolder()}/board`]
    expect(await user.run("apply", "--yes", ...param)).toMatchObject({ code: 0 })
    user.write(
      "fettle.ts",
      `import { program, task } from "fettle"
      export default program("notice", {}, () => void task("wait", { run: ["sh", "-c", "touch waiting; while [ ! -e go ]; do sleep 0.1; done"] }))`,
    )
    const running = user.start(["apply", "--yes"], { env: user.env })
    onTestFinished(() => user.write("go", ""))
    await vi.waitUntil(() => user.has("waiting"), { timeout: 15_000, interval: 20 })
    expect(await laptop(database).run("stop"), "from another folder").toMatchObject({
      code: 1,
      text: expect.stringContaining("not begun in this folder"),
    })
    const stopping = user.start(["stop"], { env: user.env })
    await stopping.saw("Stopping fettle apply")
    user.write("go", "")
    expect(await stopping.ended).toMatchObject({ code: 0 })
    await running.ended
    const holder = { who: "eve", host: "laptop-7", pid: 1, command: "apply", nonce: "n", machine: "another" }
    await postgres.admin(
      `update fettle_state set holder = '${JSON.stringify(holder)}', renewed = now() + interval '1 second', lease_ms = 60000, since = now()`,
      database,
    )
    const stop = await user.run("stop")
    expect(stop).toMatchObject({ code: 1, text: expect.stringContaining("laptop-7") })
    expect(stop.text).toMatch(/cannot be stopped from here.*its lock frees itself/s)
    const second = await user.run("apply", "--yes")
    expect(second.text).toMatch(/eve on laptop-7 \(pid 1, fettle apply, since 20.*holds the lock/)
  })

  test("from a file into the store, and to another key, by the command line", async () => {
    const database = await databaseOf("moving")
    const key = { FETTLE_STATE_KEY: "" }
    const user = laptop(database, { ...key, FETTLE_STORE: "" })
    const store = laptop(database).env.FETTLE_STORE as string
    const param = ["--param", `folder=${testFolder()}/board`]
    expect(await user.run("apply", "--yes", ...param)).toMatchObject({ code: 0 })
    const moved = await user.run("state", "migrate", "--to", store)
    expect(moved, moved.text).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Moved 2 rows.*read them there again/),
    })
    expect(await user.run("plan", ...param)).toMatchObject({ code: 1, text: expect.stringContaining("STATE_MOVED") })
    expect(await user.run("plan", "--check", "--store", store, ...param)).toMatchObject({ code: 0 })
    const rotated = await user.run("state", "rotate-key", "--to", "team.key", "--store", store)
    expect(rotated, rotated.text).toMatchObject({ code: 0, stdout: expect.stringContaining("FETTLE_STATE_KEY_FILE=") })
    expect(await user.run("plan", "--store", store, ...param)).toMatchObject({
      code: 1,
      text: expect.stringContaining("STATE_KEY_WRONG"),
    })
    const bob = laptop(database, { ...key, FETTLE_STATE_KEY_FILE: user.path("team.key") })
    expect(await bob.run("plan", "--check", ...param)).toMatchObject({ code: 0 })

    const lost = laptop(database, { ...key, FETTLE_STATE_KEY: Buffer.alloc(32, 5).toString("base64") })
    const left = await lost.run("state", "export", "--without-key")
    expect(left.code, left.text).toBe(0)
    lost.write("left.json", left.stdout)
    const anew = ["--store", laptop(await databaseOf("anew")).env.FETTLE_STORE as string]
    expect(await lost.run("state", "import", "left.json", ...anew)).toMatchObject({ code: 0 })
    expect(await lost.run("plan", "--check", ...anew, ...param)).toMatchObject({ code: 0 })
  })
})
