import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { program, resource, text } from "fettle"
import { afterAll, describe, expect, test } from "vitest"
import type { Carrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import { sshCarrier } from "../../src/connect/host/ssh-carrier.ts"
import * as host from "../../src/host.ts"
import { failures, HostWorld, node } from "../live/host-world.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"

/** FETTLE_HOST_ITEMS=10000 makes it a long one. */
const ITEMS = Number(process.env.FETTLE_HOST_ITEMS ?? 2_000)
/** Requests after the connection, however many items there are. */
const REQUESTS_MAX = 3
/** What a name may be made of that a shell, a tool or a protocol could take for something else. */
const NAMES = [
  "with space",
  "it's",
  'say "hi"',
  "-rf",
  "--",
  "$(touch x)",
  "`id`",
  "back\\slash",
  "new\nline",
  "\n",
  " ",
  "tab\tbell\u0007",
  "ünï-漢字-🎉",
  "*",
  "a;b|c&d",
  "~",
  "%s%n",
  ".hidden",
]

describe.skipIf(!canStartHosts())("the limits of a host over ssh", () => {
  afterAll(stopHosts)

  test("a full disk fails what does not fit and tears nothing; with room the next run converges", async () => {
    const { web, folder, world, mounted } = await hostWithDisk("full", "size=1m")
    writeFileSync(web.inside(join(folder, "a")), "old")
    const nodes = [
      node(host.file, "a", { path: join(folder, "a"), content: "new" }),
      node(host.directory, "d", { path: join(folder, "d") }),
      ...["big", "huge"].map((name) =>
        node(host.file, name, { path: join(folder, name), content: "x".repeat(3_000_000) }),
      ),
    ]
    const failed = failures(await world.apply(nodes))
    for (const name of ["big", "huge"])
      expect(failed).toContain(`${name}: FILE_REFUSED ${join(folder, name)}: no space left on ${folder}`)
    expect(["old", "new"]).toContain(readFileSync(web.inside(join(folder, "a")), "utf8"))
    expect(readdirSync(web.inside(folder)).filter((name) => !["a", "d"].includes(name))).toEqual([])
    mounted("remount,size=20m")
    expect(failures(await world.apply(nodes))).toEqual([])
    expect(readFileSync(web.inside(join(folder, "huge")), "utf8")).toHaveLength(3_000_000)
    expect(readdirSync(web.inside(folder)).sort()).toEqual(["a", "big", "d", "huge"])
    await world.close()
  })

  test("a read-only file system is read, and refuses each change in its own words", async () => {
    const { web, folder, world, mounted } = await hostWithDisk("readonly", "size=1m")
    writeFileSync(web.inside(join(folder, "a")), "old")
    mounted("remount,ro")
    const path = (name: string): string => join(folder, name)
    const nodes = [
      node(host.file, "a", { path: path("a"), content: "new" }),
      node(host.file, "new", { path: path("new"), content: "new" }),
      node(host.directory, "d", { path: path("d") }),
      node(host.link, "l", { path: path("l"), to: "a" }),
      node(host.line, "line", { path: path("lines"), line: "x", create: "0644" }),
    ]
    const done = await world.apply(nodes)
    expect(failures(done)).toHaveLength(nodes.length)
    for (const each of failures(done)) expect(each).toMatch(/ (FILE_REFUSED|CHANGE_FAILED) .*[Rr]ead-only file system/)
    expect(readFileSync(web.inside(path("a")), "utf8")).toBe("old")
    mounted("remount,rw")
    expect(failures(await world.apply(nodes))).toEqual([])
    expect(readdirSync(web.inside(folder)).sort()).toEqual(["a", "d", "l", "lines", "new"])
    await world.close()
  })

  test("every name is only a name, through folders, files, links, lines and commands of one request", async () => {
    const web = await SshHost.start("names")
    const target = testFolder()
    const { on, requests } = counted(web)
    const names = program("names", {}, () => {
      for (const [at, name] of NAMES.entries()) {
        const folder = resource(host.directory, `d${at}`, { path: `${target}/${name}` }, { on })
        const file = resource(host.file, `f${at}`, { path: text`${folder.path}/${name}`, content: name }, { on })
        resource(host.link, `l${at}`, { path: text`${folder.path}/link`, to: name }, { on, after: [file] })
        const lines = { path: text`${folder.path}/${name}s`, line: name.replaceAll("\n", "$"), create: "0644" }
        resource(host.line, `i${at}`, lines, { on })
        const command: [string, ...string[]] = ["cp", "--", name, "copy"]
        resource(host.command, `c${at}`, { name, command, cwd: folder.path, repeatable: true }, { on, after: [file] })
      }
    })
    const runs = runsIn(testFolder())
    expect(await runs.apply(names)).toMatchObject({ outcome: "done", exitCode: 0 })
    expect(requests()).toBeLessThanOrEqual(REQUESTS_MAX)
    expect(readdirSync(target).sort()).toEqual([...NAMES].sort())
    for (const name of NAMES) {
      const at = (file: string): string => `${target}/${name}/${file}`
      expect(readdirSync(`${target}/${name}`).sort()).toEqual([name, "copy", "link", `${name}s`].sort())
      expect([readFileSync(at(name), "utf8"), readFileSync(at("copy"), "utf8")]).toEqual([name, name])
      expect(readFileSync(at(`${name}s`), "utf8")).toBe(`${name.replaceAll("\n", "$")}\n`)
      expect(readlinkSync(at("link"))).toBe(name)
    }
    expect((await runs.plan(names)).outcome).toBe("unchanged")
  }, 120_000)

  test(`${ITEMS} items take no more requests than a few`, { timeout: 120_000 + ITEMS * 60 }, async () => {
    const web = await SshHost.start("many")
    const target = testFolder()
    const { on, requests } = counted(web)
    const many = (version: number) =>
      program("many", {}, () => {
        const folders = Array.from({ length: 20 }, (_, at) =>
          resource(host.directory, `d${at}`, { path: `${target}/d${at}` }, { on }),
        )
        for (let at = 0; at < ITEMS - 20; at += 1)
          resource(
            host.file,
            `f${at}`,
            { path: text`${folders[at % 20]?.path as never}/f${at}`, content: `${version} ${at}` },
            { on },
          )
      })
    const runs = runsIn(testFolder())
    for (const version of [1, 2]) {
      const before = requests()
      expect(await runs.apply(many(version))).toMatchObject({ outcome: "done", exitCode: 0 })
      expect(requests() - before).toBeLessThanOrEqual(REQUESTS_MAX)
      for (let at = 0; at < ITEMS - 20; at += 1)
        expect(readFileSync(`${target}/d${at % 20}/f${at}`, "utf8")).toBe(`${version} ${at}`)
    }
    const before = requests()
    const plan = await runs.plan(many(2))
    expect(changesOf(plan).filter((each) => !each.startsWith("none "))).toEqual([])
    expect(requests() - before).toBe(1)
  })
})

/** A host with a small disk of its own, which is somewhere else on this machine. */
async function hostWithDisk(
  name: string,
  options: string,
): Promise<{ web: SshHost; folder: string; world: HostWorld; mounted(options: string): void }> {
  const folder = testFolder()
  const web = await SshHost.start(name, { setup: [`mount -t tmpfs -o ${options} tmpfs ${folder}`] })
  const world = await HostWorld.through(host.ssh(web.name, { config: web.config }))
  const mounted = (how: string): void =>
    void execFileSync("nsenter", ["-t", String(web.pid), "-m", "mount", "-o", how, folder])
  return { web, folder, world, mounted }
}

/** The host as a program has it, and how many requests were sent to it. */
function counted(web: SshHost): { readonly on: ReturnType<typeof host.ssh>; requests(): number } {
  let requests = 0
  const options = { config: web.config }
  const parts = { destination: web.name, target: web.name, options, scope: "counted" }
  const carrier = sshCarrier({ ...parts, become: undefined, asks: undefined, password: undefined })
  const counting: Carrier = {
    ...carrier,
    start: async (argv, signal) => {
      const carried = await carrier.start(argv, signal)
      const write = carried.stdin.write.bind(carried.stdin) as (chunk: unknown) => boolean
      carried.stdin.write = (chunk: unknown) => {
        if (typeof chunk === "string" && /^[0-9a-f]{32} \d+ \d+ \d+ [01]\n/.test(chunk)) requests += 1
        return write(chunk)
      }
      return carried
    },
  }
  return {
    on: { ...host.ssh(web.name, options), open: (context) => openHost(counting, context) },
    requests: () => requests,
  }
}
