import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, mkdir, readFile, utimes, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import { expect, test } from "vitest"
import { command, file, tcp } from "../../src/program/probes.ts"
import { sql } from "../../src/program/sql-probes.ts"
import { processes } from "../../src/program/usage-probes.ts"
import { freePort } from "../support/free-port.ts"
import { ask, atEnd, listen, newFolder, openedSecret } from "./verify-support.ts"

const onLinux = process.platform === "linux"

test("tcp: accepts, refuses, says its banner, says another, says nothing, answers what was sent", async () => {
  const host = "127.0.0.1"
  const port = await listen(createServer((socket) => socket.on("error", () => {}).write("SSH-2.0-")))
  expect(await ask(tcp.connect({ host, port, maxLatencyMs: 5_000 }))).toMatchObject({
    verdict: "yes",
    measured: { latencyMs: expect.any(Number) },
  })
  expect(await ask(tcp.connect({ host, port: await freePort() }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("refused"),
  })
  expect(await ask(tcp.connect({ host, port, banner: /^SSH-2/ }))).toMatchObject({ verdict: "yes" })
  const other = await ask(tcp.connect({ host, port, banner: /^220 /, timeoutMs: 150 }))
  expect(other).toMatchObject({
    verdict: "no",
    evidence: 'no answer within 150 ms (banner is "SSH-2.0-", expected to match /^220 /)',
  })
  const silent = await listen(createServer((socket) => socket.end()))
  expect(await ask(tcp.connect({ host, port: silent, banner: { contains: "x" } }))).toMatchObject({
    verdict: "no",
    evidence: "it closed the connection and said nothing",
  })
  const echo = await listen(createServer((socket) => socket.on("error", () => {}).pipe(socket)))
  expect(await ask(tcp.connect({ host, port: echo, send: "PING\r\n", banner: "PING\r\n" }))).toMatchObject({
    verdict: "yes",
  })
})

test("tcp: a server that says too much is cut off", async () => {
  const port = await listen(
    createServer((socket) => {
      socket.on("error", () => {})
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, "x"))) {}
      }
      socket.on("drain", more)
      more()
    }),
  )
  expect(await ask(tcp.connect({ host: "127.0.0.1", port, banner: { contains: "y" } }))).toMatchObject({
    verdict: "no",
  })
})

test("command: told by program and script alone, measured whole; no half of a secret is left of a path", async () => {
  const folder = await newFolder()
  await writeFile(join(folder, "asks.mjs"), "")
  const words = [process.execPath, "--no-warnings", join(folder, "asks.mjs"), "--min", "90"]
  const asked = await ask(command.succeeds(words))
  expect(asked.evidence).toMatch(/^node asks\.mjs ended with 0 in \d+ ms$/)
  expect(asked.measured).toMatchObject({ command: words.join(" ") })
  await mkdir(join(folder, "secret-folder"))
  const path = openedSecret("path", join(folder, "secret-folder", "hidden.mjs"))
  await writeFile(join(folder, "secret-folder", "hidden.mjs"), "")
  expect(await ask(command.succeeds([process.execPath, path]))).toMatchObject({
    evidence: expect.stringMatching(/^node ended with 0 in \d+ ms$/),
    measured: { command: `${process.execPath} [secret path]` },
  })
})

test("command: well, badly, not there, too long, with secrets and output", async () => {
  expect(await ask(command.succeeds(["true"]))).toMatchObject({ verdict: "yes", measured: { exitCode: 0 } })
  expect(await ask(command.succeeds(["sh", "-c", "echo 'disk full' >&2; exit 2"]))).toMatchObject({
    verdict: "no",
    evidence: 'exit code is 2, expected 0; it said "disk full"',
  })
  expect(await ask(command.succeeds(["sh", "-c", "exit 2"], { exitCode: { min: 1 } }))).toMatchObject({
    verdict: "yes",
  })
  expect(await ask(command.succeeds(["no-such-command-here"]))).toMatchObject({
    verdict: "inconclusive",
    evidence: "no-such-command-here could not be started: spawn no-such-command-here ENOENT",
  })
  expect(await ask(command.succeeds(["sleep", "30"], {}, { timeoutMs: 200 }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("within 200 ms"),
  })
  expect(
    await ask(command.succeeds(["sh", "-c", "echo v24.1; cat >&2"], { stdout: /^v24/, stderr: "in" }, { input: "in" })),
  ).toMatchObject({ verdict: "yes" })
  const key = openedSecret("KEY", "the-secret-value")
  const told = await ask(command.succeeds(["sh", "-c", 'echo "$KEY"'], { stdout: "other" }, { env: { KEY: key } }))
  expect(told.evidence).toBe('stdout is "[secret KEY]", expected "other"; it said "[secret KEY]"')
})

test("file: there, not there, content, JSON, mode, age, size, and things that are no files", async () => {
  const folder = await newFolder()
  const path = join(folder, "summary.json")
  await writeFile(path, '{"total":{"lines":{"pct":87.5}}}')
  await chmod(path, 0o640)
  expect(await ask(file.exists(path, { mode: "640", maxAge: "1h", sizeBytes: { min: 1 } }))).toMatchObject({
    verdict: "yes",
    measured: { mode: "0640" },
  })
  expect(await ask(file.exists("summary.json"), { cwd: folder })).toMatchObject({ verdict: "yes" })
  expect(await ask(file.exists(path, { json: { "total.lines.pct": { min: 80 } } }))).toMatchObject({ verdict: "yes" })
  expect(await ask(file.exists(path, { json: { "total.lines.pct": { min: 90 } } }))).toMatchObject({
    verdict: "no",
    evidence: `${path}: total.lines.pct is 87.5, expected at least 90`,
  })
  expect(await ask(file.contains(path, /"pct":\d/))).toMatchObject({ verdict: "yes" })
  expect(await ask(file.contains(path, "absent"))).toMatchObject({ verdict: "no" })
  expect(await ask(file.exists(path, { mode: "0600" }))).toMatchObject({
    verdict: "no",
    evidence: `${path}: mode is 0640, expected 0600`,
  })
  expect(await ask(file.exists(join(folder, "gone")))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("is not there"),
  })
  const old = new Date(Date.now() - 7_200_000)
  await utimes(path, old, old)
  expect(await ask(file.exists(path, { maxAge: "1h" }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringMatching(/7200 s ago, expected at most 1h/),
  })
  expect(await ask(file.exists(folder))).toMatchObject({ verdict: "yes" })
  expect(await ask(file.contains(folder, "x"))).toMatchObject({ verdict: "no" })
  await mkdir(join(folder, "sub"))
  await writeFile(join(folder, "large"), Buffer.alloc(17 << 20))
  expect(await ask(file.contains(join(folder, "large"), "x"))).toMatchObject({ verdict: "inconclusive" })
})

async function newDatabase(): Promise<{ readonly path: string; readonly database: DatabaseSync }> {
  const path = join(await newFolder(), "orders #1?.db")
  const database = new DatabaseSync(path)
  atEnd(() => database.isOpen && database.close())
  database.exec(
    "pragma journal_mode = wal; create table orders (id integer primary key autoincrement, item text not null unique, price real, big integer, raw blob)",
  )
  database.exec("insert into orders (item, price, big, raw) values ('tea', 2.5, 9007199254740993, x'00ff')")
  return { path, database }
}

test("sql: rows and columns as expected and not, wrong questions, no database", async () => {
  const { path } = await newDatabase()
  const sqlite = path
  const query = "select count(*) as n, max(big) as big from orders"
  expect(await ask(sql.query({ sqlite }, query, { first: { n: 1, big: "9007199254740993" } }))).toMatchObject({
    verdict: "yes",
    measured: { rows: 1 },
  })
  expect(await ask(sql.query({ sqlite }, query, { first: { n: { min: 2 } } }))).toMatchObject({
    verdict: "no",
    evidence: "in the first row, n is 1, expected at least 2",
  })
  expect(
    await ask(sql.query({ sqlite }, "select * from orders where item = ?", { params: ["tea"], rows: 1 })),
  ).toMatchObject({ verdict: "yes" })
  expect(await ask(sql.query({ sqlite }, "select * from orders where id < 0"))).toMatchObject({
    verdict: "no",
    evidence: "the number of rows is 0, expected at least 1",
  })
  expect(await ask(sql.query({ sqlite }, "select * from nowhere"))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("no such table"),
  })
  expect(await ask(sql.query({ sqlite }, "selekt 1"))).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringContaining("syntax error"),
  })
  expect(await ask(sql.query({ sqlite }, "delete from orders"))).toMatchObject({ verdict: "inconclusive" })
  expect(await ask(sql.query({ sqlite: `${path}.gone` }, "select 1"))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("there is no database"),
  })
  await writeFile(`${path}.txt`, "this is no database ".repeat(100))
  expect(await ask(sql.query({ sqlite: `${path}.txt` }, "select 1 from sqlite_master"))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("not a database"),
  })
})

test("sql: a query reads, and is one statement", async () => {
  const { path } = await newDatabase()
  for (const query of [
    `vacuum into '${path}.copy'`,
    "-- reads\nattach 'x' as y",
    "select 1; select 2",
    "select 1;;x",
  ]) {
    const answer = await ask(sql.query({ sqlite: path }, query))
    expect(answer, query).toMatchObject({ verdict: "inconclusive" })
  }
  expect(existsSync(`${path}.copy`)).toBe(false)
  expect(
    await ask(sql.query({ sqlite: path }, "/* one */ select 1 as n ; -- done", { first: { n: 1 } })),
  ).toMatchObject({
    verdict: "yes",
  })
})

test("sql: what a database says of a row is what is told, also where it rolled back by itself", async () => {
  const { path, database } = await newDatabase()
  const exec = (text: string): void => database.exec(text)
  exec("create table strict_one (n integer, kind text not null on conflict rollback)")
  const write = sql.writeAndReadBack({ sqlite: path }, { table: "strict_one", row: { n: 1 } })
  expect(await ask(write)).toMatchObject({ verdict: "no", evidence: expect.stringContaining("NOT NULL constraint") })
  exec("create table typed (i integer, r real, t text, n numeric)")
  for (const row of [{ i: 2.5 }, { i: 2 }, { r: 2 }, { t: 2 }, { n: "2.50" }, { i: 1e18 }, { t: 0.1 }])
    expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "typed", row }))).toMatchObject({ verdict: "yes" })
})

test("sql: a large cell that nothing is asked of is not carried along", async () => {
  const { path } = await newDatabase()
  const query = "select 1 as n, zeroblob(80000000) as b, printf('%.*c', 5000, 'x') as t"
  expect(await ask(sql.query({ sqlite: path }, query, { first: { n: 1 } }))).toMatchObject({
    verdict: "yes",
    evidence: expect.stringContaining('"b":"80000000 bytes"'),
  })
})

test("sql: to wait for a thread of ours is no evidence", async () => {
  const { path } = await newDatabase()
  const endless = "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t"
  const slow = Array.from({ length: 3 * availableParallelism() }, () =>
    ask(sql.query({ sqlite: path }, endless, { timeoutMs: 1_500 })),
  )
  const quick = await ask(sql.query({ sqlite: path }, "select 1", { timeoutMs: 1_000 }))
  expect(quick.verdict).not.toBe("no")
  for (const answer of await Promise.all(slow)) expect(answer.evidence).toMatch(/no answer within|free thread/)
})

test("sql: a row is written, read back and never left behind", async () => {
  const { path, database } = await newDatabase()
  const dump = () =>
    JSON.stringify([
      database.prepare("select id, item, price from orders").all(),
      database.prepare("select * from sqlite_sequence").all(),
    ])
  const before = dump()
  const written = await ask(
    sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { item: "probe", price: 1, big: 5, raw: null } }),
  )
  expect(written).toMatchObject({ verdict: "yes", evidence: expect.stringContaining("rolled back") })
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { item: "tea" } }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("UNIQUE"),
  })
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { itme: "x" } }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("itme"),
  })
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { item: { a: 1 } } }))).toMatchObject(
    { verdict: "inconclusive" },
  )
  database.exec(
    "create trigger other after insert on orders begin update orders set item = 'changed' where id = new.id; end",
  )
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { item: "probe" } }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining('item ("changed")'),
  })
  database.exec("drop trigger other; create table k (a text primary key, b) without rowid")
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, { table: "k", row: { a: "1", b: null } }))).toMatchObject({
    verdict: "yes",
  })
  expect(dump()).toBe(before)
})

test("sql: a locked database is waited for, no longer than it may be, and the main thread stays free", async () => {
  const { path, database } = await newDatabase()
  const write = { table: "orders", row: { item: "probe" } }
  database.exec("begin immediate")
  let ticks = 0
  const timer = setInterval(() => (ticks += 1), 10)
  atEnd(() => clearInterval(timer))
  const refused = await ask(sql.writeAndReadBack({ sqlite: path }, write, { busyTimeoutMs: 400 }))
  expect(refused).toMatchObject({ verdict: "no", evidence: expect.stringMatching(/stayed locked for \d+ ms/) })
  expect(ticks).toBeGreaterThan(10)
  setTimeout(() => database.exec("rollback"), 200)
  expect(await ask(sql.writeAndReadBack({ sqlite: path }, write))).toMatchObject({ verdict: "yes" })
})

test("sql: cancelling and the time end a query that never ends", async () => {
  const { path } = await newDatabase()
  const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
  const begun = performance.now()
  expect(await ask(sql.query({ sqlite: path }, endless, { timeoutMs: 200 }))).toMatchObject({
    verdict: "no",
    evidence: "no answer within 200 ms",
  })
  expect(performance.now() - begun).toBeLessThan(2_000)
})

test.skipIf(!onLinux)("process: within limits, above each, gone, by pid file", async () => {
  const folder = await newFolder()
  const spin = spawn(process.execPath, ["-e", "for(;;);"], { stdio: "ignore" })
  const idle = spawn("sh", ["-c", "sleep 60 & sleep 60; true"], { stdio: "ignore" })
  atEnd(() => [spin.kill("SIGKILL"), idle.kill("SIGKILL")])
  await new Promise((done) => setTimeout(done, 300))
  const busy = await ask(processes.within({ pid: spin.pid ?? 0, cpuPercent: 1, over: "1s" }))
  expect(busy).toMatchObject({ verdict: "no", evidence: expect.stringContaining("% of a core, expected at most 1") })
  expect(Number(busy.measured?.cpuPercent)).toBeGreaterThan(1)
  const pidFile = join(folder, "app.pid")
  await writeFile(pidFile, `${idle.pid} 12345 boot-id\n`)
  expect(await ask(processes.within({ pidFile }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("belongs to another"),
  })
  const stat = await readFile(`/proc/${idle.pid}/stat`, "utf8")
  await writeFile(pidFile, `${idle.pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]} boot-id\n`)
  const calm = await ask(
    processes.within({ pidFile, memoryBytes: 100e6, cpuPercent: 50, openFiles: 50, over: "200ms" }),
  )
  expect(calm).toMatchObject({ verdict: "yes", measured: { processes: 3 } })
  expect(await ask(processes.within({ pidFile, alone: true }))).toMatchObject({
    verdict: "yes",
    measured: { processes: 1 },
  })
  expect(await ask(processes.within({ pidFile, memoryBytes: 1_000 }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("bytes of memory, expected at most 1000"),
  })
  expect(await ask(processes.within({ pidFile, openFiles: 1 }))).toMatchObject({ verdict: "no" })
  expect(await ask(processes.within({ pidFile: join(folder, "none.pid") }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("not running"),
  })
  await writeFile(pidFile, "not a number")
  expect(await ask(processes.within({ pidFile }))).toMatchObject({
    verdict: "no",
    evidence: expect.stringContaining("holds no process id"),
  })
  const ended = spin.pid ?? 0
  spin.kill("SIGKILL")
  await new Promise((done) => spin.once("exit", done))
  expect(await ask(processes.within({ pid: ended }))).toMatchObject({
    verdict: "no",
    evidence: `process ${ended} is not running`,
  })
})

test("a probe that does not exist is a wrong question", async () => {
  expect(await ask({ probe: "constructor" })).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringContaining("there are http, tcp, dns, command"),
  })
})
