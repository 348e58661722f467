import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
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

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex")

/** Packs these files. */
function pack(to: string, files: Readonly<Record<string, string>>): string {
  const from = mkdtempSync(join(dirname(to), "pack-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(from, name)), { recursive: true })
    writeFileSync(join(from, name), text)
    if (text.startsWith("#!")) chmodSync(join(from, name), 0o755)
  }
  if (to.endsWith(".zip")) execFileSync("python3", ["-m", "zipfile", "-c", to, ...readdirSync(from)], { cwd: from })
  else execFileSync("tar", ["-caf", to, "--owner=4711", "--group=4711", "-C", from, ...readdirSync(from)])
  rmSync(from, { recursive: true })
  return to
}

describe.each(shellsHere())("archives through %s", (shell) => {
  let world: HostWorld
  let folder: string
  let into: string

  beforeEach(async () => {
    folder = newFolder()
    into = join(folder, "it's $(id) -x")
    world = await HostWorld.open(carrierFor(shell, "archive"))
  })
  afterEach(() => world.close())

  const of = (archive: string, props: object = {}): TestNode =>
    node(host.archive, "a", { path: into, archive, sha256: sha256(archive), ...props })
  const all = (): readonly string[] => readdirSync(into, { recursive: true, encoding: "utf8" }).sort()

  test("is unpacked once; a later one takes out what it no longer holds, a removal all of it", async () => {
    const odd = { "top/a b'c": "x", "top/bin/run": "#!/bin/sh\n", "top/-e/deep/er": "y", "top/.hidden": "z" }
    const one = of(pack(join(folder, "one.tar.gz"), odd), { strip: 1 })
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    expect(done.get("a")?.result).toMatchObject({ outputs: { files: 4 } })
    expect(all()).toEqual(["-e", "-e/deep", "-e/deep/er", ".fettle-archive", ".hidden", "a b'c", "bin", "bin/run"])
    const { mode, uid } = statSync(join(into, "bin/run"))
    expect([mode & 0o777, uid]).toEqual([0o755, process.getuid?.()])
    expect((await world.apply([one])).get("a")?.change).toEqual({ action: "none" })
    rmSync(join(into, "bin/run"))
    expect((await world.apply([one])).get("a")?.change).toMatchObject({ because: "1 of its 4 files are gone" })
    expect(existsSync(join(into, "bin/run"))).toBe(true)
    writeFileSync(join(into, "bin/theirs"), "kept")
    const two = of(pack(join(folder, "two.tar"), { "a b'c": "new", "bin/more": "" }))
    const again = await world.apply([two])
    expect([failures(again), again.get("a")?.change]).toMatchObject([[], { because: "another archive was unpacked" }])
    expect(all()).toEqual([".fettle-archive", "a b'c", "bin", "bin/more", "bin/theirs"])
    expect(readFileSync(join(into, "a b'c"), "utf8")).toBe("new")
    expect(failures(await world.apply([left(two, again)]))).toEqual([])
    expect(all()).toEqual(["bin", "bin/theirs"])
  })

  test("what somebody else has there is not replaced, and a folder that held nothing else goes", async () => {
    const one = of(pack(join(folder, "one.tgz"), { a: "x", "b/c": "y" }))
    mkdirSync(join(into, "b"), { recursive: true })
    writeFileSync(join(into, "b/c"), "theirs")
    expect(failures(await world.apply([one]))).toEqual([
      expect.stringContaining("b/c is there, and was not unpacked by fettle"),
    ])
    expect(all()).toEqual(["b", "b/c"])
    rmSync(into, { recursive: true })
    const done = await world.apply([one])
    expect(failures(await world.apply([left(one, done)]))).toEqual([])
    expect(existsSync(into)).toBe(false)
  })

  test("one with another hash, a broken one, and one without the folder that is to be left out are refused", async () => {
    const archive = pack(join(folder, "one.tar"), { a: "x", b: "y" })
    expect(failures(await world.apply([of(archive, { sha256: "0".repeat(64) })]))).toEqual([
      expect.stringContaining(`one.tar is not what is wanted: its SHA-256 is ${sha256(archive)}`),
    ])
    writeFileSync(join(folder, "bad.tar.gz"), "no archive")
    expect(failures(await world.apply([of(join(folder, "bad.tar.gz"))]))).toEqual([
      expect.stringContaining("CHANGE_FAILED bad.tar.gz cannot be unpacked: "),
    ])
    expect(failures(await world.apply([of(archive, { strip: 1 })]))).toEqual([
      expect.stringContaining("no single folder"),
    ])
    expect(all()).toEqual([])
  })

  test("a path that leads out of the folder leads nowhere", async () => {
    const from = mkdtempSync(join(folder, "evil-"))
    writeFileSync(join(from, "x"), "evil")
    execFileSync("tar", ["-cPf", join(folder, "evil.tar"), "--transform=s#x#../../escaped#", "-C", from, "x"])
    await world.apply([of(join(folder, "evil.tar"))])
    expect([existsSync(join(folder, "escaped")), existsSync(join(dirname(folder), "escaped"))]).toEqual([false, false])
    mkdirSync(join(folder, "elsewhere"))
    rmSync(into, { recursive: true, force: true })
    symlinkSync(join(folder, "elsewhere"), into)
    expect(failures(await world.apply([of(pack(join(folder, "one.tar"), { a: "x" }))]))).toEqual([
      expect.stringContaining("is a symbolic link"),
    ])
  })

  test.skipIf(!need("unzip", { install: "apt-get install unzip" }))("a zip", async () => {
    const done = await world.apply([
      of(pack(join(folder, "one.zip"), { "t/a": "x", "t/b/c": "y" }), { strip: 1, mode: "700" }),
    ])
    expect([failures(done), all(), statSync(into).mode & 0o777]).toEqual([
      [],
      [".fettle-archive", "a", "b", "b/c"],
      0o700,
    ])
  })
})

describe("host.archive", () => {
  const folder = newFolder()
  const [one, two] = ["one", "two"].map((name) => pack(join(folder, `${name}.tar`), { [name]: "x", both: name })) as [
    string,
    string,
  ]
  conformsTests(
    host.archive,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `at${variant}`), archive: one, sha256: sha256(one) }),
      change: (props) => ({ ...props, archive: two, sha256: sha256(two) }),
      count: () => readdirSync(folder).filter((name) => name.startsWith("at")).length,
      refused: (variant) => ({ path: join(folder, "none", `r${variant}`), archive: one, sha256: sha256(one) }),
    },
    { test },
  )
})
