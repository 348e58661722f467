import { execFileSync, spawn } from "node:child_process"
import { appendFileSync, chmodSync, existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { carrierFor, cleanUp, failures, HostWorld, newFolder, node } from "./host-world.ts"
import { script } from "./script-kind.ts"

const open = (of: SshHost, options: Parameters<typeof host.ssh>[1] = {}): Promise<HostWorld> =>
  HostWorld.through(host.ssh(of.name, { config: of.config, ...options }))

/** What a script on a host prints. */
async function says(world: HostWorld, run: string): Promise<string> {
  const done = await world.apply([node(script, "says", { id: "says", run, brief: true })])
  const result = done.get("says")?.result
  return result !== undefined && "outputs" in result ? (result.outputs as { out: string }).out : String(failures(done))
}

describe.skipIf(!canStartHosts())("a host over ssh", () => {
  afterAll(async () => {
    await stopHosts()
    cleanUp()
  })

  test("files are read, written and read again", async () => {
    const web = await SshHost.start("web1")
    const folder = newFolder()
    const world = await open(web)
    const file = node(host.file, "f", { path: join(folder, "f"), content: "over ssh\n" })
    expect([...(await world.read([file])).values()]).toEqual([{ absent: true }])
    expect(failures(await world.apply([file]))).toEqual([])
    expect(readFileSync(join(folder, "f"), "utf8")).toBe("over ssh\n")
    expect((await world.apply([file])).get("f")?.change).toEqual({ action: "none" })
    expect(await says(world, "cat /proc/sys/kernel/hostname; echo $HOME $LC_ALL; cat /etc/machine-id")).toBe(
      `web1\n/root C\n${readFileSync(web.at("machine-id"), "utf8")}`,
    )
    expect(world.driver.identity).toBe(
      `host:${readFileSync(web.at("machine-id"), "utf8").trim()} ssh-ed25519=${web.fingerprint()}`,
    )
    await world.close()
  })

  test.each([
    ["bash", { ".bashrc": "echo noise; printf 'RDY1 fake\\nFETTLE1 0 x 3\\n'; echo more >&2; alias read=false\n" }],
    ["fish", { ".config/fish/config.fish": "echo noise; echo more >&2\nset -gx LANG de_DE.UTF-8\n" }],
    ["tcsh", { ".tcshrc": "echo noise\nset noclobber\n" }],
    ["csh", { ".cshrc": "echo noise\n" }],
    ["dash", {}],
  ])("the login shell may be %s, noisy, and someone else's", async (shell, files) => {
    const path = execFileSync("sh", ["-c", `command -v ${shell}`], { encoding: "utf8" }).trim()
    const web = await SshHost.start("noisy", { users: [{ name: "deploy", shell: path, files }] })
    const world = await open(web, { user: "deploy" })
    expect(await says(world, "id -un; echo ${LANG-}")).toMatch(/^deploy\n/)
    await world.close()
  })

  test("an unknown, a changed and a revoked key are refused, each with its own next step", async () => {
    const web = await SshHost.start("keys")
    const known = readFileSync(web.knownHosts, "utf8")
    web.distrust()
    await expect(open(web)).rejects.toMatchObject({
      code: "HOST_KEY_UNKNOWN",
      next: `fettle trust keys --config ${web.config}`,
    })
    writeFileSync(web.knownHosts, `@revoked ${known}`)
    await expect(open(web)).rejects.toMatchObject({ code: "HOST_KEY_REVOKED" })
    writeFileSync(web.knownHosts, known)
    await web.down()
    web.newHostKeys()
    await web.up()
    await expect(open(web)).rejects.toMatchObject({
      code: "HOST_KEY_CHANGED",
      fact: expect.stringContaining(web.fingerprint()),
      next: expect.stringContaining(`ssh-keygen -R "[127.0.0.1]:${web.port}"`),
    })
  })

  test("hashed known_hosts, a host authority, a user certificate, Match and Include are ssh's own", async () => {
    const web = await SshHost.start("certs")
    execFileSync("ssh-keygen", ["-q", "-H", "-f", web.knownHosts], { stdio: "pipe" })
    expect(readFileSync(web.knownHosts, "utf8")).toMatch(/^\|1\|/)
    await (await open(web)).close()

    const sign = (...args: readonly string[]): void =>
      void execFileSync("ssh-keygen", ["-q", "-s", web.at("authority"), ...args], { stdio: "pipe" })
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", web.at("authority")])
    sign("-I", "host", "-h", "-n", "127.0.0.1", web.at("key_ed25519.pub"))
    sign("-I", "person", "-n", "root", web.at("client.pub"))
    writeFileSync(web.at("authorized/root"), "")
    appendFileSync(
      web.at("sshd_config"),
      `HostCertificate ${web.at("key_ed25519-cert.pub")}\nTrustedUserCAKeys ${web.at("authority.pub")}\n`,
    )
    await web.down()
    await web.up()
    writeFileSync(web.knownHosts, `@cert-authority [127.0.0.1]:${web.port} ${readFileSync(web.at("authority.pub"))}`)
    writeFileSync(web.at("outer"), `Match originalhost by-match exec "true"\n  Include ${web.config}\n`)
    writeFileSync(web.config, readFileSync(web.config, "utf8").replace("Host certs", "Host by-*"))
    const world = await HostWorld.through(host.ssh("by-match", { config: web.at("outer"), kex: "fast" }))
    expect(world.driver.identity).toContain(` ssh-ed25519=${web.fingerprint()}`)
    await world.close()
    expect(web.log).toContain("Accepted publickey for root")
    expect(web.log).toContain("CA ED25519")
  })

  test("a connection that the operator has open already is used", async () => {
    const web = await SshHost.start("shared")
    appendFileSync(web.config, `  ControlPath ${web.at("master")}\n`)
    const master = spawn("ssh", ["-F", web.config, "-M", "-N", "shared"], { stdio: "ignore" })
    await expect.poll(() => existsSync(web.at("master"))).toBe(true)
    const world = await open(web)
    expect(await says(world, "id -un")).toBe("root\n")
    const machine = `host:${readFileSync(web.at("machine-id"), "utf8").trim()}`
    expect(world.driver.identity).toBe(machine)
    const remember = `${machine} ssh-ed25519=${web.fingerprint()}`
    expect(world.driver.recognize?.(remember)).toEqual({ remember })
    await world.close()
    await expect(open(web, { become: "doas" })).rejects.toMatchObject({ code: "BECOME_REFUSED" })
    expect(web.log.match(/Accepted publickey/g)).toHaveLength(1)
    master.kill()
  })

  test("what stands in the way is told in plain words", async () => {
    const web = await SshHost.start("ways")
    const at = (options: readonly string[]): string => {
      writeFileSync(web.at("other"), ["Host ways", ...options, readFileSync(web.config, "utf8")].join("\n"))
      return web.at("other")
    }
    const fails = async (options: readonly string[], what: object): Promise<void> =>
      expect(open(web, { config: at(options) })).rejects.toMatchObject(what)
    await fails(["  HostName no-such-name.invalid"], {
      code: "CONNECTION_FAILED",
      fact: "ways: no address is known for no-such-name.invalid",
    })
    await fails(["  Port 1"], { code: "CONNECTION_FAILED", fact: "ways: 127.0.0.1 port 1: connection refused" })
    await fails(["  User nobody-here"], { code: "LOGIN_REFUSED", fact: expect.stringContaining("(publickey)") })
    await fails(["  NoSuchOption yes"], {
      code: "CONNECTION_FAILED",
      fact: "ways: ssh does not accept its configuration",
    })
    await fails([`  ProxyJump ways-jump`, "Host ways-jump", "  HostName 127.0.0.1", "  Port 1"], {
      code: "CONNECTION_FAILED",
      fact: expect.stringContaining("connection refused"),
    })
  })

  test("a connection that is cut in the middle: what has no answer is perhaps done, and the next request begins a new one", async () => {
    const web = await SshHost.start("cut")
    const folder = newFolder()
    const world = await open(web)
    const changing = world.apply([
      node(script, "long", { id: "l", run: `echo begun >${folder}/begun; sleep 2; echo done >${folder}/done` }),
    ])
    await expect.poll(() => existsSync(join(folder, "begun"))).toBe(true)
    expect(web.cut()).toBeGreaterThan(0)
    expect((await changing).get("long")?.result).toMatchObject({ failed: { code: "CONNECTION_FAILED" }, maybe: true })
    const begun = Date.now()
    expect(failures(await world.apply([node(host.file, "f", { path: join(folder, "f"), content: "x" })]))).toEqual([])
    expect(existsSync(join(folder, "done"))).toBe(true) // it ran to its end, and nobody wrote beside it
    expect(Date.now() - begun).toBeGreaterThan(300)
    await world.close()
  })

  test("another machine that answers at the same address in the middle of a run is refused", async () => {
    const web = await SshHost.start("swap")
    const folder = newFolder()
    const world = await open(web)
    web.cut()
    await web.down()
    web.newMachineId()
    await web.up()
    const file = node(host.file, "f", { path: join(folder, "f"), content: "x" })
    await expect(world.read([file])).rejects.toMatchObject({ code: "TARGET_CHANGED" })
    const done = await world.change([file], new Map([["f", { absent: true }]]))
    expect(failures(done)[0]).toContain("TARGET_CHANGED")
    expect(readdirSync(folder)).toEqual([])
    await world.close()
  })

  test("a login that runs no shell is told in its own words", async () => {
    const users = [{ name: "deploy", shell: "/usr/sbin/nologin" }]
    const web = await SshHost.start("nologin", { users })
    await expect(open(web, { user: "deploy" })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      fact: expect.stringContaining("This account is currently not available"),
    })
  })

  test("a far side that takes the connection and says nothing is given up", async () => {
    const web = await SshHost.start("mute")
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    const { port } = silent.address() as { port: number }
    await expect(open(web, { port })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      fact: "mute: it did not answer in time",
    })
    silent.close()
  })

  test("a host of nothing but busybox", async () => {
    const { prefix = [] } = carrierFor("busybox", "")
    const applets = (prefix.find((word) => word.startsWith("PATH=")) as string).slice(5)
    chmodSync(applets, 0o755)
    const files = { ".bashrc": `PATH=${applets}\n` }
    const web = await SshHost.start("small", { users: [{ name: "deploy", shell: "/bin/bash", files }] })
    const world = await open(web, { user: "deploy" })
    const folder = newFolder()
    chmodSync(folder, 0o777)
    expect(await says(world, "readlink /proc/$$/exe")).toBe(`${realpathSync(join(applets, "sh"))}\n`)
    const both = ["a", "b"].map((name) => node(host.file, name, { path: join(folder, name), content: name }))
    expect(failures(await world.apply(both))).toEqual([])
    expect(readFileSync(join(folder, "b"), "utf8")).toBe("b")
    await world.close()
  })

  test("a client that is killed leaves no half work: the change goes on, and the next session waits for it", async () => {
    const web = await SshHost.start("orphan")
    const folder = newFolder()
    const from = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
    const program = `
      import * as host from ${from("../../src/host.ts")}
      import { HostWorld, node } from ${from("./host-world.ts")}
      import { script } from ${from("./script-kind.ts")}
      const world = await HostWorld.through(host.ssh("orphan", { config: ${JSON.stringify(web.config)} }))
      await world.apply([node(script, "s", { id: "s", run: "echo >${folder}/begun; sleep 2; echo >${folder}/done" })])`
    const client = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" })
    await expect.poll(() => existsSync(join(folder, "begun")), { timeout: 15_000 }).toBe(true)
    client.kill("SIGKILL")
    const world = await open(web)
    expect(existsSync(join(folder, "done"))).toBe(true)
    await world.close()
    expect(readdirSync(`/proc/${web.pid}/root/dev/shm`).length).toBeLessThanOrEqual(1)
  })

  test("an abort and a limit end what runs over there", async () => {
    const web = await SshHost.start("abort")
    const folder = newFolder()
    const world = await open(web)
    const changing = world.apply([
      node(script, "long", { id: "l", run: `echo begun >${folder}/begun; sleep 61.5; echo late >${folder}/late` }),
    ])
    await expect.poll(() => existsSync(join(folder, "begun"))).toBe(true)
    await expect.poll(() => running("sleep\u000061.5")).toHaveLength(1)
    world.controller.abort()
    expect((await changing).get("long")?.result).toMatchObject({ failed: { code: "CANCELLED" }, maybe: true })
    await expect.poll(() => running("sleep\u000061.5")).toEqual([])
    await sleep(200)
    expect(existsSync(join(folder, "late"))).toBe(false)
    expect(readdirSync(`/proc/${web.pid}/root/dev/shm`)).toEqual([])
    await world.close()
  })
})

test.each([
  ["-oProxyCommand=id"],
  ["web1 -oProxyCommand=id"],
  ["web1\n"],
  ["-l@web1"],
  ["$(id)"],
  ["web1;id"],
  ["ssh://-oProxyCommand=id@web1"],
  [""],
])("a destination %j that could be more than a destination is refused", (destination) => {
  expect(() => host.ssh(destination)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
})

test.each([
  { user: "-oProxyCommand=id" },
  { user: "a b" },
  { user: "$(id)" },
  { port: 0 },
  { port: "22 -oX" as never },
  { config: "-oX" },
  { identityFile: "a\nb" },
  { become: { by: "sudo" as const, user: "-s" } },
])("the options %j are refused", (options) => {
  expect(() => host.ssh("web1", options)).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
})

function running(command: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(command)
    } catch {
      return false
    }
  })
}
