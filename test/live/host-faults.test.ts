import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { cleanUp, failures, HostWorld, newFolder, node, type TestNode } from "./host-world.ts"

afterAll(cleanUp)

let folder: string

beforeEach(() => {
  folder = newFolder()
})

const manyFiles = (count: number, text: string): readonly TestNode[] =>
  Array.from({ length: count }, (_, at) =>
    node(host.file, `f${at}`, { path: join(folder, `d${at % 3}`, `f${at}`), content: `${text} ${at}\n`.repeat(50) }),
  )

describe("SIGKILL of the shell and all it runs, anywhere in an apply of 200 files over others", () => {
  test.each([0, 15, 40, 80, 150, 250])(
    "after %i ms: no torn file, every item attributed, nothing left behind",
    async (afterMs) => {
      for (const name of ["d0", "d1", "d2"]) mkdirSync(join(folder, name))
      const scope = `faults${afterMs}`
      const before = await HostWorld.open({ scope, shell: "sh" })
      expect(failures(await before.apply(manyFiles(200, "old")))).toEqual([])
      await before.close()
      const world = await HostWorld.open({ scope, shell: "sh" })
      const nodes = manyFiles(200, "new")
      const seen = await world.read(nodes)
      const changing = world.change(nodes, seen)
      await sleep(afterMs)
      killSession(scope)
      const done = await changing
      expect([...done.values()].filter(({ result }) => result === undefined)).toEqual([])
      for (const [at, { want }] of nodes.entries()) {
        const { path, content } = want as { path: string; content: string }
        const [text, result] = [readFileSync(path, "utf8"), done.get(`f${at}`)?.result]
        expect([content, content.replaceAll("new", "old")]).toContain(text)
        if (result !== undefined && "outputs" in result) expect(text).toBe(content)
        if (result !== undefined && "failed" in result && !result.maybe) expect(text).not.toBe(content)
      }
      expect(failures(await world.apply(nodes))).toEqual([])
      // A change in each folder is what cleans up; the last one makes sure that there is one.
      expect(failures(await world.apply(manyFiles(200, "last")))).toEqual([])
      await world.close()
      expect(
        ["d0", "d1", "d2"].flatMap((name) => readdirSync(join(folder, name))).filter((name) => name.startsWith(".")),
      ).toEqual([])
      expect(readdirSync("/dev/shm").filter((name) => name.includes(`-${scope}-`))).toEqual([])
    },
  )
})

/** Kills every process of the session whose shell has this scope in its folder's name, or waits for its opening line. */
function killSession(scope: string): void {
  const script = `for p in /proc/[0-9]*; do
    read -r a 2>/dev/null <$p/stat || continue
    a=\${a##*) }; set -- $a
    case " $LEADERS " in *" $4 "*) kill -9 \${p##*/};; esac
  done`
  const leaders = readdirSync("/dev/shm").flatMap((name) =>
    name.includes(`-${scope}-`) ? [name.split("-").at(-3)] : [],
  )
  spawnSync("sh", ["-c", script], { env: { ...process.env, LEADERS: leaders.join(" ") } })
}

test.skipIf(!need("strace", { install: "apt-get install strace" }))(
  "a failed sync changes nothing and says so",
  async () => {
    for (const name of ["d0", "d1", "d2"]) mkdirSync(join(folder, name))
    const quiet = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    const world = await HostWorld.open({
      scope: "eio",
      shell: "sh",
      prefix: [...quiet, "-e", "inject=fsync,fdatasync:error=EIO:when=5"],
    })
    const done = await world.apply(manyFiles(20, "x"))
    expect(failures(done)).toHaveLength(20)
    expect(failures(done)[0]).toMatch(/FILE_REFUSED .*Input\/output error/)
    expect([...done.values()].every(({ result }) => result !== undefined && "failed" in result && !result.maybe)).toBe(
      true,
    )
    await world.close()
    expect(["d0", "d1", "d2"].flatMap((name) => readdirSync(join(folder, name)))).toEqual([])
  },
)

test.skipIf(!need("strace", { install: "apt-get install strace" }))(
  "a folder that fails to sync after the rename is perhaps changed",
  async () => {
    mkdirSync(join(folder, "d0"))
    const quiet = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-P", join(folder, "d0")]
    const world = await HostWorld.open({
      scope: "eio2",
      shell: "sh",
      prefix: [...quiet, "-e", "inject=fsync,fdatasync:error=EIO"],
    })
    const done = await world.apply(manyFiles(1, "x"))
    await world.close()
    const results = [...done.values()].map(({ result }) => result)
    expect(results).toMatchObject([
      { failed: { code: "CHANGE_FAILED", fact: expect.stringContaining("Input/output error") }, maybe: true },
    ])
  },
)

test.skipIf(process.getuid?.() !== 0)(
  "a full disk fails what does not fit, with the system's words, and tears nothing",
  async () => {
    asRoot("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder])
    try {
      writeFileSync(join(folder, "a"), "old")
      const nodes = [
        node(host.file, "a", { path: join(folder, "a"), content: "new" }),
        ...["big", "huge", "vast"].map((name) =>
          node(host.file, name, { path: join(folder, name), content: "x".repeat(3_000_000) }),
        ),
      ]
      const world = await HostWorld.open({ scope: "full", shell: "sh" })
      const done = await world.apply(nodes)
      for (const name of ["big", "huge", "vast"])
        expect(done.get(name)?.result, "one short line, and what to do").toMatchObject({
          failed: {
            code: "FILE_REFUSED",
            fact: `${join(folder, name)}: no space left on ${folder}`,
            next: "free space there, then apply again",
          },
        })
      expect(["old", "new"]).toContain(readFileSync(join(folder, "a"), "utf8"))
      expect(readdirSync(folder)).toEqual(["a"])
      await world.close()
    } finally {
      asRoot("umount", [folder])
    }
  },
)

test("reading writes nothing at all, not even a folder of its own", async () => {
  const world = await HostWorld.open({ scope: "readonly", shell: "sh" })
  await world.read([
    node(host.file, "f", { path: join(folder, "f"), content: "x" }),
    node(host.process, "p", { command: ["x"], directory: join(folder, "p") }),
  ])
  expect(readdirSync("/dev/shm").filter((name) => name.includes("-readonly-"))).toEqual([])
  expect(readdirSync(folder)).toEqual([])
  await world.close()
})

test.skipIf(process.getuid?.() !== 0)(
  "a host on which nothing can be written is read, and refuses changes",
  async () => {
    const readOnly = 'for d in /dev/shm /tmp /var/tmp; do mount -t tmpfs -o ro tmpfs $d || exit; done; exec "$@"'
    const prefix = ["unshare", "--mount", "sh", "-c", readOnly, "fettle"]
    const world = await HostWorld.open({ scope: "readonly", shell: "sh", prefix })
    const nodes = [
      node(host.file, "hosts", { path: "/etc/hosts" }),
      node(host.file, "new", { path: "/etc/fettle-test", content: "x" }),
    ]
    const seen = await world.read(nodes)
    expect(seen.get("hosts")).toMatchObject({ outputs: { path: "/etc/hosts" } })
    const done = await world.change([nodes[1] as TestNode], seen)
    expect(done.get("new")?.result).toMatchObject({ failed: { code: "HOST_TOOLS" }, maybe: false })
    expect(failures(await world.change([nodes[1] as TestNode], seen))).toHaveLength(1)
    await world.close()
    expect(existsSync("/etc/fettle-test")).toBe(false)
  },
)

function asRoot(command: string, args: readonly string[]): void {
  execFileSync(command, args)
}
