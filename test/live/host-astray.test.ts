import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Seen } from "../../src/provider.ts"
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

/** A user and a group that need no entry in any list. */
const APP = 4712
/** A group of the system that has members: the first user of it is enough. */
const EVERYBODY = 65534

afterAll(cleanUp)

/** What a plan would refuse. */
function refusals(seen: ReadonlyMap<string, Seen<unknown>>): readonly string[] {
  return [...seen.values()].flatMap((each) => ("failed" in each ? [each.failed.fact] : []))
}

/** Every kind that writes at a path that the program names. */
const KINDS: readonly (readonly [string, (folder: string, source: string) => TestNode])[] = [
  ["file", (at) => node(host.file, "n", { path: join(at, "file"), content: "x" })],
  ["directory", (at) => node(host.directory, "n", { path: join(at, "directory") })],
  ["link", (at) => node(host.link, "n", { path: join(at, "link"), to: "x" })],
  ["line", (at) => node(host.line, "n", { path: join(at, "hosts"), line: "x", create: "0644" })],
  ["block", (at) => node(host.block, "n", { path: join(at, "block"), name: "b", content: "x\n", create: "0644" })],
  ["tree", (at, source) => node(host.tree, "n", { path: join(at, "tree"), source })],
  ["git", (at) => node(host.git, "n", { path: join(at, "git"), repository: "/nowhere", commit: "a".repeat(40) })],
  ["process", (at) => node(host.process, "n", { directory: join(at, "run"), command: ["sleep", "60"] })],
]

describe.skipIf(process.getuid?.() !== 0).each(shellsHere())(
  "root that others could lead astray, through %s",
  (shell) => {
    let folder: string
    let source: string

    beforeEach(() => {
      folder = newFolder()
      chmodSync(folder, 0o755)
      mkdirSync(join(folder, "safe"))
      mkdirSync(join(folder, "app"))
      symlinkSync(join(folder, "safe"), join(folder, "app/astray"))
      chownSync(join(folder, "app"), APP, APP)
      source = newFolder()
      writeFileSync(join(source, "inside"), "x")
      symlinkSync("inside", join(source, "link"))
    })

    const strict = (): Promise<HostWorld> => HostWorld.open({ ...carrierFor(shell, "astray"), strict: true })

    test.each(KINDS)(
      "%s: nothing is written in another's folder, nor where a link of its owner leads",
      async (_kind, make) => {
        const world = await strict()
        for (const at of ["app", "app/astray"]) {
          const thing = make(join(folder, at), source)
          const planned = (await world.read([thing])).get("n")
          // Where it was another's only after it was read, the change itself refuses.
          chownSync(join(folder, "app"), 0, 0)
          const seen = await world.read([thing])
          chownSync(join(folder, "app"), APP, APP)
          const told = failures(await world.change([thing], seen))
          expect(told).toHaveLength(1)
          for (const words of [told[0], planned && "failed" in planned && planned.failed.fact]) {
            expect(words).toContain(`${join(folder, "app")} belongs to `)
            expect(words).toContain("declare it on a connection that acts as ")
            expect(words).toContain('on(host.ssh(NAME, { become: { by: "sudo", user: "')
          }
        }
        await world.close()
        expect(readdirSync(join(folder, "safe"))).toEqual([])
        expect(readdirSync(join(folder, "app"))).toEqual(["astray"])
      },
    )

    test("a file of another is edited and removed by nobody but its owner", async () => {
      const path = join(folder, "app/lines")
      writeFileSync(path, "old\n")
      const line = node(host.line, "line", { path, line: "new" })
      const world = await strict()
      expect(refusals(await world.read([line]))).toHaveLength(1)
      await world.close()
      expect(readFileSync(path, "utf8")).toBe("old\n")
      chownSync(path, APP, APP)
      const { prefix = [], ...carrier } = carrierFor(shell, "astray")
      const asApp = [...prefix, "/usr/bin/setpriv", `--reuid=${APP}`, `--regid=${APP}`, "--clear-groups"]
      const app = await HostWorld.open({ ...carrier, strict: true, prefix: asApp })
      expect(
        failures(
          await app.apply([
            line,
            ...KINDS.slice(0, 6).map(([name, make]) => ({ ...make(join(folder, "app"), source), address: name })),
          ]),
        ),
      ).toEqual([])
      await app.close()
      expect(readFileSync(path, "utf8")).toBe("old\nnew\n")
      expect(statSync(join(folder, "app/tree/inside")).uid).toBe(APP)
    })

    test("a tree of another is made whole, and what root cannot follow later is refused before it begins", async () => {
      const path = join(folder, "safe/tree")
      mkdirSync(join(source, "sub/deep"), { recursive: true })
      writeFileSync(join(source, "sub/deep/file"), "x")
      const make = (): TestNode => node(host.tree, "n", { path, source, owner: String(APP), group: String(APP) })
      const world = await strict()
      const done = await world.apply([make()])
      expect(failures(done)).toEqual([])
      for (const name of ["", "sub", "sub/deep", "sub/deep/file", "link"]) {
        expect([name, lstatSync(join(path, name)).uid]).toEqual([name, APP])
      }
      const next = { ...make(), last: left(make(), done).last } as TestNode
      expect((await world.apply([next])).get("n")?.change.action).toBe("none")
      writeFileSync(join(source, "sub/new"), "x")
      expect((await world.read([next])).get("n")).toMatchObject({
        failed: { code: "FILE_REFUSED", fact: expect.stringContaining(`${path} belongs to `) },
      })
      const ended = { ...left(make(), done), address: "ended" } as TestNode
      expect(refusals(await world.read([ended]))).toEqual([expect.stringContaining(`${path} belongs to `)])
      await world.close()
      expect(existsSync(join(path, "sub/new"))).toBe(false)
    })

    test.each([
      ["everybody may write", 0o777, 0, true],
      ["everybody may write, with the sticky bit", 0o1777, 0, false],
      ["a group with members may write", 0o775, EVERYBODY, true],
      ["a group with members may write, with the sticky bit", 0o1775, EVERYBODY, false],
      ["a group of people may write", 0o775, 4713, true],
      ["root's own group may write", 0o775, 0, false],
      ["a group of the system without members may write", 0o775, 50, false],
    ])("a folder of root where %s", async (_what, mode, gid, refused) => {
      const at = join(folder, "shared")
      mkdirSync(at)
      chownSync(at, 0, gid)
      chmodSync(at, mode)
      mkdirSync(join(at, "below"))
      const world = await strict()
      const nodes = [
        node(host.file, "file", { path: join(at, "file"), content: "x" }),
        node(host.link, "link", { path: join(at, "below/link"), to: "x" }),
      ]
      const seen = await world.read(nodes)
      const told = [...refusals(seen), ...failures(await world.change(nodes, seen))]
      expect(told).toHaveLength(refused ? 2 : 0)
      for (const each of told)
        expect(each).toMatch(/may write in .*shared and could lead elsewhere what root writes there; chmod [go]-w/)
      expect(
        [join(at, "file"), join(at, "below/link")].map(
          (path) => existsSync(path) || (path.endsWith("link") && readdirSync(join(at, "below")).length > 0),
        ),
      ).toEqual([!refused, !refused])
      await world.close()
    })
  },
)
