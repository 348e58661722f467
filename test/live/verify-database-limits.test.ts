import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { CheckOutputs } from "../../src/program/check.ts"
import { type Database, sql } from "../../src/program/sql-probes.ts"
import { freePort } from "../support/free-port.ts"
import type { DatabaseWorld, UrlParts } from "./database-world.ts"
import { canStartMariadb, MariadbWorld } from "./mariadb-world.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"
import { ask, listen, newFolder, openedSecret } from "./verify-support.ts"

const WORLDS = [
  { type: "postgres", can: canStartPostgres(), start: () => PostgresWorld.start() },
  { type: "mariadb", can: canStartMariadb(), start: () => MariadbWorld.start() },
] as const

describe.each(WORLDS)("$type", ({ type, can, start }) => {
  let world: DatabaseWorld
  beforeAll(async () => {
    if (can) world = await start()
  }, 120_000)
  afterAll(() => world?.stop(), 60_000)

  const at = (parts: UrlParts = {}, more: Record<string, unknown> = {}): Database =>
    ({ [type]: openedSecret("DATABASE_URL", world.url(parts)), ...more }) as unknown as Database
  const one = (database: Database, options = {}): Promise<CheckOutputs> =>
    ask(sql.query(database, "select 1 as one", options))

  test.skipIf(!can)("who is let in, and who is not", async () => {
    expect(await one(at())).toMatchObject({
      verdict: "yes",
      measured: { tls: "none", server: expect.stringMatching(/ \d+/) },
    })
    for (const parts of [{ password: "wrong-password" }, { user: "nobody-here" }, { database: "no_such_database" }]) {
      const answer = await one(at(parts))
      expect(answer, answer.evidence).toMatchObject({
        verdict: "no",
        evidence: expect.stringMatching(/^127\.0\.0\.1:\d+: it says: /),
      })
      expect(JSON.stringify(answer)).not.toContain("wrong-password")
    }
    expect(await one(at({ port: await freePort() }))).toMatchObject({
      verdict: "no",
      evidence: expect.stringMatching(/^this machine cannot connect to 127\.0\.0\.1:\d+: the connection is refused$/),
    })
    const [before] = world.url().split("://")
    const bare = `${before}://app@127.0.0.1:${world.port}/shop`
    expect(await one({ [type]: bare } as unknown as Database)).toMatchObject({
      verdict: "inconclusive",
      evidence: expect.stringContaining("the settings have none"),
    })
    const apart = { [type]: bare, password: openedSecret("PASSWORD", world.password) } as unknown as Database
    expect(await one(apart)).toMatchObject({ verdict: "yes" })
  })

  test.skipIf(!can)("TLS is verified: by whom it is signed, and whom it names", async () => {
    const { ca } = world.certificates
    const yes = { verdict: "yes", measured: { tls: "verified" } }
    expect(await one(at({}, { tls: { ca } }))).toMatchObject(yes)
    expect(await one(at({ query: "?sslmode=verify-full" }, { tls: { ca } }))).toMatchObject(yes)
    const named = {
      [type]: openedSecret("U", world.url().replace("127.0.0.1", "localhost")),
      tls: { ca },
    } as unknown as Database
    expect(await one(named)).toMatchObject(yes)
    expect(await one(at({}, { tls: { verify: "none" } }))).toMatchObject({
      verdict: "yes",
      measured: { tls: "not verified" },
    })
    const refused = { verdict: "no", evidence: expect.stringContaining("its certificate is not taken") }
    expect(await one(at({}, { tls: {} }))).toMatchObject(refused)
    expect(await one(at({}, { tls: { ca, serverName: "other.test" } }))).toMatchObject(refused)
    expect(await one(at({}, { tls: { ca, serverName: "127.0.0.2" } }))).toMatchObject(refused)
    expect(await one(at({}, { tls: { ca, serverName: "other.test", verify: "ca" } }))).toMatchObject({ verdict: "yes" })
    expect(await one(at({ query: "?sslmode=verify-full" }))).toMatchObject(refused)
    expect(await one(at({ query: "?sslmode=require" }))).toMatchObject({
      verdict: "inconclusive",
      evidence: expect.stringContaining("the URL does not say whether it must be"),
    })
    expect(await one(at({ query: "?sslmode=prefer" }))).toMatchObject({ verdict: "inconclusive" })
    expect(await one(at({ query: "?sslmode=no-verify" }))).toMatchObject({ verdict: "inconclusive" })
    expect(await one(at({ user: "tlsonly" }, { tls: { ca } }))).toMatchObject({ verdict: "yes" })
    const plain = await one(at({ user: "tlsonly" }))
    expect(plain.verdict).not.toBe("yes")
  })

  test.skipIf(!can)("a server that is silent, speaks something else, or closes at any byte", async () => {
    const sockets = new Set<Socket>()
    const serve = (answer: (socket: Socket) => void): Promise<number> =>
      listen(
        createServer((socket) => {
          sockets.add(socket)
          answer(socket.on("error", () => {}))
        }),
      )
    const silent = await serve(() => {})
    expect(await one(at({ port: silent }), { connectTimeoutMs: 300 })).toMatchObject({
      verdict: "no",
      evidence: expect.stringContaining("it let nobody in within 300 ms (logging in)"),
    })
    for (const words of [
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "\0".repeat(50),
      "\xff".repeat(99),
    ]) {
      const port = await serve((socket) => socket.write(words))
      const answer = await one(at({ port }), { connectTimeoutMs: 1_000 })
      expect(answer, words).toMatchObject({ verdict: "no" })
    }
    const tls = at({ port: await serve((socket) => socket.end("HTTP/1.1 400\r\n\r\n")) }, { tls: {} })
    expect(await one(tls, { connectTimeoutMs: 1_000 })).toMatchObject({ verdict: "no" })
    for (const socket of sockets) socket.destroy()
  })

  test.skipIf(!can)(
    "a conversation that is cut after any number of bytes, or in which a byte is another",
    async () => {
      for (const harm of ["cut", "change", "cut in TLS"] as const)
        for (let bytes = 1; bytes < 900; bytes += harm === "change" ? 61 : 83) {
          const port = await proxyHarming(world.port, bytes, harm !== "change")
          const tls = harm === "cut in TLS" ? { tls: { ca: world.certificates.ca } } : {}
          const answer = await one(at({ port }, tls), { connectTimeoutMs: 1_500, timeoutMs: 3_000 })
          if (harm !== "change") expect(["no", "yes"], `${bytes}: ${answer.evidence}`).toContain(answer.verdict)
          expect(JSON.stringify(answer)).not.toContain(encodeURIComponent(world.password))
        }
    },
    120_000,
  )

  test.skipIf(!can)(
    "what takes too long, and an answer without end",
    async () => {
      const sleep = type === "postgres" ? "select pg_sleep(60)" : "select sleep(60) from (select 1) t"
      const late = await ask(sql.query(at(), sleep, { timeoutMs: 1_200 }))
      expect(late.verdict, late.evidence).toBe("no")
      const many =
        type === "postgres"
          ? "select repeat('x', 100000) from generate_series(1, 10000)"
          : "select repeat('x', 100000) from seq_1_to_10000"
      const series =
        type === "postgres" ? "select generate_series(1, 1000000000) as n" : "select seq from seq_1_to_1000000000"
      const before = process.memoryUsage().rss
      const huge = await ask(sql.query(at(), many))
      expect(huge, huge.evidence).toMatchObject({
        verdict: "inconclusive",
        evidence: expect.stringContaining("larger than 64 MB"),
      })
      const hidden = await ask(sql.query(at({}, { tls: { ca: world.certificates.ca } }), many))
      expect(hidden.verdict, hidden.evidence).toBe("inconclusive")
      expect(await ask(sql.query(at(), series))).toMatchObject({
        verdict: "yes",
        evidence: expect.stringContaining("more than 10000 rows"),
      })
      expect(await ask(sql.query(at(), series, { rows: { max: 5 } }))).toMatchObject({ verdict: "no" })
      expect(await ask(sql.query(at(), series, { rows: { min: 20_000 } }))).toMatchObject({ verdict: "inconclusive" })
      expect(process.memoryUsage().rss - before).toBeLessThan(400e6)
    },
    60_000,
  )

  test.skipIf(!can)(
    "what the server would go on with ends there, too",
    async () => {
      const sleep = type === "postgres" ? "select pg_sleep(600)" : "select sleep(600) from (select 1) t"
      await ask(sql.query(at(), sleep, { timeoutMs: 1_000 }))
      const running =
        type === "postgres"
          ? "select count(*) from pg_stat_activity where query like 'select pg_sleep(600)%' and state = 'active'"
          : "select count(*) from information_schema.processlist where info like 'select sleep(600)%'"
      await expect.poll(() => world.admin(running), { timeout: 20_000 }).toBe("0")
    },
    40_000,
  )

  test.skipIf(!can)(
    "a check that is killed in the middle of its write leaves no row and no lock",
    async () => {
      await world.make(
        type === "postgres"
          ? `create table slow (id integer primary key); create function wait() returns trigger language plpgsql as
           'begin perform pg_sleep(0.5); perform pg_sleep(60); return new; end';
           create trigger waits after insert on slow for each row execute function wait()`
          : "create table slow (id integer primary key) engine = innodb; create trigger waits after insert on slow for each row set @n = sleep(60)",
      )
      const script = join(await newFolder(), "writes.ts")
      const from = (path: string): string =>
        JSON.stringify(pathToFileURL(join(import.meta.dirname, "../..", path)).href)
      writeFileSync(
        script,
        `import { prepare } from ${from("src/verify/question.ts")}
       const tools = { cwd: "/", baseEnv: {}, run: undefined, end: undefined }
       const settings = { probe: "sql", ${type}: process.env.URL, write: { table: "slow", row: { id: 1 } } }
       const signal = new AbortController().signal
       await (await prepare(settings, { where: { type: "here" }, tools, signal, hide: (t) => t }))(undefined)`,
      )
      const child = spawn(process.execPath, [script], { env: { ...process.env, URL: world.url() }, stdio: "inherit" })
      const running =
        type === "postgres"
          ? "select count(*) from pg_stat_activity where query like 'insert into \"slow\"%' and state = 'active'"
          : "select count(*) from information_schema.processlist where state = 'User sleep' or info like 'insert into `slow`%'"
      await expect.poll(() => world.admin(running), { timeout: 20_000 }).toBe("1")
      child.kill("SIGKILL")
      await once(child, "exit")
      await expect.poll(() => world.admin(running), { timeout: 90_000, interval: 500 }).toBe("0")
      expect(await world.admin("select count(*) from slow")).toBe("0")
    },
    150_000,
  )

  test.skipIf(!can)("a table that cannot roll back is not written to; what a trigger left is told", async () => {
    if (type === "postgres") {
      await world.make("create table base (id integer primary key); create view seen as select * from base")
      expect(await ask(sql.writeAndReadBack(at(), { table: "seen", row: { id: 1 } }))).toMatchObject({ verdict: "yes" })
      expect(await world.admin("select count(*) from base")).toBe("0")
      expect(await ask(sql.writeAndReadBack(at(), { table: "public.base", row: { id: 1 } }))).toMatchObject({
        verdict: "yes",
      })
      return
    }
    await world.make(`create table loose (id integer primary key) engine = myisam;
      create table base (id integer primary key) engine = innodb; create view seen as select * from base;
      create table tracked (id integer primary key) engine = innodb;
      create trigger tracks after insert on tracked for each row insert into loose values (new.id)`)
    for (const table of ["loose", "seen"])
      expect(await ask(sql.writeAndReadBack(at(), { table, row: { id: 1 } }))).toMatchObject({
        verdict: "inconclusive",
      })
    expect(await world.admin("select count(*) from loose")).toBe("0")
    const left = await ask(sql.writeAndReadBack(at(), { table: "tracked", row: { id: 1 } }))
    expect(left, left.evidence).toMatchObject({
      verdict: "no",
      evidence: expect.stringContaining("still there after its rollback"),
    })
  })

  test.skipIf(!can)("columns of many types come back as they were written", async () => {
    const [columns, row] =
      type === "postgres"
        ? [
            "a json, b jsonb, c uuid, d timestamptz, e boolean, f bytea, g integer[], h numeric(30, 10), i real, j xml, k char(5), l date",
            {
              a: { x: 1 },
              b: { y: [1, 2] },
              c: "6F9619FF-8B86-D011-B42D-00C04FC964FF",
              d: "2026-01-01T00:00:00Z",
              e: true,
              f: new Uint8Array([1, 255]),
              g: "{1,2}",
              h: "12345678901234567890.5",
              i: 0.1,
              j: "<a/>",
              k: "ab",
              l: "2026-02-03",
            },
          ]
        : [
            "a json, b boolean, c datetime, d blob, e decimal(30, 10), f float, g char(5), h bigint, i date, j enum('x', 'y'), k bit(1)",
            {
              a: { x: 1 },
              b: true,
              c: "2026-01-01 00:00:00",
              d: new Uint8Array([1, 255]),
              e: "12345678901234567890.5",
              f: 0.1,
              g: "ab",
              h: "9223372036854775807",
              i: "2026-02-03",
              j: "y",
              k: 1,
            },
          ]
    await world.make(`create table typed (id integer primary key, ${columns})`)
    const answer = await ask(sql.writeAndReadBack(at(), { table: "typed", row: { id: 1, ...(row as object) } }))
    expect(answer, answer.evidence).toMatchObject({ verdict: "yes" })
  })
})

/** A proxy that harms what the server says at a byte. */
async function proxyHarming(port: number, atByte: number, cuts: boolean): Promise<number> {
  const { connect } = await import("node:net")
  return listen(
    createServer((socket) => {
      const far = connect(port, "127.0.0.1")
      let seen = 0
      socket
        .on("error", () => {})
        .on("close", () => far.destroy())
        .on("data", (bytes) => far.write(bytes))
      far.on("error", () => {}).on("close", () => socket.destroy())
      far.on("data", (bytes: Buffer) => {
        const at = atByte - seen
        seen += bytes.length
        if (at < 0 || at >= bytes.length) return void socket.write(bytes)
        if (cuts) return void socket.end(bytes.subarray(0, at))
        const other = Buffer.from(bytes)
        other[at] = (other[at] ?? 0) ^ 0x55
        socket.write(other)
      })
    }),
  )
}
