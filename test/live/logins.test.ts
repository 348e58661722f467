import { chmodSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { logins, program, resource, secret } from "fettle"
import * as host from "fettle/host"
import { type Connection, plainDriver, provider } from "fettle/provider"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import type { RunSetup } from "../../src/run/context.ts"
import { need } from "../support/need.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"

/** A row of the table `flag`. */
const flag = provider({
  kind: "shop.flag",
  version: 1,
  about: "A flag in a database.",
  connects: "shop.database",
  props: z.strictObject({ name: z.string(), value: z.string() }),
  outputs: z.object({ name: z.string(), value: z.string() }),
  settles: "unique",
  id: (want) => want.name,
  read: async (keys, call: { readonly connection: Client }) => {
    const { rows } = await call.connection.query("select name, value from flag")
    return new Map(
      keys.map((key) => {
        const outputs = rows.find(({ name }) => name === key.id)
        return [key.address, outputs === undefined ? { absent: true as const } : { outputs }]
      }),
    )
  },
  plan: (want, seen) => {
    if (!("outputs" in seen)) return { action: "create" }
    if (seen.outputs.value === want.value) return { action: "none" }
    return { action: "update", props: ["value"], because: "it says something else" }
  },
  ensure: async ({ name, value }, _seen, _change, call) => {
    const text = "insert into flag values ($1, $2) on conflict (name) do update set value = excluded.value"
    await call.connection.query(text, [name, value])
    return { name, value }
  },
  delete: async (seen, _last, call) => {
    if ("outputs" in seen) await call.connection.query("delete from flag where name = $1", [seen.outputs.name])
  },
})

/** The database as a role sees it. */
function database(role: string, url: ReturnType<typeof secret.env>, name = "shop"): Connection<Client> {
  return {
    type: "shop.database",
    name,
    target: `${role} of shop`,
    secrets: [url],
    open: async ({ reveal }) => {
      const client = new Client({ connectionString: reveal(url) })
      await client.connect()
      const { rows } = await client.query("select current_database() as name")
      return plainDriver<Client>(client, { identity: rows[0].name, concurrency: 1, close: () => client.end() })
    },
  }
}

const READER = database("reader", secret.env("READER_URL"))
const WRITER = database("writer", secret.env("WRITER_URL"))

const flags = (value: string, plan = READER, apply = WRITER, name = "new-till") =>
  program("flags", {}, () => void resource(flag, name, { name, value }, { on: logins({ plan, apply }) }))

const hasPostgres = canStartPostgres()
let postgres: PostgresWorld
beforeAll(async () => {
  if (!hasPostgres) return
  postgres = await PostgresWorld.start()
  await postgres.admin(`create table flag (name text primary key, value text not null);
    create role reader login password 'a password to read'; grant select on flag to reader;
    create role writer login password 'a password to write'; grant all on flag to writer`)
})
afterAll(() => postgres?.stop())

/** Runs in a folder with these variables alone; what is asked for is noted. */
function job(folder: string, given: Readonly<Record<string, string>>) {
  const asked: string[] = []
  const env = (name: string): string | undefined => {
    asked.push(name)
    return given[name]
  }
  const secrets: RunSetup["secrets"] = { env, run: () => Promise.reject(new Error("no command is run")) }
  return { ...runsIn(folder, { secrets }), asked: () => asked.filter((name) => name.endsWith("_URL")) }
}

const urlOf = (user: string): Readonly<Record<string, string>> => ({
  [`${user.toUpperCase()}_URL`]: postgres.url({
    user,
    password: user === "reader" ? "a password to read" : "a password to write",
  }),
})

describe.skipIf(!hasPostgres)("a target with two logins", () => {
  test("is planned by the one that may look, which never touches the other, and carried out by the other, exactly as planned", async () => {
    const folder = testFolder()
    const planning = job(folder, urlOf("reader"))
    const planned = await planning.plan(flags("on"), { bound: true })
    expect(planned.error).toBeUndefined()
    expect(changesOf(planned)).toEqual(["create shop.flag[new-till]"])
    expect(new Set(planning.asked())).toEqual(new Set(["READER_URL"]))

    const applying = job(folder, urlOf("writer"))
    const saved = JSON.parse(JSON.stringify(planned.plan))
    const applied = await applying.apply(flags("on"), {}, saved)
    expect(applied).toMatchObject({ outcome: "done", error: undefined })
    expect(new Set(applying.asked())).toEqual(new Set(["WRITER_URL"]))
    expect(await postgres.admin("select value from flag")).toContain("on")

    const later = job(folder, urlOf("reader"))
    expect(await later.plan(flags("on"))).toMatchObject({ outcome: "unchanged", error: undefined })
    await postgres.admin("update flag set value = 'off'")
    expect(changesOf(await later.plan(flags("on")))).toEqual(["update shop.flag[new-till]"])
    expect(new Set(later.asked())).toEqual(new Set(["READER_URL"]))
  })

  test("the login that looks can change nothing: the database says so", async () => {
    const folder = testFolder()
    const both = job(folder, { ...urlOf("reader"), ...urlOf("writer") })
    const before = await postgres.admin("select value from flag")
    const { outcome, applied } = await both.apply(flags("forced", READER, READER, "other-till"))
    expect(outcome).toBe("failed")
    expect(JSON.stringify(applied?.outcomes)).toContain("permission denied for table flag")
    expect(await postgres.admin("select value from flag")).toBe(before)
  })

  test("another target behind the second login is refused", async () => {
    await postgres.admin("create database other", "postgres")
    const folder = testFolder()
    const planned = await job(folder, urlOf("reader")).plan(flags("x"), { bound: true })
    const other = { WRITER_URL: (urlOf("writer").WRITER_URL as string).replace("/shop", "/other") }
    const saved = JSON.parse(JSON.stringify(planned.plan))
    const { error, applied } = await job(folder, other).apply(flags("x"), {}, saved)
    expect([error?.code, applied]).toEqual(["PLAN_STALE", undefined])
  })
})

const hasHosts = canStartHosts() && need("sudo", { install: "apt-get install sudo" })
afterAll(stopHosts)

test.skipIf(!hasHosts)(
  "a host is planned by a user who may change nothing there, without the password for sudo, and changed by another",
  async () => {
    const password = "correct-horse-battery"
    const users = [{ name: "reader" }, { name: "deploy", password }]
    const { config } = await SshHost.start("web1", { users, sudoers: ["deploy ALL=(ALL) ALL"] })
    const [folder, there] = [testFolder(), testFolder()]
    chmodSync(there, 0o755) // root's, and everybody may look
    const site = program("site", {}, () => {
      const web = logins({
        plan: host.ssh("web1", { name: "web1", config, user: "reader" }),
        apply: host.ssh("web1", {
          name: "web1",
          config,
          user: "deploy",
          become: { by: "sudo", password: secret.env("SUDO_URL") },
        }),
      })
      resource(host.file, "page", { path: join(there, "page"), content: "Open until six.\n" }, { on: web })
    })
    const planning = job(folder, {})
    const planned = await planning.plan(site, { bound: true })
    expect([planned.error, changesOf(planned)]).toEqual([undefined, ["create host.file[page]"]])
    const applying = job(folder, { SUDO_URL: password })
    const applied = await applying.apply(site, {}, JSON.parse(JSON.stringify(planned.plan)))
    expect(applied).toMatchObject({ outcome: "done", error: undefined })
    expect(readFileSync(join(there, "page"), "utf8")).toBe("Open until six.\n")
    expect(await planning.plan(site)).toMatchObject({ outcome: "unchanged", error: undefined })
    expect([planning.asked(), new Set(applying.asked())]).toEqual([[], new Set(["SUDO_URL"])])
  },
)

test("two logins have one type and one name", () => {
  const wrong = (plan: Connection<Client>, apply: Connection<Client>) => () =>
    program("wrong", {}, () => void logins({ plan, apply }))
  const declare = async (make: ReturnType<typeof wrong>) => (await runsIn(testFolder()).plan(make())).error
  const other = database("writer", secret.env("WRITER_URL"), "warehouse")
  return Promise.all([
    expect(declare(wrong(READER, other))).resolves.toMatchObject({
      code: "CONNECTION_WRONG",
      fact: expect.stringContaining("plan is named shop, apply warehouse"),
    }),
    expect(declare(wrong(READER, { ...WRITER, type: "else" }))).resolves.toMatchObject({ code: "CONNECTION_WRONG" }),
  ])
})
