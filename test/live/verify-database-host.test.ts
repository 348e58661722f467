import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { check, program, type Secret, secret, sql } from "fettle"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { CheckOptions, Probe } from "../../src/program/check.ts"
import type { Database } from "../../src/program/sql-probes.ts"
import { OwnNetwork } from "../support/own-network.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import type { DatabaseWorld } from "./database-world.ts"
import { canStartMariadb, MariadbWorld } from "./mariadb-world.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"

let web: SshHost
let network: OwnNetwork

const onWeb = (more: Parameters<typeof host.ssh>[1] = {}) =>
  host.ssh("web1", { config: network.configOf(web), user: "deploy", ...more })

/** Runs one check, and gives what it said with everything that was told or kept. */
async function asked(probe: () => Probe, options: CheckOptions, env: Record<string, string> = {}) {
  const folder = testFolder()
  const result = await runsIn(folder, { env }).apply(program("asked", {}, () => check("it", probe(), options)))
  const outcome = result.applied?.outcomes[0]
  const kept = readdirSync(join(folder, ".fettle"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
  const told = JSON.stringify([result.events, result.error, outcome])
  return { verdict: outcome?.verdict, told, everything: [told, ...kept], error: result.error }
}

describe.skipIf(!canStartHosts())("from a host", () => {
  beforeAll(async () => {
    network = await OwnNetwork.start()
    web = await SshHost.start("web1", {
      users: [{ name: "deploy", password: "right-password" }],
      sudoers: ["deploy ALL=(ALL) ALL"],
      setup: ["mount -t tmpfs -o mode=755 tmpfs /mnt", "mkdir -m 777 /mnt/db"],
    })
  }, 60_000)
  afterAll(async () => {
    await stopHosts()
    network?.stop()
  })

  const worlds = [
    { type: "postgres", can: canStartPostgres(), start: PostgresWorld.start },
    { type: "mariadb", can: canStartMariadb(), start: MariadbWorld.start },
  ] as const

  describe.each(worlds)("$type that listens only there", ({ type, can, start }) => {
    let world: DatabaseWorld
    beforeAll(async () => {
      const socket = type === "postgres" ? "/mnt/db" : "/mnt/db/maria.sock"
      if (can) world = await start([...network.enter, "nsenter", "-t", String(web.pid), "-m", "--"], socket)
    }, 120_000)
    afterAll(() => world?.stop(), 60_000)

    const urlIn = (url: Secret = secret.env("DATABASE_URL"), more = {}): Database =>
      ({ [type]: url, ...more }) as unknown as Database

    test.skipIf(!can)("is asked from there, and cannot be from here", async () => {
      const env = { DATABASE_URL: world.url() }
      const there = await asked(
        () => sql.query(urlIn(), "select 1 as one", { first: { one: 1 } }),
        { on: onWeb() },
        env,
      )
      expect(there.verdict, there.told).toBe("yes")
      expect(there.told).toContain('"from":"web1"')
      const here = await asked(() => sql.query(urlIn(), "select 1"), {}, env)
      expect(here.verdict).toBe("no")
      expect(here.told).toContain("this machine cannot connect to")
    })

    test.skipIf(!can)("TLS from there is verified by the database's own name", async () => {
      const env = { DATABASE_URL: world.url() }
      const tls = (names: object) => () =>
        sql.query(urlIn(secret.env("DATABASE_URL"), { tls: { ca: world.certificates.ca, ...names } }), "select 1")
      expect((await asked(tls({}), { on: onWeb() }, env)).verdict).toBe("yes")
      const other = await asked(tls({ serverName: "other.test" }), { on: onWeb() }, env)
      expect(other.verdict).toBe("no")
    })

    test.skipIf(!can)(
      "a row is written and rolled back from there, also as another user and over a socket",
      async () => {
        await world.make("create table if not exists orders (id integer primary key)")
        const write = () => sql.writeAndReadBack(urlIn(), { table: "orders", row: { id: 1 } })
        const become = { by: "sudo", password: secret.env("SUDO_PASSWORD") } as const
        const env = { DATABASE_URL: world.url(), SUDO_PASSWORD: "right-password" }
        expect((await asked(write, { on: onWeb({ become }) }, env)).verdict).toBe("yes")
        const socketUrl =
          type === "postgres"
            ? `postgres://app@/shop?host=/mnt/db&port=${world.port}`
            : `mysql://app:${encodeURIComponent(world.password)}@localhost/shop?socket=/mnt/db/maria.sock`
        const over = await asked(write, { on: onWeb() }, { DATABASE_URL: socketUrl })
        expect(over.verdict, over.told).toBe("yes")
        expect(await world.admin("select count(*) from orders")).toBe("0")
      },
    )

    test.skipIf(!can)(
      "a port there that nobody listens at is a no; a host that lets nobody in is inconclusive",
      async () => {
        const closed = { DATABASE_URL: world.url({ port: 1 }) }
        const refused = await asked(() => sql.query(urlIn(), "select 1"), { on: onWeb() }, closed)
        expect(refused.verdict).toBe("no")
        expect(refused.told).toContain("web1 cannot connect to 127.0.0.1:1: the connection is refused")
        const on = onWeb({ user: "nobody-here" })
        const out = await asked(() => sql.query(urlIn(), "select 1"), { on }, { DATABASE_URL: world.url() })
        expect(out.verdict).toBe("inconclusive")
      },
    )

    test.skipIf(!can)(
      "no byte that is told or kept holds the password, whatever the server says",
      async () => {
        const raw = world.password
        const encoded = encodeURIComponent(raw)
        const both = `'${raw} and ${encoded}'`
        await world.make(
          `create table if not exists echoes (a varchar(200)); delete from echoes; insert into echoes values (${both})`,
        )
        const env = { DATABASE_URL: world.url() }
        const casts =
          type === "postgres" ? "select a::integer from echoes" : "select extractvalue(a, concat(1, a)) from echoes"
        const probes = [
          () => sql.query(urlIn(), "select a from echoes"),
          () => sql.query(urlIn(), "select a from echoes", { first: { a: "other" } }),
          () => sql.query(urlIn(), casts),
          () => sql.writeAndReadBack(urlIn(), { table: "nowhere", row: { a: secret.env("PASSWORD") } }),
          () => sql.query({ ...urlIn(), password: secret.env("PASSWORD") } as Database, "select absent from echoes"),
        ]
        for (const [at, probe] of probes.entries()) {
          const { everything, told } = await asked(probe, { on: onWeb() }, { ...env, PASSWORD: raw })
          if (at === 0) expect(told).toContain("[secret DATABASE_URL]")
          for (const text of everything)
            for (const form of [
              raw,
              encoded,
              Buffer.from(raw).toString("base64"),
              Buffer.from(raw, "utf8").toString("latin1"),
            ])
              expect(text.includes(form), `${at}: ${told}`).toBe(false)
        }
        const wrong = await asked(
          () => sql.query(urlIn(), "select 1"),
          { on: onWeb() },
          { DATABASE_URL: world.url({ password: "c4nary/wr%ng" }) },
        )
        expect(wrong.verdict).toBe("no")
        expect(wrong.everything.join("")).not.toMatch(/c4nary/)
      },
      60_000,
    )
  })

  describe("sqlite", () => {
    /** A database in a file system of the host's own. */
    const place = (name: string, text: string): string => {
      const path = join(testFolder(), name)
      const database = new DatabaseSync(path)
      database.exec(text)
      database.close()
      execFileSync("sh", ["-c", 'cat "$0" > "$1"; chmod 666 "$1"', path, web.inside(`/mnt/db/${name}`)])
      return `/mnt/db/${name}`
    }
    const FILL =
      "create table orders (id integer primary key, item text not null); insert into orders values (1, 'tea'), (9007199254740993, 'cup')"
    const verdictOf = async (probe: Probe, on = onWeb()) => {
      const { verdict, told } = await asked(() => probe, { on })
      return { verdict, told }
    }

    test("a file there is asked there: read, written to and rolled back, migrated", async () => {
      const sqlite = place(
        "one.db",
        `${FILL}; create table schema_migrations (version text); insert into schema_migrations values ('1')`,
      )
      const max = await verdictOf(
        sql.query({ sqlite }, "select max(id) as m, count(*) as n from orders where id > ?", {
          params: [0],
          first: { m: "9007199254740993", n: 2 },
        }),
      )
      expect(max.verdict, max.told).toBe("yes")
      expect((await verdictOf(sql.query({ sqlite }, "delete from orders"))).verdict).toBe("inconclusive")
      expect((await verdictOf(sql.query({ sqlite }, "select * from nowhere"))).verdict).toBe("no")
      expect((await verdictOf(sql.query({ sqlite }, "select from"))).verdict).toBe("inconclusive")
      expect((await verdictOf(sql.query({ sqlite: `${sqlite}.gone` }, "select 1"))).verdict).toBe("no")
      const write = await verdictOf(sql.writeAndReadBack({ sqlite }, { table: "orders", row: { id: 5, item: "it's" } }))
      expect(write.verdict, write.told).toBe("yes")
      expect(
        (await verdictOf(sql.writeAndReadBack({ sqlite }, { table: "orders", row: { id: 1, item: "x" } }))).verdict,
      ).toBe("no")
      expect((await verdictOf(sql.migrated({ sqlite }, { names: ["1_a", "2_b"] }))).told).toContain(
        "1 of 2 have not run: 2_b",
      )
      expect((await verdictOf(sql.query({ sqlite }, "select * from orders", { rows: 2 }))).verdict).toBe("yes")
    }, 60_000)

    test("without python3 its sqlite3 reads; without both it is said what to install", async () => {
      const hidden = (names: readonly string[]): string =>
        `for f in $(which -a ${names.join(" ")}); do mount --bind /dev/null "$(readlink -f "$f")"; done`
      const plain = await SshHost.start("web2", { setup: [hidden(["python3"])] })
      const bare = await SshHost.start("web3", { setup: [hidden(["python3", "sqlite3"])] })
      const path = join(testFolder(), "two.db")
      const database = new DatabaseSync(path)
      database.exec(
        `${FILL}; create table schema_migrations (version text); insert into schema_migrations values ('1')`,
      )
      database.close()
      const on = host.ssh("web2", { config: plain.config })
      const rows = await verdictOf(
        sql.query({ sqlite: path }, "select item from orders order by id; ", { rows: 2, first: { item: "tea" } }),
        on,
      )
      expect(rows.verdict, rows.told).toBe("yes")
      expect((await verdictOf(sql.query({ sqlite: path }, "select * from nowhere"), on)).verdict).toBe("no")
      expect(
        (await verdictOf(sql.query({ sqlite: path }, "select 1;\n.shell touch /tmp/fettle-never"), on)).verdict,
      ).toBe("inconclusive")
      expect((await verdictOf(sql.migrated({ sqlite: path }, { names: ["1_a"] }), on)).verdict).toBe("yes")
      const write = await verdictOf(
        sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { id: 5, item: "x" } }),
        on,
      )
      expect(write).toMatchObject({ verdict: "inconclusive", told: expect.stringContaining("install") })
      const none = await verdictOf(sql.query({ sqlite: path }, "select 1"), host.ssh("web3", { config: bare.config }))
      expect(none).toMatchObject({ verdict: "inconclusive", told: expect.stringContaining("install one of them") })
    }, 60_000)
  })
})
