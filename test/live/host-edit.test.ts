import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Seen } from "../../src/provider.ts"
import { Secret } from "../../src/secrets/secret.ts"
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

const SSHD = "# a comment\n#Port 22\nPermitRootLogin yes\n\n[last]\nx=1\n"

describe.each(shellsHere())("parts of files through %s", (shell) => {
  let world: HostWorld
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = newFolder()
    path = join(folder, "conf")
    world = await HostWorld.open(carrierFor(shell, "edit"))
  })

  afterEach(() => world.close())

  const text = (): string => readFileSync(path, "utf8")
  const line = (name: string, props: object): TestNode => node(host.line, name, { path, ...props })

  async function settled(nodes: readonly TestNode[]): Promise<void> {
    const again = await world.apply(nodes)
    expect([...again].map(([address, { change }]) => `${address} ${change.action}`)).toEqual(
      nodes.map(({ address }) => `${address} none`),
    )
    expect(readdirSync(folder).filter((name) => name.startsWith(".fettle"))).toEqual([])
  }

  test("all edits of one file are synced once, the first that is refused takes none with it, and all go at once", async () => {
    const bin = newFolder()
    chmodSync(bin, 0o755)
    const log = join(bin, "log")
    writeFileSync(join(bin, "sync"), `#!/bin/sh\n[ "$1" = --help ] || echo >>${log}\nexec /bin/sync "$@"\n`, {
      mode: 0o755,
    })
    const { prefix = [], ...carrier } = carrierFor(shell, "edit")
    const through = shell === "busybox" ? [] : ["/usr/bin/env", `PATH=${bin}:${process.env.PATH}`]
    const counting = await HostWorld.open({ ...carrier, prefix: [...prefix, ...through] as [string, ...string[]] })
    writeFileSync(path, Array.from({ length: 20 }, (_, at) => `#key${at} = old\n`).join(""))
    const lines = Array.from({ length: 20 }, (_, at) =>
      line(`l${at}`, { line: `key${at} = new`, replaces: `^#?key${at} ` }),
    )
    const blocks = Array.from({ length: 5 }, (_, at) =>
      node(host.block, `b${at}`, { path, name: `b${at}`, content: `x${at}\n` }),
    )
    // What stands in their place is judged here where all of it is plain, else by grep.
    for (const last of ["old", "öld", "x".repeat(600)]) {
      writeFileSync(path, text().replace(/(#key19 = ).*/, `$1${last}`))
      const seen = await counting.read(lines)
      const found = lines.map(({ address }) => (seen.get(address) as { shown?: { found?: string } }).shown?.found)
      expect(found).toEqual(lines.map((_, at) => `${at + 1}:#key${at} = ${at === 19 ? last : "old"}`))
    }
    writeFileSync(log, "")
    const done = await counting.apply([...lines, ...blocks])
    expect(failures(done)).toEqual([])
    if (shell !== "busybox") expect(readFileSync(log, "utf8").length).toBe(4) // file and folder, of lines and of blocks
    const wanted = [
      ...lines.map((_, at) => `key${at} = new\n`),
      ...blocks.map((_, at) => `# BEGIN fettle: b${at}\nx${at}\n# END fettle: b${at}\n`),
    ]
    expect(text()).toBe(wanted.join(""))
    await settled([...lines, ...blocks])
    const mixed = [line("ok", { line: "ok" }), line("bad", { line: "bad", place: { after: "^nowhere" } })]
    expect(failures(await counting.apply(mixed))).toEqual([expect.stringMatching(/^bad: .*no line matches/)])
    expect(text()).toBe(`${wanted.join("")}ok\n`)
    expect(failures(await counting.apply(lines.map((each) => left(each, done))))).toEqual([])
    expect(text()).toBe(`${wanted.slice(20).join("")}ok\n`)
    await counting.close()
  })

  describe("host.line", () => {
    test.each([
      ["at the end", { line: "new" }, `${SSHD}new\n`],
      ["at the start", { line: "new", place: "start" }, `new\n${SSHD}`],
      ["after a line", { line: "y=2", place: { after: "^\\[last\\]" } }, SSHD.replace("[last]\n", "[last]\ny=2\n")],
      ["before a line", { line: "y=2", place: { before: "^\\[last\\]" } }, SSHD.replace("[last]\n", "y=2\n[last]\n")],
      ["after the last line", { line: "y=2", place: { after: "x=1" } }, `${SSHD}y=2\n`],
      ["before the first line", { line: "y=2", place: { before: "comment" } }, `y=2\n${SSHD}`],
      [
        "in place of one that matches",
        { line: "Port 2222", replaces: "^#?Port " },
        SSHD.replace("#Port 22", "Port 2222"),
      ],
      ["none matches: put in", { line: "Listen 1", replaces: "^Listen " }, `${SSHD}Listen 1\n`],
      [
        "any characters",
        { line: "a'b\"c\\n$(id) `id` %s * ünï\t-e", replaces: "^\\[last\\]$" },
        SSHD.replace("[last]", "a'b\"c\\n$(id) `id` %s * ünï\t-e"),
      ],
      ["a line like an option", { line: "-v" }, `${SSHD}-v\n`],
      ["several", { line: "one", replaces: "^(#Port|Permit|x=)", multiple: true }, "# a comment\none\n\n[last]\n"],
      ["none may match", { absent: "^(#Port|Permit)" }, "# a comment\n\n[last]\nx=1\n"],
    ])("%s", async (_what, props, wanted) => {
      writeFileSync(path, SSHD, { mode: 0o640 })
      chownSync(path, 1, 2)
      const nodes = [line("l", props)]
      expect(failures(await world.apply(nodes))).toEqual([])
      expect(text()).toBe(wanted)
      const { mode, uid, gid } = statSync(path)
      expect([mode & 0o7777, uid, gid]).toEqual([0o640, 1, 2])
      await settled(nodes)
    })

    test("a plan says what goes and what comes", async () => {
      writeFileSync(path, SSHD)
      const done = await world.apply([
        line("p", { line: "Port 2222", replaces: "^#?Port " }),
        line("n", { line: "new" }),
        line("a", { absent: "^Permit" }),
      ])
      expect([...done.values()].map(({ change }) => change)).toEqual([
        { action: "create", text: "@@ line 2 @@\n-#Port 22\n+Port 2222" },
        { action: "create", text: "+new" },
        {
          action: "update",
          props: ["absent"],
          because: "1 lines match, wanted none",
          text: "@@ line 3 @@\n-PermitRootLogin yes",
        },
      ])
    })

    test("forty lines of one file all land in one request, with links and folders beside them", async () => {
      writeFileSync(path, "first\nno newline")
      const nodes = Array.from({ length: 40 }, (_, at) => line(`l${at}`, { line: `line ${at}` }))
      const done = await world.apply(nodes)
      expect(failures(done)).toEqual([])
      expect(text()).toBe(`first\nno newline\n${nodes.map((_, at) => `line ${at}\n`).join("")}`)
      await settled(nodes)
      expect(failures(await world.apply(nodes.slice(0, 39).map((each) => left(each, done))))).toEqual([])
      expect(text()).toBe("first\nno newline\nline 39\n")
    })

    test("what it had left there is moved, and what somebody else made of it is brought back", async () => {
      writeFileSync(path, SSHD)
      const first = line("l", { line: "Port 1", replaces: "^#?Port " })
      const done = await world.apply([first])
      const last = left(first, done).last as never
      const moved = { ...line("l", { line: "Listen 2", replaces: "^Listen" }), last }
      expect((await world.apply([moved])).get("l")?.change).toMatchObject({
        action: "update",
        because: 'it is "Port 1"',
      })
      expect(text()).toBe(SSHD.replace("#Port 22", "Listen 2"))
      writeFileSync(path, SSHD.replace("#Port 22", "Listen 3"))
      const seen = await world.read([moved])
      expect(seen.get("l")).toMatchObject({ outputs: { line: "Listen 3" } })
      expect(failures(await world.change([moved], seen))).toEqual([])
      expect(text()).toBe(SSHD.replace("#Port 22", "Listen 2"))
    })

    test("a line that changed after it was read is not overwritten; what came to be there meanwhile is", async () => {
      writeFileSync(path, SSHD)
      const nodes = [line("l", { line: "Port 1", replaces: "^#?Port " })]
      const seen = await world.read(nodes)
      writeFileSync(path, SSHD.replace("#Port 22", "Port 9"))
      expect(failures(await world.change(nodes, seen))).toEqual(["l: STALE it changed after it was read"])
      const unseen = new Map<string, Seen<unknown>>([["l", { absent: true }]])
      expect(failures(await world.change(nodes, unseen))).toEqual([])
      expect(failures(await world.change(nodes, seen))).toEqual([])
      expect(text()).toBe(SSHD.replace("#Port 22", "Port 1"))
    })

    test.each([
      ["no file", {}, "", /^l: FILE_REFUSED there is no file .*conf$/],
      ["no place", { place: { after: "^nowhere" } }, SSHD, /no line matches \^nowhere, after which it is to go/],
      ["a wrong place", { place: { after: "(" } }, SSHD, /grep: .*\(/],
    ])("%s is refused", async (_what, props, before, words) => {
      if (before !== "") writeFileSync(path, before)
      expect(failures(await world.apply([line("l", { line: "new", ...props })])).join()).toMatch(words)
      expect(readdirSync(folder)).toEqual(before === "" ? [] : ["conf"])
    })

    test("of two that match nobody can tell which is meant: refused before anything is changed, and where it comes later", async () => {
      writeFileSync(path, SSHD)
      const nodes = [line("l", { line: "new", replaces: "^(#Port|Permit)" })]
      const words = /2 lines match, of numbers 2 3: give a narrower/
      expect((await world.read(nodes)).get("l")).toMatchObject({
        failed: { code: "FILE_REFUSED", fact: expect.stringMatching(words) },
      })
      const unseen = new Map<string, Seen<unknown>>([["l", { absent: true }]])
      expect(failures(await world.change(nodes, unseen)).join()).toMatch(words)
      expect(text()).toBe(SSHD)
    })

    test("an expression that grep does not take fails the read, not absence", async () => {
      writeFileSync(path, SSHD)
      const seen = await world.read([line("l", { line: "new", replaces: "(" })])
      expect(seen.get("l")).toMatchObject({ failed: { code: "READ_FAILED" } })
    })

    test("a missing file is made with its mode, and one without a newline keeps its last line", async () => {
      const nodes = [line("l", { line: "new", create: "600" })]
      expect(failures(await world.apply(nodes))).toEqual([])
      expect([text(), statSync(path).mode & 0o7777]).toEqual(["new\n", 0o600])
      writeFileSync(path, "bytes \0 and\xff\nlast", "latin1")
      expect(failures(await world.apply(nodes))).toEqual([])
      expect(readFileSync(path, "latin1")).toBe("bytes \0 and\xff\nlast\nnew\n")
    })

    test("links are followed where nobody else can turn them", async () => {
      mkdirSync(join(folder, "real"))
      writeFileSync(join(folder, "real/conf"), "one\n")
      symlinkSync("real/conf", path)
      const nodes = [line("l", { line: "two" })]
      expect(failures(await world.apply(nodes))).toEqual([])
      expect(lstatSync(path).isSymbolicLink()).toBe(true)
      expect(text()).toBe("one\ntwo\n")
      await settled(nodes)
      const theirs = join(folder, "theirs")
      mkdirSync(theirs)
      symlinkSync("../real/conf", join(theirs, "conf"))
      chownSync(theirs, 1, 1)
      const other = node(host.line, "o", { path: join(theirs, "conf"), line: "three" })
      expect(failures(await world.apply([other])).join()).toMatch(/conf is a symbolic link that another user can turn/)
      expect(text()).toBe("one\ntwo\n")
    })

    test("a folder in the way, and a file that may not be read", async () => {
      mkdirSync(path)
      const seen = await world.read([line("l", { line: "two" })])
      expect(seen.get("l")).toMatchObject({ failed: { code: "FILE_REFUSED" } })
      chmodSync(path, 0o755)
    })
  })

  describe("host.block", () => {
    const block = (name: string, props: object): TestNode => node(host.block, name, { path, name, ...props })
    const made = (name: string, body: string): string => `# BEGIN fettle: ${name}\n${body}# END fettle: ${name}\n`

    test("blocks of one file all land in one request, are changed, and only ours goes", async () => {
      writeFileSync(path, SSHD, { mode: 0o604 })
      const nodes = [
        block("a", { content: "one\ntwo" }),
        block("b", { content: "", place: "start" }),
        block("c", { content: "it's $(id) `x` %s \\n\n", place: { after: "^\\[last" } }),
        line("l", { line: "Port 1", replaces: "^#?Port " }),
      ]
      const done = await world.apply(nodes)
      expect(failures(done)).toEqual([])
      const c = made("c", "it's $(id) `x` %s \\n\n")
      const rest = SSHD.replace("[last]\n", `[last]\n${c}`).replace("#Port 22", "Port 1")
      expect(text()).toBe(`${made("b", "")}${rest}${made("a", "one\ntwo\n")}`)
      expect(statSync(path).mode & 0o7777).toBe(0o604)
      await settled(nodes)
      const other = await world.apply([block("a", { content: "one\n2\n" })])
      expect(other.get("a")?.change).toEqual({
        action: "update",
        props: ["content"],
        because: "content differs",
        text: "@@ -1,2 +1,2 @@\n one\n-two\n+2",
      })
      expect(text()).toContain(made("a", "one\n2\n"))
      const all = nodes.map((each) => left(each, done))
      expect(failures(await world.apply(all))).toEqual([])
      expect(text()).toBe(SSHD.replace("#Port 22\n", ""))
      expect(failures(await world.change(all, await world.read(nodes)))).toEqual([])
    })

    test("a comment that must be closed, a missing file, a link", async () => {
      const nodes = [block("x y", { content: "<p>\n", comment: ["<!--", "-->"], create: "644" })]
      expect(failures(await world.apply(nodes))).toEqual([])
      expect(text()).toBe("<!-- BEGIN fettle: x y -->\n<p>\n<!-- END fettle: x y -->\n")
      await settled(nodes)
    })

    test("what somebody else changed between the marks after it was read is not overwritten", async () => {
      writeFileSync(path, made("a", "one\n"))
      const nodes = [block("a", { content: "two\n" })]
      const seen = await world.read(nodes)
      writeFileSync(path, made("a", "three\n"))
      expect(failures(await world.change(nodes, seen))).toEqual(["a: STALE it changed after it was read"])
      writeFileSync(path, made("a", "two\n"))
      expect(failures(await world.change(nodes, seen))).toEqual([])
    })

    test.each([
      ["no end", "# BEGIN fettle: a\nx\n", "lines 1"],
      ["two", `${made("a", "")}${made("a", "")}`, "lines 1 2 3 4"],
      ["the wrong way round", "# END fettle: a\n# BEGIN fettle: a\n", "lines 1 2"],
    ])("marks that are no pair are refused: %s", async (_what, before, words) => {
      writeFileSync(path, before)
      const nodes = [block("a", { content: "x" })]
      expect((await world.read(nodes)).get("a")).toMatchObject({
        failed: { code: "FILE_REFUSED", fact: `${path}: the marks of the block are no pair: ${words}` },
      })
      const unseen = new Map<string, Seen<unknown>>([["a", { absent: true }]])
      expect(failures(await world.change(nodes, unseen)).join()).toContain(words)
      expect(text()).toBe(before)
    })

    test("a secret block is compared by its seal and never shown", async () => {
      writeFileSync(path, "x\n", { mode: 0o600 })
      const sealed = (value: string): TestNode => {
        const one = block("a", { content: world.secret("KEY", value) })
        const { content } = one.want as { content: Secret<string> }
        Secret.remember(content, { value: `${value}\n`, fingerprint: world.key.fingerprint(`${value}\n`) })
        return one
      }
      const nodes = [sealed("swordfish-1")]
      const done = await world.apply(nodes)
      expect(failures(done)).toEqual([])
      expect(text()).toBe(`x\n${made("a", "swordfish-1\n")}`)
      await settled(nodes)
      const rotated = await world.apply([sealed("swordfish-2")])
      expect(rotated.get("a")?.change).toEqual({ action: "update", props: ["content"], because: "content differs" })
      expect(text()).toBe(`x\n${made("a", "swordfish-2\n")}`)
      expect(JSON.stringify([...(await world.read(nodes)), ...done])).not.toMatch(/swordfish|"[0-9a-f]{64}"/)
    })
  })
})
