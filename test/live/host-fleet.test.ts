import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { cleanUp, failures, HostWorld, newFolder, node } from "./host-world.ts"

const HOSTS = 50

describe.skipIf(!canStartHosts())("a fleet over ssh", () => {
  afterAll(async () => {
    await stopHosts()
    cleanUp()
  })

  test("fifty hosts behind a bastion log in there at most twice, and nothing of it stays", {
    timeout: 120_000,
  }, async () => {
    const bastion = await SshHost.start("bastion", { sshd: ["MaxStartups 10:30:100"] })
    const inside = await SshHost.start("inside")
    const config = inside.at("fleet")
    writeFileSync(
      config,
      [
        readFileSync(bastion.config, "utf8"),
        readFileSync(inside.config, "utf8").replace("Host inside", "Host web*\n  ProxyJump bastion"),
      ].join("\n"),
    )
    const before = sockets()
    const folder = newFolder()
    const worlds = await Promise.all(
      Array.from({ length: HOSTS }, (_, at) => HostWorld.through(host.ssh(`web${at}`, { config, kex: "fast" }))),
    )
    const logins = (bastion.log.match(/Accepted publickey/g) ?? []).length
    expect(logins).toBeGreaterThanOrEqual(1)
    expect(logins).toBeLessThanOrEqual(2)
    expect((inside.log.match(/Accepted publickey/g) ?? []).length).toBe(HOSTS)
    const file = (at: number) => node(host.file, "f", { path: join(folder, `f${at}`), content: `${at}` })
    const done = await Promise.all(worlds.map((world, at) => world.apply([file(at)])))
    expect(done.flatMap(failures)).toEqual([])
    expect(readdirSync(folder)).toHaveLength(HOSTS)
    await Promise.all(worlds.map((world) => world.close()))
    await expect.poll(sockets).toEqual(before)
  })

  test("a bastion that lets nobody in is named", async () => {
    const bastion = await SshHost.start("shut", { sshd: ["AllowUsers nobody"] })
    const inside = await SshHost.start("inside2")
    const config = inside.at("fleet")
    writeFileSync(
      config,
      `${readFileSync(bastion.config, "utf8")}\nHost two*\n  HostName 127.0.0.1\n  ProxyJump shut\n`,
    )
    const opening = ["two1", "two2"].map((name) => HostWorld.through(host.ssh(name, { config })))
    for (const result of await Promise.allSettled(opening))
      expect(result).toMatchObject({ status: "rejected", reason: { code: "LOGIN_REFUSED" } })
  })

  test("a host that answers slowly holds up nobody else", async () => {
    const quick = await SshHost.start("quick")
    const slow = await SshHost.start("slow", {
      users: [{ name: "deploy", files: { ".bashrc": "sleep 4\n" } }],
    })
    const begun = Date.now()
    const late = HostWorld.through(host.ssh("slow", { config: slow.config, user: "deploy" }))
    const first = await HostWorld.through(host.ssh("quick", { config: quick.config }))
    expect(Date.now() - begun).toBeLessThan(3_500)
    await first.close()
    await (await late).close()
    expect(Date.now() - begun).toBeGreaterThan(3_900)
    await sleep(0)
  })
})

function sockets(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => /^fettle-[A-Za-z0-9]{6}$/.test(name))
}
