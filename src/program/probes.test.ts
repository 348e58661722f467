import { expect, test } from "vitest"
import { Secret } from "../secrets/secret.ts"
import type { Address } from "./address.ts"
import { Output } from "./output.ts"
import { command, file, http, log, processes, sql, tcp } from "./probes.ts"

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
  ["both", () => processes.within({ pid: 1, pidFile: "x" }), /either a pid or a pidFile/],
  ["an expectation", () => http.get("http://x/", { status: { mim: 1 } as never }), /expect\.status: .*mim/],
  ["beside an output", () => tcp.connect({ host: output<string>("host"), port: -1 }), /port/],
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
