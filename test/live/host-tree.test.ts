import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Last } from "../../src/provider.ts"
import { conformsTests } from "../../src/testing.ts"
import {
  carrierFor,
  cleanUp,
  type Done,
  failures,
  HostWorld,
  left,
  newFolder,
  node,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

afterAll(cleanUp)

/** Everything in a folder with its mode and content, by its path. */
function listed(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name)
      const facts = lstatSync(path)
      const mode = (facts.mode & 0o7777).toString(8)
      if (facts.isSymbolicLink()) return [name, `-> ${readlinkSync(path)}`]
      return [name, facts.isDirectory() ? `${mode}/` : `${mode} ${readFileSync(path, "latin1")}`]
    }),
  )
}

function updateOf(done: ReadonlyMap<string, Done>): { readonly text: string; readonly because: string } {
  return done.get("t")?.change as never
}

function outputsOf(done: ReadonlyMap<string, Done>): object {
  const result = done.get("t")?.result
  return result !== undefined && "outputs" in result ? (result.outputs as object) : {}
}

describe.each(shellsHere())("trees through %s", (shell) => {
  let world: HostWorld
  let source: string
  let path: string

  beforeEach(async () => {
    const folder = newFolder()
    source = join(folder, "source")
    path = join(folder, "there")
    for (const name of ["", "a", "a/deep", "empty", "it's $(id)"]) mkdirSync(join(source, name), { mode: 0o755 })
    for (const name of ["top", "a/one", "a/deep/two", "it's $(id)/-rf", "new\nline", "ünï-漢字"])
      writeFileSync(join(source, name), `content of ${name}\n`, { mode: 0o644 })
    chmodSync(join(source, "top"), 0o755)
    chmodSync(join(source, "a/deep"), 0o700)
    writeFileSync(join(source, "bytes"), Buffer.from([0, 255, 10, 0]), { mode: 0o600 })
    symlinkSync("a/one", join(source, "link"))
    world = await HostWorld.open(carrierFor(shell, "tree"))
  })

  afterEach(() => world.close())

  const tree = (props: object = {}): TestNode => node(host.tree, "t", { path, source, ...props })
  const again = (one: TestNode, done: ReadonlyMap<string, Done>, props: object = {}): TestNode => ({
    ...tree(props),
    last: left(one, done).last as Last<unknown, unknown>,
  })

  test("everything is copied with its mode, and found again", async () => {
    const one = tree()
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    expect(listed(path)).toEqual(listed(source))
    const second = await world.apply([again(one, done)])
    expect(second.get("t")?.change).toEqual({ action: "none" })
    expect((await world.read([again(one, done)])).get("t")).toMatchObject({
      outputs: outputsOf(done),
    })
  })

  test("what changes, leaves and comes is told and done; what others put there stays", async () => {
    const one = tree()
    const done = await world.apply([one])
    writeFileSync(join(path, "a/theirs"), "theirs\n")
    writeFileSync(join(path, "top"), "somebody's\n")
    chmodSync(join(path, "bytes"), 0o640)
    rmSync(join(source, "a/deep"), { recursive: true })
    rmSync(join(source, "link"))
    rmSync(join(source, "empty"), { recursive: true })
    symlinkSync("top", join(source, "other"))
    mkdirSync(join(source, "b/c"), { recursive: true, mode: 0o755 })
    writeFileSync(join(source, "b/c/three"), "3\n", { mode: 0o644 })
    const next = again(one, done)
    const changed = await world.apply([next])
    expect(failures(changed)).toEqual([])
    const { text, ...change } = updateOf(changed)
    expect(change).toEqual({ action: "update", props: ["source"], because: "4 new, 2 differ, 4 left the source" })
    expect(new Set(text.split("\n"))).toEqual(
      new Set([
        ...["-a/deep", "-a/deep/two", "-empty", "-link", "+b", "+b/c", "+b/c/three", "+other"],
        ...[" top (content)", " bytes (mode 0640, wanted 0600)"],
      ]),
    )
    expect(listed(path)).toEqual({ ...listed(source), "a/theirs": "644 theirs\n" })
    const gone = await world.apply([left(next, changed)])
    expect(failures(gone)).toEqual([])
    expect(listed(path)).toEqual({ a: "755/", "a/theirs": "644 theirs\n" })
  })

  test("purge removes what others put there, and ignore leaves out", async () => {
    rmSync(join(source, "new\nline"))
    const one = tree()
    const done = await world.apply([one])
    writeFileSync(join(path, "a/theirs"), "")
    symlinkSync("/etc/passwd", join(path, "theirs too"))
    const next = again(one, done, { purge: true, ignore: ["a/deep", "*e", "b*s"] })
    const changed = await world.apply([next])
    expect(failures(changed)).toEqual([])
    expect(updateOf(changed).because).toBe("4 left the source, 2 are not from the source")
    expect(Object.keys(listed(path)).sort()).toEqual(
      ["a", "empty", "it's $(id)", "it's $(id)/-rf", "link", "top", "ünï-漢字"].sort(),
    )
    expect(
      (await world.apply([again(next, changed, { purge: true, ignore: ["a/deep", "*e", "b*s"] })])).get("t")?.change
        .action,
    ).toBe("none")
    expect(existsSync("/etc/passwd")).toBe(true)
  })

  test("owner and group are those that are wanted", async () => {
    const one = tree({ owner: "1", group: "2" })
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    for (const name of ["", "top", "a", "a/one", "link"]) {
      const { uid, gid } = lstatSync(join(path, name))
      expect([name, uid, gid]).toEqual([name, 1, 2])
    }
    const other = again(one, done, { owner: "3", group: "2" })
    const changed = await world.apply([other])
    expect(failures(changed)).toEqual([])
    expect(statSync(join(path, "a/deep/two")).uid).toBe(3)
    expect((await world.apply([again(other, changed, { owner: "3", group: "2" })])).get("t")?.change.action).toBe(
      "none",
    )
  })

  test("what is something else on the host is never replaced", async () => {
    mkdirSync(join(path, "top"), { recursive: true })
    expect((await world.read([tree()])).get("t")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: `${path}/top is a directory, not a file` },
    })
    rmSync(path, { recursive: true })
    mkdirSync(path)
    symlinkSync("/etc", join(path, "a"))
    expect((await world.read([tree()])).get("t")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: `${path}/a is a symbolic link to /etc, not a directory` },
    })
  })

  test("a file that becomes a folder, a folder that becomes a file, and links of both", async () => {
    for (const name of ["f", "l", "d/in"]) {
      if (name.includes("/")) mkdirSync(join(source, "d"), { mode: 0o755 })
      writeFileSync(join(source, name), name, { mode: 0o644 })
    }
    mkdirSync(join(source, "x/deep"), { recursive: true, mode: 0o755 })
    writeFileSync(join(source, "x/deep/one"), "1", { mode: 0o644 })
    const one = tree()
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    for (const name of ["f", "l", "d", "x", "link"]) rmSync(join(source, name), { recursive: true })
    for (const name of ["f/deep", "link"]) mkdirSync(join(source, name), { recursive: true, mode: 0o750 })
    for (const name of ["f/deep/two", "link/three"]) writeFileSync(join(source, name), name, { mode: 0o640 })
    symlinkSync("top", join(source, "l"))
    symlinkSync("a", join(source, "d"))
    writeFileSync(join(source, "x"), "now a file\n", { mode: 0o755 })
    writeFileSync(join(path, "x/deep/theirs"), "theirs")
    const next = again(one, done)
    expect((await world.read([next])).get("t")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: expect.stringContaining("x/deep/theirs is not from the source") },
    })
    rmSync(join(path, "x/deep/theirs"))
    const changed = await world.apply([next])
    expect(failures(changed)).toEqual([])
    expect(updateOf(changed).text.split("\n")).toContain(" f (a file, wanted a directory)")
    expect(listed(path)).toEqual(listed(source))
    expect((await world.apply([again(next, changed)])).get("t")?.change).toEqual({ action: "none" })
  })

  test("what changed after it was read is refused, and the source too", async () => {
    const one = tree()
    const seen = await world.read([one])
    mkdirSync(path)
    writeFileSync(join(path, "top"), "somebody's\n")
    expect(failures(await world.change([one], seen))).toEqual([`t: STALE ${path}/top: something is there now`])
    const two = tree({ path: `${path} 2` })
    const before = await world.read([two])
    writeFileSync(join(source, "top"), "moved\n")
    expect(failures(await world.change([two], before)).join()).toMatch(
      /STALE the source .*top changed after it was planned/,
    )
  })

  test.each([
    ["a missing parent", { path: "/no/such/folder/there" }, /t: FILE_REFUSED mkdir: .*\/no\/such\/folder\/there/],
    ["a missing source", { source: "/no/such/source" }, /the source \/no\/such\/source: ENOENT/],
    ["a source that is a file", { source: "/etc/passwd" }, /the source \/etc\/passwd: .* is not a folder/],
  ])("%s is refused", async (_what, props, words) => {
    const seen = await world.read([tree(props)])
    const at = seen.get("t") as { failed?: Error }
    expect(at.failed?.message ?? failures(await world.change([tree(props)], seen)).join()).toMatch(words)
  })
})

test("many files, and big ones, in time that grows with their number", async () => {
  const world = await HostWorld.open(carrierFor("dash", "tree"))
  const folder = newFolder()
  const make = (count: number): TestNode => {
    const source = join(folder, `s${count}`)
    for (let at = 0; at < count; at++) {
      if (at % 50 === 0) mkdirSync(join(source, `d${at / 50}`), { recursive: true })
      writeFileSync(join(source, `d${Math.floor(at / 50)}`, `f${at}`), `content ${at}\n`)
    }
    if (count > 1_000) writeFileSync(join(source, "big"), Buffer.alloc(20_000_000, 7))
    return node(host.tree, `t${count}`, { path: join(folder, `t${count}`), source })
  }
  const took: number[] = []
  for (const count of [300, 3_000]) {
    const one = make(count)
    const begun = performance.now()
    const done = await world.apply([one], { timeoutMs: 300_000 })
    expect(failures(done)).toEqual([])
    const second = { ...one, last: left(one, done).last as never }
    expect((await world.apply([second])).get(one.address)?.change.action).toBe("none")
    took.push(performance.now() - begun)
  }
  await world.close()
  expect((took[1] as number) / (took[0] as number)).toBeLessThan(30) // 10 where the machine is quiet
}, 300_000)

describe("host.tree", () => {
  const folder = newFolder()
  const [one, two] = [join(folder, "one"), join(folder, "two")] as const
  mkdirSync(join(one, "a"), { recursive: true })
  writeFileSync(join(one, "a/file"), "one\n")
  cpSync(one, two, { recursive: true })
  writeFileSync(join(two, "a/file"), "two\n")
  const there = newFolder()
  conformsTests(
    host.tree,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(there, `t${variant}`), source: one }),
      change: (props) => ({ ...props, source: two }),
      count: () => readdirSync(there).filter((name) => existsSync(join(there, name, "a/file"))).length,
      foreign: ({ path }) => cpSync(two, path, { recursive: true }),
      refused: (variant) => ({ path: join(there, "no/such", `t${variant}`), source: one }),
    },
    { test },
  )
})
