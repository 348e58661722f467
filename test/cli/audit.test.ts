import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { text } from "node:stream/consumers"
import { expect, onTestFinished, test, vi } from "vitest"
import { linesOf, type Place, place } from "./fettle.ts"

const PAGE = new URL("../../docs/audit.md", import.meta.url)

const PROGRAM = `
import { check, command, program, resource, secret, task, text } from "fettle"
import * as host from "fettle/host"
export default program("shop", { motd: "Welcome", slow: "0" }, ({ motd, slow }) => {
  const content = text\`\${motd} \${secret.env("PEPPER")}\`
  const greeting = resource(host.file, "motd", { path: \`\${import.meta.dirname}/motd\`, content }, { on: host.local() })
  task("slow", { run: ["sleep", slow] }, { after: [greeting] })
}, { audit: SINKS })
`

/** A user's folder with a program and its sinks. */
function shop(sinks: string): Place & { run(...args: readonly string[]): ReturnType<Place["fettle"]> } {
  const user = place()
  user.write("fettle.ts", PROGRAM.replace("SINKS", sinks))
  return { ...user, run: (...args) => user.fettle(args, { env: ENV }) }
}

const ENV = { PEPPER: "a pepper of the shop", AUDIT_KEY: "the key of the audit" }

interface Line {
  readonly serial: number
  readonly run: string
  readonly who: string
  readonly ci?: Record<string, string>
  readonly fact: { readonly type: string; readonly [key: string]: unknown }
}

async function audited(user: { run(...args: string[]): ReturnType<Place["fettle"]> }, ...args: string[]) {
  const { code, stdout, text: all } = await user.run("audit", "--json", ...args)
  expect(code, all).toBe(0)
  return stdout.trim() === "" ? [] : (linesOf(stdout) as unknown as readonly Line[])
}

/** A webhook of a test's own; it says what `answers` says, and keeps what it took. */
async function webhook(answers: () => number | "hang") {
  const taken: Line[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const status = answers()
    if (status === "hang") return
    if (status < 300) taken.push(...(JSON.parse(body).entries as Line[]))
    response.writeHead(status).end()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, taken }
}

test("the program of docs/audit.md: who did what stands in the audit and in its sink, and both prove each other", async () => {
  const user = place()
  user.write("fettle.ts", /^```ts\n(.*?)^```$/ms.exec(readFileSync(PAGE, "utf8"))?.[1] ?? "")
  const run = (...args: string[]) => user.fettle(args)
  expect(await run("audit")).toMatchObject({ code: 0, stdout: "Nothing is recorded of shop (dev) yet.\n" })
  expect([user.has(".fettle"), user.has("home/.config/fettle/state.key")], "to look makes nothing").toEqual([
    false,
    false,
  ])
  expect(await run("apply", "--yes")).toMatchObject({ code: 0 })
  expect(await run("plan", "--check")).toMatchObject({ code: 0 })
  expect(await run("verify")).toMatchObject({ code: 0 })
  const shown = await run("audit")
  expect(shown).toMatchObject({ code: 0, stderr: "" })
  expect(shown.stdout).toMatch(/apply begun; program [0-9a-f]{12}/)
  const lost = await user.fettle(["audit"], { env: { FETTLE_STATE_KEY_FILE: user.path("nowhere.key") } })
  expect(lost).toMatchObject({ code: 1, text: expect.stringContaining("STATE_KEY_MISSING") })
  expect(user.has("nowhere.key")).toBe(false)
  expect(shown.stdout).toMatch(/local is host:\S+/)
  expect(shown.stdout).toMatch(/plan [0-9a-f]{12} accepted \(--yes\): 1 create/)
  expect(shown.stdout).toMatch(/apply ended: done, exit code 0/)
  expect(shown.stdout).toMatch(/All 4 entries are as Fettle wrote them/)
  expect(statSync(user.path("audit.jsonl")).mode & 0o777).toBe(0o600)
  expect((await run("audit", "--json")).stdout).toBe(user.read("audit.jsonl"))
  expect(await run("audit", "--against", "audit.jsonl")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("All 4 entries"),
  })
  // Who holds file and key writes another record that proves itself; the sink's copy tells.
  expect(await run("audit", "--anew", "--yes")).toMatchObject({ code: 0 })
  expect(await run("apply", "--yes")).toMatchObject({ code: 0 })
  expect(await run("audit")).toMatchObject({ code: 0 })
  const other = await run("audit", "--against", "audit.jsonl")
  expect(other).toMatchObject({ code: 1, text: expect.stringMatching(/AUDIT_ALTERED[\s\S]*entries 1, 2, 3/) })
})

test("every way to override a refusal is recorded before it is done, with who, and secrets by name alone", async () => {
  const user = shop("[]")
  expect(await user.run("apply", "--yes")).toMatchObject({ code: 0 })
  await user.run("apply", "--yes", "--expect-absent", "3", "--expect-deletes", "12", "--expect-target", "local")
  await user.run("apply", "--yes", "--replace", "host.file[motd]")
  await user.run("apply", "--yes", "--refresh-only")
  await user.run("run", "slow", "--force", "--yes")
  await user.run("state", "forget", "host.file[motd]")
  await user.run("adopt", "host.file[motd]", "--yes")
  await user.run("settle", "host.file[motd]", "--not-made")
  await user.run("settle", "host.file[motd]", "--made", "x")
  await user.run("release", "promote", "web", "--yes")
  await user.run("output", "--reveal")
  expect(await user.run("exec", "--", "echo", "hello")).toMatchObject({ code: 0 })
  expect(await user.run("state", "rotate-key", "--to", "next.key")).toMatchObject({ code: 0 })
  const next = (...args: string[]) =>
    user.fettle(args, { env: { ...ENV, FETTLE_STATE_KEY_FILE: user.path("next.key") } })
  expect(await next("destroy", "--yes")).toMatchObject({ code: 0 })
  expect((await user.run("audit")).text).toContain("STATE_KEY_WRONG")
  const lines = await audited({ run: next })
  const forced = lines.flatMap(({ fact }) => (fact.forced as string[] | undefined) ?? [])
  expect(forced).toEqual([
    "--expect-absent 3",
    "--expect-deletes 12",
    "--expect-target local",
    "--replace host.file[motd]",
    "--refresh-only",
    expect.stringMatching(/^--force .*slow/),
    "state forget",
    "adopt host.file[motd]",
    "--not-made",
    "--made x",
    "--reveal",
    "destroy",
  ])
  const types = new Set(lines.map(({ fact }) => fact.type))
  expect(types).toContain("exec.started")
  expect(types).toContain("key.changed")
  expect(lines.filter(({ fact }) => fact.type === "secrets.opened").map(({ fact }) => fact.names)).toContainEqual([
    "PEPPER",
  ])
  for (const name of readdirSync(user.path(".fettle"), { recursive: true, withFileTypes: true }))
    if (name.isFile()) expect(readFileSync(`${name.parentPath}/${name.name}`, "latin1")).not.toContain(ENV.PEPPER)
  const begun = lines.filter(({ fact }) => fact.type === "run.started").map(({ run }) => run)
  const ended = lines.filter(({ fact }) => fact.type === "run.ended").map(({ run }) => run)
  expect(ended).toEqual(begun)
})

test("what CI says of itself is recorded as its claim, with text that would be a line of its own in it; and it is asked for by person and run", async () => {
  const user = shop("[]")
  const evil = "eve\r\n9  2026-01-01T00:00:00Z  root@prod  \u001b[2J\u202e"
  const ci = { GITHUB_ACTIONS: "true", GITHUB_ACTOR: evil, GITHUB_REPOSITORY: "shop/web", GITHUB_SHA: "f00d" }
  expect(await user.fettle(["apply", "--yes"], { env: { ...ENV, ...ci } })).toMatchObject({ code: 0 })
  expect(await user.run("apply", "--yes", "--param", "motd=Hi")).toMatchObject({ code: 0 })
  const all = await audited(user)
  expect(all[0]?.ci).toEqual({ name: "github", actor: evil, repository: "shop/web", commit: "f00d" })
  const shown = await user.run("audit")
  expect(shown.stdout).toMatch(/^[\x20-\x7e\n]*$/)
  expect(shown.stdout.split("\n").filter((line) => /^9 /.test(line))).toHaveLength(1)
  expect(all.find(({ fact }) => fact.asked !== undefined)?.fact.asked).toEqual(["--param motd=Hi"])
  const eves = await audited(user, "--by", "eve")
  expect(eves.map(({ serial }) => serial)).toEqual(all.filter((each) => each.ci).map(({ serial }) => serial))
  const run = all.at(-1)?.run as string
  expect((await audited(user, "--run", run.slice(0, 8))).every((each) => each.run === run)).toBe(true)
  expect(await audited(user, "--since", "1h")).toEqual(all)
  expect(await audited(user, "--since", "2100-01-01")).toEqual([])
  expect(await user.run("audit", "--since", "soon")).toMatchObject({ code: 1, text: expect.stringContaining("USAGE") })
})

test("a required sink that is down: nothing is changed, and the next run gives it all that it lacks, in order", async () => {
  let status = 200
  const far = await webhook(() => status)
  const user = shop(`[{ webhook: "${far.url}", key: secret.env("AUDIT_KEY"), required: true }]`)
  status = 404
  const refused = await user.run("apply", "--yes")
  expect(refused).toMatchObject({ code: 1, text: expect.stringMatching(/AUDIT_SINK[\s\S]*status 404/) })
  expect(user.has("motd")).toBe(false)
  for (const args of [
    ["exec", "--", "touch", user.path("touched")],
    ["state", "forget", "x"],
    ["destroy", "--yes"],
  ])
    expect(await user.run(...args)).toMatchObject({ code: 1, text: expect.stringContaining("AUDIT_SINK") })
  expect(user.has("touched")).toBe(false)
  status = 200
  expect(await user.run("apply", "--yes")).toMatchObject({ code: 0 })
  const all = await audited(user)
  expect(far.taken.map(({ serial }) => serial)).toEqual(all.map(({ serial }) => serial))
  expect(far.taken.map(({ fact }) => fact.type)).toEqual(all.map(({ fact }) => fact.type))
})

test("killed between an entry and its sink: the lock is taken over, that is recorded, and the sink gets everything", {
  timeout: 120_000,
}, async () => {
  let answer: number | "hang" = "hang"
  const far = await webhook(() => answer)
  const user = shop(`[{ webhook: "${far.url}", key: secret.env("AUDIT_KEY") }]`)
  const killed = user.start(["apply", "--yes", "--param", "slow=60"], { env: ENV })
  await killed.saw("created")
  killed.child.kill("SIGKILL")
  await killed.ended
  answer = 200
  expect(await user.run("apply", "--yes", "--param", "slow=0")).toMatchObject({ code: 0 })
  const all = await audited(user)
  expect(all.find(({ fact }) => fact.type === "lock.overtaken")?.fact.from).toMatchObject({ command: "apply" })
  expect(far.taken.map(({ serial }) => serial)).toEqual(all.map(({ serial }) => serial))
  expect((await user.run("audit")).stdout).toMatch(/! entry 1: apply of \S+ has not ended, or was killed/)

  // Killed while it sends: what was said stands in the record, and comes with the next.
  answer = "hang"
  const sending = user.start(["apply", "--yes", "--param", "motd=Hi"], { env: ENV })
  await sending.saw("Done").catch(() => {})
  await vi.waitUntil(
    async () => (await audited(user)).some(({ serial, fact }) => serial > all.length && fact.type === "run.ended"),
    { timeout: 30_000 },
  )
  sending.child.kill("SIGKILL")
  await sending.ended
  answer = 200
  expect(await user.run("audit", "--send")).toMatchObject({ code: 0 })
  const later = await audited(user)
  expect(far.taken.map(({ serial }) => serial)).toEqual(later.map(({ serial }) => serial))
})

test("killed before it heard that a sink has it: it comes again, in order, and none is lost", async () => {
  let killed: ReturnType<Place["start"]> | undefined
  const far = await webhook(() => {
    killed?.child.kill("SIGKILL")
    return 200
  })
  const user = shop(`[{ webhook: "${far.url}", key: secret.env("AUDIT_KEY") }]`)
  killed = user.start(["apply", "--yes"], { env: ENV })
  expect((await killed.ended).signal).toBe("SIGKILL")
  killed = undefined
  const first = far.taken.length
  expect(first).toBeGreaterThan(3)
  expect(await user.run("audit", "--send")).toMatchObject({ code: 0 })
  const all = (await audited(user)).map(({ serial }) => serial)
  const taken = far.taken.map(({ serial }) => serial)
  expect([taken.slice(0, first), taken.slice(first)]).toEqual([all.slice(0, first), all])
})

test("an audit that was edited, cut or removed: nothing is applied, and it says which entry and what to do", async () => {
  const user = shop(`[{ file: "copy.jsonl" }]`)
  expect(await user.run("apply", "--yes")).toMatchObject({ code: 0 })
  const inside = (sql: string): void => {
    const database = new DatabaseSync(user.path(".fettle/shop.dev.audit"))
    database.exec(sql)
    database.close()
  }
  inside("update entry set body = replace(body, '--yes', 'typed') where body like '%--yes%'")
  const shown = await user.run("audit")
  expect(shown).toMatchObject({
    code: 1,
    text: expect.stringMatching(/AUDIT_ALTERED[\s\S]*entry 4 is not as Fettle wrote it/),
  })
  expect(shown.text).toContain("--against")
  const compared = await user.run("audit", "--against", "copy.jsonl")
  expect(compared).toMatchObject({ code: 1, text: expect.stringContaining("entry 4 is other than in the copy") })
  inside("update entry set body = replace(body, 'typed', '--yes')")
  expect(await user.run("audit")).toMatchObject({ code: 0 })
  inside("delete from entry where serial = (select max(serial) from entry)")
  const cut = await user.run("apply", "--yes", "--param", "motd=Hi")
  expect(cut).toMatchObject({ code: 1, text: expect.stringMatching(/AUDIT_ALTERED[\s\S]*entry \d+ is missing/) })
  execFileSync("rm", [user.path(".fettle/shop.dev.audit")])
  const gone = await user.run("apply", "--yes", "--param", "motd=Hi")
  expect(gone).toMatchObject({ code: 1, text: expect.stringMatching(/AUDIT_ROLLED_BACK[\s\S]*rm \S+seen/) })
  expect(user.read("motd")).toMatch(/^Welcome/)
  expect(await user.run("audit", "--anew")).toMatchObject({ code: 1, text: expect.stringContaining("CONSENT_MISSING") })
  expect(await user.run("audit", "--anew", "--yes")).toMatchObject({ code: 0 })
  expect(await user.run("apply", "--yes", "--param", "motd=Hi")).toMatchObject({ code: 0 })
  expect((await audited(user))[0]?.fact).toMatchObject({
    type: "record.begun.anew",
    because: expect.stringContaining("AUDIT_ROLLED_BACK"),
  })
})

test("a folder that takes no entry lets nothing be done", async () => {
  if (process.getuid?.() === 0) {
    const user = shop("[]")
    mkdirSync(user.path(".fettle/shop.dev.audit"), { recursive: true }) // root may write wherever it likes
    expect(await user.run("apply", "--yes")).toMatchObject({ code: 1, text: expect.stringContaining("STATE_CORRUPT") })
    expect(user.has("motd")).toBe(false)
    return
  }
  const user = shop("[]")
  mkdirSync(user.path(".fettle"))
  chmodSync(user.path(".fettle"), 0o500)
  expect(await user.run("apply", "--yes")).toMatchObject({ code: 1, text: expect.stringContaining("STATE_WRITE") })
  expect(user.has("motd")).toBe(false)
})

test("many at once without a lock: every command has its start and its end, in one chain", {
  timeout: 120_000,
}, async () => {
  const user = shop("[]")
  const ends = await Promise.all(Array.from({ length: 6 }, (_, at) => user.run("exec", "--", "echo", `n${at}`)))
  expect(ends.map(({ code, text: all }) => (code === 0 ? 0 : all))).toEqual([0, 0, 0, 0, 0, 0])
  const lines = await audited(user)
  const runs = Map.groupBy(lines, ({ run }) => run)
  expect([...runs.values()].map((some) => some.map(({ fact }) => fact.type))).toEqual(
    Array.from({ length: 6 }, () => ["run.started", "exec.started", "run.ended"]),
  )
})
