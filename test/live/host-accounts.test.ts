import { copyFileSync, readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 90_000 })

const canBoot = [canBootSystemd(), need("busybox", { install: "apt-get install busybox-static" })].every(Boolean)
let root: SystemdRoot

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  root.run("sh", "-c", "mkdir /applets && busybox --install -s /applets")
  copyFileSync(new URL("../support/busybox-accounts.sh", import.meta.url), root.path("/applets/accounts"))
  root.run("chmod", "755", "/applets/accounts")
  for (const name of ["adduser", "addgroup", "deluser", "delgroup", "chpasswd", "passwd"])
    root.run("sh", "-c", `[ -e /applets/${name} ] || ln -s accounts /applets/${name}`)
}, 90_000)

afterAll(async () => {
  await root?.stop()
})

const HASHES = [
  "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
  "$5$x$y",
]

const TOOLS = [
  { tools: "shadow's", prefix: [] },
  { tools: "busybox's", prefix: ["env", "PATH=/applets"] },
] as const

describe.skipIf(!canBoot).each(TOOLS)("accounts by $tools tools", ({ tools, prefix }) => {
  const t = tools === "busybox's" ? "b" : "s"
  const [name, team, other] = [`fettle-t${t}`, `fettle-team${t}`, `fettle-other${t}`]
  let world: HostWorld

  beforeAll(async () => {
    world = await HostWorld.open({ scope: "accounts", shell: "sh", prefix: [...root.enter, ...prefix] as never })
  })
  afterAll(() => world?.close())

  const apply = (...nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Done>> => world.apply(nodes)
  const theUser = (more: object = {}): TestNode => node(host.user, "user", { name, ...more })
  const aGroup = (group: string, more: object = {}): TestNode => node(host.group, group, { name: group, ...more })
  const line = (file: string, of = name): string | undefined =>
    readFileSync(root.path(file), "utf8")
      .split("\n")
      .find((each) => each.startsWith(`${of}:`))
  const seen = async (of: TestNode): Promise<Record<string, unknown> | undefined> =>
    ((await world.read([of])).get(of.address) as { outputs?: Record<string, unknown> }).outputs

  /** Applies, and looks that this changed what it should and that a second plan has nothing to do. */
  async function settle(of: TestNode): Promise<string> {
    const done = await apply(of)
    expect(failures(done)).toEqual([])
    expect((await apply(of)).get(of.address)?.change).toEqual({ action: "none" })
    const change = done.get(of.address)?.change
    return change !== undefined && "props" in change ? change.props.join() : (change?.action ?? "")
  }

  test("groups and a user in them are made, with all that is wanted", async () => {
    const made = await apply(aGroup(team, { gid: 4711 }), aGroup(other, { system: true }))
    expect(failures(made)).toEqual([])
    expect(made.get(team)?.result).toEqual({ outputs: { name: team, gid: 4711 } })
    expect((await seen(aGroup(other)))?.gid).toBeLessThan(1_000)
    const comment = `it's "the" $HOME & 100%`
    const wanted = { uid: 4712, group: team, groups: [other], shell: "/bin/dash", home: `/srv/${name}`, comment }
    expect(await settle(theUser(wanted))).toBe("create")
    expect(line("/etc/passwd")).toBe(`${name}:x:4712:4711:${comment}:/srv/${name}:/bin/dash`)
    expect(line("/etc/group", other)).toMatch(new RegExp(`:${name}$`))
    expect(root.run("stat", "-c", "%u", `/srv/${name}`).trim()).toBe("4712")
    expect(await seen(theUser())).toEqual({ name, gid: 4711, ...wanted })
  })

  test("it is brought to what is wanted, one thing at a time, and the rest stays", async () => {
    expect(await settle(theUser({ shell: "/bin/sh" }))).toBe("shell")
    expect(await settle(theUser({ comment: "", home: "/tmp" }))).toBe("home,comment")
    expect(await settle(theUser({ uid: 4713 }))).toBe("uid")
    expect(await settle(theUser({ group: other }))).toBe("group")
    expect(line("/etc/passwd")?.replace(/:\d+:/g, ":N:")).toMatch(/::\/tmp:\/bin\/sh$/)
    expect(await settle(theUser({ group: team }))).toBe("group")
    expect(await settle(theUser({ groups: ["games"] }))).toBe("groups")
    expect(line("/etc/group", other)).toContain(name)
    expect(await settle(theUser({ groups: ["games"], exactGroups: true }))).toBe("exactGroups")
    expect(line("/etc/group", other)).not.toContain(name)
    expect(await settle(theUser({ groups: [], exactGroups: true }))).toBe("exactGroups")
    expect(root.run("stat", "-c", "%a %U:%G", "/etc/passwd", "/etc/group")).toBe("644 root:root\n644 root:root\n")
    expect(line("/etc/passwd", "root")).toMatch(/^root:x:0:0:/)
  })

  test("its password is set from a slot, compared by its fingerprint, locked and unlocked", async () => {
    const [first = "", second = ""] = HASHES
    const secret = world.secret("HASH", first)
    expect(await settle(theUser({ password: secret }))).toMatch(/^password/)
    expect(line("/etc/shadow")?.split(":")[1]).toBe(first)
    expect(await settle(theUser({ locked: true }))).toBe("locked")
    expect(line("/etc/shadow")?.split(":")[1]).toBe(`!${first}`)
    expect(await settle(theUser({ locked: true, password: secret }))).toBe("none")
    expect(await settle(theUser({ locked: false }))).toBe("locked")
    expect(line("/etc/shadow")?.split(":")[1]).toBe(first)
    expect(await settle(theUser({ password: world.secret("OTHER", second), locked: true }))).toBe("password,locked")
    expect(line("/etc/shadow")?.split(":")[1]).toBe(`!${second}`)
    expect(JSON.stringify(await seen(theUser({ password: secret })))).not.toContain("salt")
  })

  test("what is no hash is refused before anything is set", async () => {
    const before = line("/etc/shadow")
    const bad = await apply(theUser({ password: world.secret("BAD", "open:sesame now") }))
    expect(failures(bad)[0]).toMatch(/no hash that can stand in \/etc\/shadow/)
    expect(line("/etc/shadow")).toBe(before)
  })

  test("a group that is not there is named, and nothing is half done to one that is not the same any more", async () => {
    expect(failures(await apply(theUser({ groups: ["fettle-none"] })))[0]).toMatch(/there is no group fettle-none/)
    const wanted = theUser({ shell: "/bin/bash" })
    const now = new Map([["user", { outputs: { ...(await seen(wanted)), uid: 1 } }]])
    expect(failures(await world.change([wanted], now as never))[0]).toMatch(/STALE/)
    expect((await seen(wanted))?.shell).toBe("/bin/sh")
  })

  test("they are removed; the home stays unless it is to go", async () => {
    root.run("mkdir", "-p", `/srv/keep${t}`)
    await settle(theUser({ home: `/srv/keep${t}` }))
    const gone = (of: TestNode, outputs: unknown): TestNode =>
      left(of, new Map([[of.address, { change: { action: "create" }, result: { outputs } }]]))
    const made = theUser()
    expect(failures(await apply(gone(made, await seen(made))))).toEqual([])
    expect([line("/etc/passwd"), line("/etc/shadow")]).toEqual([undefined, undefined])
    root.run("test", "-d", `/srv/keep${t}`)
    const purged = theUser({ purge: true, home: `/home/${name}` })
    await settle(purged)
    root.run("test", "-d", `/home/${name}`)
    expect(failures(await apply(gone(purged, await seen(purged))))).toEqual([])
    expect(() => root.run("test", "-d", `/home/${name}`)).toThrow()
    for (const each of [aGroup(team), aGroup(other), made])
      expect(failures(await apply(gone(each, { name: each.id, gid: 1 })))).toEqual([])
    expect([line("/etc/group", team), line("/etc/group", other)]).toEqual([undefined, undefined])
  })

  test("two thousand are looked at in one answer, within seconds on a busy machine", async () => {
    const nodes = Array.from({ length: 1_000 }, (_, n) => [
      node(host.user, `u${n}`, { name: `nobody${n}`, locked: true }),
      node(host.group, `g${n}`, { name: n === 7 ? "root" : `nobody${n}` }),
    ]).flat()
    const from = performance.now()
    const found = await world.read(nodes)
    expect(performance.now() - from).toBeLessThan(3_000)
    expect([found.get("g7"), found.get("g8")]).toEqual([{ outputs: { name: "root", gid: 0 } }, { absent: true }])
  })
})

describe.skipIf(!canBoot)("who is not root", () => {
  test("reads, and is told what it cannot", async () => {
    const guest = [...root.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    const world = await HostWorld.open({ scope: "guest", prefix: guest as never })
    const nodes = [
      node(host.user, "root", { name: "root" }),
      node(host.user, "locked", { name: "root", locked: true }),
      node(host.group, "new", { name: "fettle-new" }),
    ]
    const seen = await world.read(nodes)
    expect(seen.get("root")).toMatchObject({ outputs: { uid: 0 } })
    expect(seen.get("locked")).toMatchObject({ failed: { code: "READ_FAILED" } })
    expect(failures(await world.change(nodes, seen))).toEqual([
      "new: HOST_NOT_ROOT only root can change accounts on the host",
    ])
    await world.close()
  })
})
