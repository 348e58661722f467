import { expect, test } from "vitest"
import { Secret } from "../secrets/secret.ts"
import type { Address } from "./address.ts"
import { log } from "./log-probes.ts"
import { Output } from "./output.ts"
import { command, dns, file, http, tcp } from "./probes.ts"
import { sql } from "./sql-probes.ts"
import { processes } from "./usage-probes.ts"

const output = <T>(key: string): Output<T> => new Output<T>({ op: "ref", node: "host.process[app]" as Address, key })

test("a probe is plain data with its defaults", () => {
  expect(http.get("http://x/", { body: /ok/i, json: { n: { min: 1 } } })).toEqual({
    probe: "http",
    method: "GET",
    url: "http://x/",
    headers: {},
    redirects: 0,
    maxBodyBytes: 1_048_576,
    expect: { status: { min: 200, max: 299 }, body: { regex: "ok", flags: "i" }, json: { n: { min: 1 } } },
  })
  expect(log.without("a.log", "a.b(c")).toMatchObject({
    probe: "log",
    pattern: { regex: "a\\.b\\(c", flags: "" },
    since: "start",
    max: 0,
  })
  expect(dns.resolves("shop.test", { answer: /^v=spf1/ })).toEqual({
    probe: "dns",
    name: "shop.test",
    type: "A",
    answer: { regex: "^v=spf1", flags: "" },
  })
  for (const server of ["192.0.2.1", "127.0.0.1:5353", "::1", "[::1]:53"])
    expect(dns.resolves("shop.test", { server })).toMatchObject({ server })
  expect(command.succeeds(["true"])).toMatchObject({ probe: "command", command: ["true"], expect: { exitCode: 0 } })
  expect(file.contains("f", "text")).toMatchObject({ probe: "file", content: { contains: "text" } })
  expect(sql.query({ sqlite: "db" }, "select 1")).toMatchObject({
    probe: "sql",
    sqlite: "db",
    query: "select 1",
    busyTimeoutMs: 5_000,
  })
  expect(processes.within({ pid: 1, memoryBytes: 5 })).toMatchObject({
    probe: "process",
    pid: 1,
    memoryBytes: 5,
    over: "500ms",
  })
})

test("outputs and secrets stand in it as they are", () => {
  const url = output<string>("url")
  const token = new Secret<string>("TOKEN", { type: "env", variable: "TOKEN" })
  const probe = http.get(url, { status: 200 }, { headers: { authorization: token } })
  expect(probe.url).toBe(url)
  expect((probe.headers as Record<string, unknown>).authorization).toBe(token)
  expect(tcp.connect({ host: "127.0.0.1", port: output<number>("port") }).port).toBeInstanceOf(Output)
})

test("a body that is not a text becomes JSON, with its type", () => {
  const probe = http.post("http://x/", { id: output<number>("id") })
  expect(probe.body).toBeInstanceOf(Output)
  expect(probe.headers).toEqual({ "content-type": "application/json" })
  expect(http.post("http://x/", "plain").headers).toEqual({})
})

test.each<[string, () => unknown, RegExp]>([
  ["a port", () => tcp.connect({ host: "x", port: 70_000 }), /tcp\.connect: port: /],
  ["an unknown setting", () => http.get("http://x/", { statsu: 200 } as never), /statsu/],
  ["a limit of the wrong type", () => processes.within({ pid: 1, memoryBytes: "much" as never }), /memoryBytes/],
  ["both", () => processes.within({ pid: 1, pidFile: "x" }), /either a pid, a pidFile or a unit/],
  ["an expectation", () => http.get("http://x/", { status: { mim: 1 } as never }), /expect\.status: .*mim/],
  ["beside an output", () => tcp.connect({ host: output<string>("host"), port: -1 }), /port/],
  ["a name for a server", () => dns.resolves("x", { server: "dns.test:53" }), /server: expected an address/],
  ["a port of a server", () => dns.resolves("x", { server: "127.0.0.1:99999" }), /server: expected an address/],
  ["a type of record", () => dns.resolves("x", { type: "PTR" as never }), /type/],
  ["a mode", () => file.exists("x", { mode: "rw" }), /octal/],
])("wrong settings name %s and the place of the call", (_what, build, words) => {
  try {
    build()
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({
      code: "PROPS_INVALID",
      fact: expect.stringMatching(words),
      next: expect.stringContaining("correct the named setting"),
    })
    expect(String((error as { place: unknown }).place)).toMatch(/probes\.test\.ts:\d+$/)
  }
})

test("the password of a database does not stand in a program", () => {
  const url = new Secret<string>("DATABASE_URL", { type: "value", value: "postgres://app:canary@db/shop" })
  expect(sql.query({ postgres: url }, "select 1")).toMatchObject({ probe: "sql", postgres: url })
  expect(sql.query({ mariadb: "mysql://app@db/shop", password: url }, "select 1")).toMatchObject({ password: url })
  for (const database of [
    { postgres: "postgres://app:canary@db/shop" },
    { mariadb: "mysql://db/shop?user=app&password=canary" },
    { postgres: "postgres://app@db/shop", password: "canary" },
  ])
    expect(() => sql.query(database, "select 1")).toThrow(
      expect.objectContaining({ code: "PROPS_INVALID", fact: expect.not.stringContaining("canary") }),
    )
  for (const database of [{}, { sqlite: "x", postgres: url }, { sqlite: "x", password: url }])
    expect(() => sql.query(database as never, "select 1")).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
})
