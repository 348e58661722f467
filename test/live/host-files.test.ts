import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import type { FettleError } from "../../src/errors.ts"
import * as host from "../../src/host.ts"
import { carrierFor, cleanUp, failures, HostWorld, left, newFolder, node, shellsHere } from "./host-world.ts"

afterAll(cleanUp)

describe.each(shellsHere())("files through %s", (shell) => {
  let world: HostWorld
  let folder: string

  beforeEach(async () => {
    folder = newFolder()
    world = await HostWorld.open(carrierFor(shell, "files"))
  })

  afterEach(() => world.close())

  const NAMES = [
    "plain",
    "with space",
    "it's",
    'say "hi"',
    "-rf",
    "--",
    "$(touch x)",
    "`id`",
    "back\\slash",
    "new\nline",
    "tab\tbell\u0007",
    "ünï-ā-漢字-🎉",
    "\u0081\u0088ctl",
    "*",
    "?[a-z]",
    "a;b|c&d",
    "~",
    "#x",
    "!x",
    "%s%n",
    "\\n",
    ".hidden",
    "x".repeat(255),
  ]

  test("every name is only a name", async () => {
    const nodes = NAMES.map((name, at) =>
      node(host.file, `f${at}`, { path: join(folder, name), content: `content of ${at}\n` }),
    )
    expect(failures(await world.apply(nodes))).toEqual([])
    expect(readdirSync(folder).sort()).toEqual([...NAMES].sort())
    for (const [at, name] of NAMES.entries())
      expect(readFileSync(join(folder, name), "utf8")).toBe(`content of ${at}\n`)
    const again = await world.apply(nodes)
    expect([...again.values()].map(({ change }) => change.action)).toEqual(NAMES.map(() => "none"))
  })

  test("the same for folders of such names, links and removals", async () => {
    const odd = NAMES.slice(0, -1)
    const folders = odd.map((name, at) => node(host.directory, `d${at}`, { path: join(folder, name), mode: "0750" }))
    const files = odd.map((name, at) => node(host.file, `f${at}`, { path: join(folder, name, name), content: name }))
    const links = odd.map((name, at) => node(host.link, `l${at}`, { path: join(folder, name, "link"), to: name }))
    const all = [await world.apply(folders), await world.apply([...files, ...links])]
    expect(all.flatMap(failures)).toEqual([])
    for (const name of odd) {
      expect(statSync(join(folder, name)).mode & 0o7777).toBe(0o750)
      expect(readFileSync(join(folder, name, name), "utf8")).toBe(name)
      expect(readlinkSync(join(folder, name, "link"))).toBe(name)
    }
    const again = await world.apply([...folders, ...files, ...links])
    expect([...again.values()].filter(({ change }) => change.action !== "none")).toEqual([])
    const gone = [
      await world.apply([...files, ...links].map((each) => left(each, all[1] as never))),
      await world.apply(folders.map((each) => left(each, all[0] as never))),
    ]
    expect(gone.flatMap(failures)).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test("content is any bytes: NUL, no newline at the end, 5 MB, nothing", async () => {
    const contents = [
      Buffer.from([0, 1, 2, 255, 0]),
      "no newline",
      Buffer.alloc(5 * 1_048_576, "0123456789abcdef\n"),
      "",
      Buffer.from([0xff, 0xfe, 10, 13]),
    ]
    const nodes = contents.map((content, at) => node(host.file, `f${at}`, { path: join(folder, `f${at}`), content }))
    expect(failures(await world.apply(nodes))).toEqual([])
    for (const [at, content] of contents.entries())
      expect(readFileSync(join(folder, `f${at}`)).equals(Buffer.from(content))).toBe(true)
    expect([...(await world.apply(nodes)).values()].every(({ change }) => change.action === "none")).toBe(true)
  })

  test("a local source of any size, and a template", async () => {
    writeFileSync(join(folder, "source"), Buffer.alloc(3_000_001, 7))
    writeFileSync(join(folder, "template"), "port {{ port }}\n")
    const nodes = [
      node(host.file, "copy", { path: join(folder, "copy"), source: join(folder, "source") }),
      node(host.file, "rendered", {
        path: join(folder, "rendered"),
        template: { path: join(folder, "template"), values: { port: 8080 } },
      }),
      node(host.file, "inline", {
        path: join(folder, "inline"),
        template: { text: "key {{key}}", values: { key: world.secret("KEY", "12345678") } },
      }),
    ]
    const inline = nodes[2]?.want as { content: never }
    ;(await import("../../src/secrets/secret.ts")).Secret.remember(inline.content, {
      value: "key 12345678",
      fingerprint: world.key.fingerprint("key 12345678"),
    })
    expect(failures(await world.apply(nodes))).toEqual([])
    expect(readFileSync(join(folder, "copy")).equals(readFileSync(join(folder, "source")))).toBe(true)
    expect(readFileSync(join(folder, "rendered"), "utf8")).toBe("port 8080\n")
    expect(readFileSync(join(folder, "inline"), "utf8")).toBe("key 12345678")
    expect(statSync(join(folder, "inline")).mode & 0o777).toBe(0o600)
    expect([...(await world.apply(nodes)).values()].map(({ change }) => change.action)).toEqual([
      "none",
      "none",
      "none",
    ])
    writeFileSync(join(folder, "template"), "port={{port}}\n")
    const { change } = (await world.apply(nodes)).get("rendered") as never
    expect(change).toMatchObject({ action: "update", props: ["template"], text: "@@ -1 +1 @@\n-port 8080\n+port=8080" })
  })

  test("an update shows a diff, keeps the owner, and leaves nothing behind", async () => {
    const path = join(folder, "conf")
    writeFileSync(path, "one\ntwo\nthree\n", { mode: 0o640 })
    const wanted = node(host.file, "conf", { path, content: "one\n2\nthree\n", mode: "0604" })
    const done = await world.apply([wanted])
    expect(done.get("conf")?.change).toEqual({
      action: "update",
      props: ["content", "mode"],
      because: "content differs; mode is 0640, wanted 0604",
      text: "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three",
    })
    expect(failures(done)).toEqual([])
    expect(readFileSync(path, "utf8")).toBe("one\n2\nthree\n")
    expect(statSync(path).mode & 0o7777).toBe(0o604)
    expect(readdirSync(folder)).toEqual(["conf"])
  })

  test("what changed after it was read is not touched", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) =>
      node(host.file, name, { path: join(folder, name), content: "wanted\n" }),
    ) as [never, never, never]
    writeFileSync(join(folder, "a"), "old a\n")
    writeFileSync(join(folder, "b"), "old b\n")
    const seen = await world.read([a, b, c])
    writeFileSync(join(folder, "a"), "moved\n")
    writeFileSync(join(folder, "c"), "foreign\n")
    const done = await world.change([a, b, c], seen)
    expect(failures(done)).toEqual([
      `a: STALE ${folder}/a: it changed after it was read`,
      `c: STALE ${folder}/c: something is there now`,
    ])
    expect(["a", "b", "c"].map((name) => readFileSync(join(folder, name), "utf8"))).toEqual([
      "moved\n",
      "wanted\n",
      "foreign\n",
    ])
    expect(readdirSync(folder).sort()).toEqual(["a", "b", "c"])
  })

  test("what is already as wanted is no stranger: an earlier attempt may have come late", async () => {
    const nodes = [
      node(host.file, "f", { path: join(folder, "f"), content: "wanted\n" }),
      node(host.directory, "d", { path: join(folder, "d") }),
      node(host.link, "l", { path: join(folder, "l"), to: "f" }),
    ]
    const seen = await world.read(nodes)
    expect(failures(await world.change(nodes, seen))).toEqual([])
    expect(failures(await world.change(nodes, seen))).toEqual([])
    writeFileSync(join(folder, "d/somebody's"), "")
    expect(failures(await world.change(nodes, seen))).toEqual(["d: STALE it changed after it was read"])
  })

  test("links and folders in the way are named and never followed", async () => {
    mkdirSync(join(folder, "dir"))
    writeFileSync(join(folder, "target"), "untouched\n")
    symlinkSync("target", join(folder, "link"))
    const nodes = ["dir", "link"].map((name) => node(host.file, name, { path: join(folder, name), content: "x" }))
    const seen = await world.read(nodes)
    expect((seen.get("dir") as { failed: Error }).failed).toMatchObject({
      code: "FILE_REFUSED",
      fact: `${folder}/dir is a directory, not a file`,
    })
    expect((seen.get("link") as { failed: Error }).failed).toMatchObject({
      code: "FILE_REFUSED",
      fact: `${folder}/link is a symbolic link to target, not a file`,
    })
    expect(readFileSync(join(folder, "target"), "utf8")).toBe("untouched\n")
  })

  test("a missing folder fails its own files alone", async () => {
    const nodes = [
      node(host.file, "good", { path: join(folder, "good"), content: "x" }),
      node(host.file, "lost", { path: join(folder, "no/such"), content: "x" }),
    ]
    const done = await world.apply(nodes)
    expect(failures(done)).toEqual([`lost: FILE_REFUSED ${folder}/no/such: there is no directory ${folder}/no`])
    expect(readdirSync(folder)).toEqual(["good"])
  })

  test("1,000 files are made in one request and found in one", async () => {
    const nodes = Array.from({ length: 1_000 }, (_, at) =>
      node(host.file, `f${at}`, { path: join(folder, `f${at}`), content: `content ${at}\n${"x".repeat(at)}` }),
    )
    const done = await world.apply(nodes, { timeoutMs: 60_000 })
    expect(failures(done)).toEqual([])
    expect(done.size).toBe(1_000)
    expect([...(await world.apply(nodes)).values()].every(({ change }) => change.action === "none")).toBe(true)
    const gone = await world.apply(nodes.map((each) => left(each, done)))
    expect(failures(gone)).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test("two paths of one thing through a linked folder are refused, and only those", async () => {
    const real = join(folder, "it's real")
    mkdirSync(join(real, "deep"), { recursive: true })
    mkdirSync(join(folder, "other", "deep"), { recursive: true })
    symlinkSync(real, join(folder, "a link"))
    symlinkSync("it's real/deep", join(folder, "short"))
    const at = (name: string, ...path: string[]) =>
      node(host.file, name, { path: join(folder, ...path), content: `${name}\n` })
    const twins = [at("a", "it's real", "deep", "x"), at("b", "a link", "deep", "x"), at("c", "short", "x")]
    const others = [at("d", "other", "deep", "x"), at("e", "a link", "deep", "y"), at("f", "nowhere yet", "x")]
    const inside = node(host.link, "g", { path: join(folder, "short", "x"), to: "y" })
    const seen = await world.read([...twins, ...others, inside])
    for (const { address } of twins)
      expect(seen.get(address)).toMatchObject({ failed: { code: "DUPLICATE_ID", fact: expect.stringMatching("link") } })
    for (const { address } of [...others, inside]) expect(seen.get(address)).toEqual({ absent: true })
    expect(String((seen.get("b") as { failed: FettleError }).failed.fact)).toContain(`${real}/deep/x of a`)
  })

  test("a directory is removed only when it is empty", async () => {
    const wanted = node(host.directory, "d", { path: join(folder, "deep/d"), parents: true, mode: "2775" })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    expect(statSync(join(folder, "deep/d")).mode & 0o7777).toBe(0o2775)
    expect(statSync(join(folder, "deep")).mode & 0o7777).toBe(0o755)
    for (const name of ["a", "b", ".c"]) writeFileSync(join(folder, "deep/d", name), "")
    expect(failures(await world.apply([left(wanted, done)]))).toEqual([
      "d: FILE_REFUSED the directory is not empty: it holds .c, a, b",
    ])
    expect(existsSync(join(folder, "deep/d/a"))).toBe(true)
  })

  test("a link is moved, and only a link", async () => {
    mkdirSync(join(folder, "v1"))
    mkdirSync(join(folder, "v2"))
    const to = (name: string) => node(host.link, "current", { path: join(folder, "current"), to: name })
    const made = await world.apply([to("v1")])
    expect((await world.apply([to("v2")])).get("current")?.change).toMatchObject({
      action: "update",
      because: "it points to v1, wanted v2",
    })
    expect(readlinkSync(join(folder, "current"))).toBe("v2")
    expect(readdirSync(join(folder, "v1"))).toEqual([])
    expect(failures(await world.apply([left(to("v2"), made)]))).toEqual([])
    expect(existsSync(join(folder, "current"))).toBe(false)
    expect(lstatSync(join(folder, "v2")).isDirectory()).toBe(true)
  })

  test("a secret file never has its plain hash in outputs, nor its text in a plan", async () => {
    const path = join(folder, "key")
    const wanted = node(host.file, "key", { path, content: world.secret("KEY", "swordfish-1") })
    const done = await world.apply([wanted])
    expect(failures(done)).toEqual([])
    expect(readFileSync(path, "utf8")).toBe("swordfish-1")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(done.get("key")?.result).toMatchObject({ outputs: { hash: world.key.fingerprint("swordfish-1") } })
    const rotated = await world.apply([node(host.file, "key", { path, content: world.secret("KEY", "swordfish-2") })])
    expect(rotated.get("key")?.change).toEqual({ action: "update", props: ["content"], because: "content differs" })
    expect(failures(rotated)).toEqual([])
    writeFileSync(path, "moved by hand")
    const seen = await world.read([wanted])
    chmodSync(path, 0o600)
    expect(JSON.stringify([...seen])).not.toMatch(/[0-9a-f]{64}|moved by hand/)
  })
})
