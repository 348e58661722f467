import { chownSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { errorsOf, Runs } from "../../src/testing/runs.ts"
import { conformsTests } from "../../src/testing.ts"
import {
  carrierFor,
  cleanUp,
  failures,
  HostWorld,
  left,
  newFolder,
  node,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

afterAll(cleanUp)

const JSON_TEXT = '{\n  // the log\n  "log": { "size": "1m" },\n  "hosts": ["a"]\n}\n'

describe.each(shellsHere())("values of files through %s", (shell) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    world = await HostWorld.open(carrierFor(shell, "value"))
  })
  afterEach(() => world.close())

  const value = (file: string, at: unknown, to: unknown, more: object = {}): TestNode =>
    node(host.value, `${file}: ${String(at)}`, { path: join(folder, file), at, value: to, ...more })
  const text = (file: string): string => readFileSync(join(folder, file), "utf8")

  test("several values of one file land in one request, comments stay, and go again", async () => {
    writeFileSync(join(folder, "d.json"), JSON_TEXT, { mode: 0o640 })
    if (process.getuid?.() === 0) chownSync(join(folder, "d.json"), 1, 2)
    const nodes = [
      value("d.json", "log.size", "10m"),
      value("d.json", ["hosts", 1], 'it\'s "b" $HOME\n-e'),
      value("d.json", "debug", true),
      value("new.toml", "server.port", 8080, { create: "0600" }),
      value("new.toml", "server.name", "x", { create: "0600" }),
      value("a'b c\n.yaml", "x", 1, { create: "0644" }),
    ]
    const done = await world.apply(nodes)
    expect(failures(done)).toEqual([])
    expect(text("d.json")).toBe(
      '{\n  // the log\n  "log": { "size": "10m" },\n  "hosts": [\n    "a",\n    "it\'s \\"b\\" $HOME\\n-e"\n  ],\n  "debug": true\n}\n',
    )
    expect([text("new.toml"), statSync(join(folder, "new.toml")).mode & 0o777]).toEqual([
      '[server]\nport = 8080\nname = "x"\n',
      0o600,
    ])
    const { mode, uid } = statSync(join(folder, "d.json"))
    expect([mode & 0o777, uid]).toEqual([0o640, process.getuid?.() === 0 ? 1 : uid])
    expect([...done.values()][0]?.change).toEqual({
      action: "update",
      props: ["value"],
      because: 'it is "1m"',
      text: '-log.size = "1m"\n+log.size = "10m"',
    })
    const again = await world.apply(nodes)
    expect([...new Set([...again.values()].map(({ change }) => change.action))]).toEqual(["none"])
    expect(failures(await world.apply(nodes.slice(1).map((each) => left(each, done))))).toEqual([])
    expect([text("new.toml"), text("d.json").includes("debug")]).toEqual(["[server]\n", false])
  })

  test("what changed after it was read is not overwritten, and a link of root's is followed", async () => {
    writeFileSync(join(folder, "real.ini"), "[a]\nk=1\n")
    symlinkSync("real.ini", join(folder, "link.ini"))
    const one = value("link.ini", "a.k", "2")
    const seen = await world.read([one])
    writeFileSync(join(folder, "real.ini"), "[a]\nk=1\nl=1\n")
    expect(failures(await world.change([one], seen))).toEqual(["link.ini: a.k: STALE it changed after it was read"])
    expect(failures(await world.apply([one]))).toEqual([])
    expect([text("real.ini"), text("link.ini")]).toEqual(["[a]\nk=2\nl=1\n", "[a]\nk=2\nl=1\n"])
  })

  test("what cannot be read, edited or found is refused with its file", async () => {
    writeFileSync(join(folder, "bad.json"), "{ nonsense")
    writeFileSync(join(folder, "bytes.ini"), Buffer.from([0x61, 0x3d, 0xff, 10]))
    writeFileSync(join(folder, "inline.toml"), "a = { b = 1 }\n")
    const nodes = [
      value("bad.json", "a", 1),
      value("bytes.ini", "a", 1),
      value("inline.toml", "a.b", 2),
      value("missing.json", "a", 1),
    ]
    const seen = await world.read(nodes)
    expect(seen.get("bad.json: a")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: expect.stringContaining("it is not JSON") },
    })
    expect(seen.get("bytes.ini: a")).toMatchObject({ failed: { fact: expect.stringContaining("is not UTF-8 text") } })
    expect(failures(await world.change(nodes, seen))).toEqual([
      expect.stringMatching(/^inline.toml: a.b: FILE_REFUSED .*cannot be changed here without changing more/),
      expect.stringMatching(/^missing.json: a: FILE_REFUSED there is no file/),
    ])
    expect(existsSync(join(folder, "missing.json"))).toBe(false)
  })
})

test("values of one file come, change and go in one run", async () => {
  const path = join(newFolder(), "d.json")
  const runs = new Runs(
    { provider: host.value, connection: host.local() },
    { FETTLE_STATE_KEY: Buffer.alloc(32, 7).toString("base64") },
    newFolder(),
  )
  const value = (at: string, to: number): object => ({ path, at, value: to, create: "0644" })
  await runs.apply([value("a", 1), value("b", 1), value("c", 1)])
  const ran = await runs.apply([value("a", 2), value("d", 1)])
  expect([errorsOf(ran), ran.outcome]).toEqual(["", "done"])
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ a: 2, d: 1 })
})

describe("host.value", () => {
  const folder = newFolder()
  writeFileSync(join(folder, "taken.yaml"), "# theirs\nfirst: 1\n")
  conformsTests(
    host.value,
    {
      connection: host.local(),
      props: (variant) => ({
        path: join(folder, `${variant}.yaml`),
        at: ["keys", `k${variant}`],
        value: { a: [variant, "x"] },
        create: "0644",
      }),
      change: (props) => ({ ...props, value: "other" }),
      count: () => readdirSync(folder).filter((name) => /k\d+:/.test(readFileSync(join(folder, name), "utf8"))).length,
      refused: (variant) => ({ path: join(folder, "taken.yaml"), at: ["first", `k${variant}`], value: 1 }),
    },
    { test },
  )
})
