import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { StateHome } from "../../src/state/home.ts"
import type { Entry, Kept } from "../../src/state/shared/ledger.ts"
import { openShared } from "../../src/state/shared/open-shared.ts"
import { PostgresLedger, postgresLogin } from "../../src/state/shared/postgres-ledger.ts"
import { mayMount } from "../support/may-mount.ts"
import { testFolder } from "../support/runs.ts"
import { row, who } from "../support/store-contract.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"
import { type HomeOptions, KEY, type SharedWorld, sharedStoreCases } from "./shared-store-cases.ts"

const hasPostgres = canStartPostgres()
const mounts = mayMount()

let postgres: PostgresWorld
let world: SharedWorld
let inside: Client
beforeAll(async () => {
  if (!hasPostgres) return
  postgres = await PostgresWorld.start()
  inside = new Client({ host: postgres.socket, port: postgres.port, user: "admin", database: "shop" })
  await inside.connect()
  world = worldIn(postgres)
})
afterAll(async () => {
  await inside?.end()
  await postgres?.stop()
})

function worldIn(server: PostgresWorld): SharedWorld {
  const address = ({ lease = "4s", port = server.port }: HomeOptions = {}): string =>
    server.url({ password: "", port, query: `?lease=${lease}` }).replace(":@", "@")
  const env = { PGPASSWORD: server.password }
  const sql = async (text: string): Promise<readonly Record<string, unknown>[]> => {
    const results: unknown = await inside.query(text)
    return (Array.isArray(results) ? results.at(-1) : results).rows
  }
  return {
    port: server.port,
    times: { races: 1_000, tens: 6, cuts: 3 },
    env,
    address,
    homeOf: (place, options = {}) => homeAt(address(options), place, options),
    ledger: (place) => new PostgresLedger({ place, answerMs: 10_000, ...postgresLogin(address(), server.password) }),
    raw: async (place) => {
      const [state] = await sql(`select head from fettle_state where place = '${place}'`)
      const entries = await sql(
        `select serial::int, body, link from fettle_entry where place = '${place}' order by serial`,
      )
      return { head: JSON.parse(String(state?.head)), entries: entries as unknown as readonly Entry[] }
    },
    put: async (place, kept) => void (await sql(putting(place, kept))),
  }
}

/** What somebody types who may write into the database. */
function putting(place: string, kept: Kept | undefined): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const entry = ({ serial, body, link }: Entry): string =>
    `(${quoted(place)}, ${serial}, ${quoted(body)}, ${quoted(link)})`
  const gone = `delete from fettle_entry where place = '${place}'`
  if (kept === undefined) return `${gone}; delete from fettle_state where place = '${place}'`
  const { head, entries } = kept
  const texts = [JSON.stringify(head), head.link, head.seal].map(quoted)
  return `${gone}; ${entries.length === 0 ? "" : `insert into fettle_entry values ${entries.map(entry).join(", ")};`}
    insert into fettle_state values (${quoted(place)}, ${texts}, 0, null, now(), now(), 0, 0)
    on conflict (place) do update set head = excluded.head, link = excluded.link, seal = excluded.seal`
}

function homeAt(address: string, place: string, options: HomeOptions = {}, password = postgres.password): StateHome {
  const { folder = testFolder(), key = "key" in options ? undefined : KEY } = options
  const keys = { given: key, file: join(folder, "no.key"), isGiven: key !== undefined }
  const env = (name: string): string | undefined => (name === "PGPASSWORD" ? password : undefined)
  return openShared({ address, place, keys, folder: join(folder, "a laptop"), env })
}

/** 100 kB that no server packs into less. */
function randomJson(): string {
  return JSON.stringify(randomBytes(75_000).toString("base64"))
}

describe.skipIf(!hasPostgres)("state in PostgreSQL", () => {
  sharedStoreCases(() => world)

  test("a server whose clock was set back does not keep a dead holder's lock for ever", async () => {
    const { release } = await world.homeOf("clock", { lease: "2s" }).take(who)
    await release()
    await postgres.admin(`update fettle_state set renewed = now() + interval '1 hour', lease_ms = 2000,
      holder = '{"who":"dead","host":"far","pid":1,"command":"apply","nonce":"n","machine":"far"}' where place = 'clock'`)
    expect(await world.homeOf("clock").holder()).toMatchObject({ who: "dead", host: "far" })
    await (await world.homeOf("clock", { lease: "2s" }).take(who)).release()
  })

  test("a wrong password, a database that is not there, a user that may make nothing: each says what to do", async () => {
    const refused = async (home: StateHome): Promise<unknown> => home.take(who).catch((error) => error.toJSON())
    const wrong = await refused(homeAt(world.address(), "p", {}, "not the password"))
    expect(wrong).toMatchObject({ code: "STATE_UNREACHABLE", next: expect.stringContaining("PGPASSWORD") })
    expect(JSON.stringify(wrong)).not.toContain("not the password")
    const nowhere = await refused(homeAt(world.address().replace("/shop", "/nowhere"), "p"))
    expect(nowhere).toMatchObject({ code: "STATE_UNREACHABLE", next: expect.stringContaining("create the database") })
    await postgres.admin("create user guest password 'guest-password'")
    const guest = await refused(
      homeAt(world.address().replace("app@", "guest@").replace("/shop", "/template1"), "p", {}, "guest-password"),
    )
    expect(guest).toMatchObject({ code: "STATE_UNREACHABLE", next: expect.stringContaining("schema") })
  })

  test("TLS is spoken where it is asked for, and the certificate must be known and of that server", async () => {
    const at = (query: string): StateHome =>
      homeAt(postgres.url({ user: "tlsonly", password: "", query }).replace(":@", "@"), "tls")
    await expect(at("?sslmode=verify-full").exists()).rejects.toThrowError(/certificate/)
    await expect(at("").exists()).rejects.toThrowError(expect.objectContaining({ code: "STATE_UNREACHABLE" }))
    const known = `?sslmode=verify-full&sslrootcert=${postgres.certificates.caFile}`
    await expect(at(known).exists()).rejects.toThrowError(/permission denied/) // it is in, and asks
    expect(await homeAt(`${world.address().split("?")[0]}${known}`, "tls").exists()).toBe(false)
  })

  test("where the network is left the certificate is looked at, unless it is said that it need not be", () => {
    const tls = (address: string): unknown => postgresLogin(address, "p").login.tls?.verify
    expect(tls("postgres://u@db.example.com/d")).toBe("full")
    expect(tls("postgres://u@10.0.0.1/d?sslmode=require")).toBe("full")
    expect(tls("postgres://u@db.example.com/d?sslmode=disable")).toBeUndefined()
    expect(tls("postgres://u@localhost/d")).toBeUndefined()
    expect(postgresLogin("postgres://u:in%2Furl@127.0.0.1:5/d", "other")).toMatchObject({
      login: { password: "in/url" },
      name: "postgres://127.0.0.1:5/d",
    })
  })

  test.skipIf(!mounts)("a full disk of the server ends the run, and nothing is lost", async () => {
    const disk = postgres.server.at("disk")
    mkdirSync(disk)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,uid=65534,gid=65534,mode=0700", "fettle", disk])
    onTestFinished(() => void execFileSync("umount", ["-l", disk]))
    await (await world.homeOf("full").take(who)).release() // makes the tables
    await inside.query(`create tablespace small location '${disk}'`)
    await inside.query("alter table fettle_entry set tablespace small")
    onTestFinished(async () => {
      await inside.query("alter table fettle_entry set tablespace pg_default")
      await inside.query("drop tablespace small")
    })
    const { store, release } = await world.homeOf("full").take(who)
    const run = await store.beginRun({ id: "r", command: "apply", who: "ann", startedAt: 1, keyId: undefined })
    let written = 0
    const error = await (async () => {
      for (; written < 100; written += 1)
        await store.commit(run, { rows: [row(`${written}`, { props: randomJson() })] })
    })().catch((thrown) => thrown.toJSON())
    expect(error).toMatchObject({ code: "STATE_WRITE", next: expect.stringContaining("make room") })
    await release()
    expect((await world.homeOf("full").read((each) => each.load()))?.rows).toHaveLength(written)
  })

  test("it needs nothing of a session: each statement may go to another connection", async () => {
    const home = world.homeOf("pooled")
    const { store, release } = await home.take(who)
    const run = await store.beginRun({ id: "r", command: "apply", who: "ann", startedAt: 1, keyId: undefined })
    await postgres.admin("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fettle'")
    await store.commit(run, { rows: [row("a")] })
    await release()
    expect((await home.read((each) => each.load()))?.rows).toHaveLength(1)
  })
})
