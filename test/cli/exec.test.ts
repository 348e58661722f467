import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { need } from "../support/need.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { linesOf, main, onTerminal, place, TERMINAL } from "./fettle.ts"

describe.skipIf(!canStartHosts())("fettle exec", () => {
  let a: SshHost
  let b: SshHost
  let config: string

  beforeAll(async () => {
    a = await SshHost.start("alpha", {
      users: [{ name: "deploy", password: "open sesame" }],
      sudoers: ["deploy ALL=(ALL) ALL"],
    })
    b = await SshHost.start("beta")
    config = a.at("fleet")
    const texts = [a, b].map((each) => readFileSync(each.config, "utf8"))
    const many = (texts[0] as string).replace("Host alpha", "Host web*")
    writeFileSync(config, [...texts, many, "Host dead\n  HostName 127.0.0.1\n  Port 1\n"].join("\n"))
  })
  afterAll(stopHosts)

  const web = (from: number, to: number): string =>
    Array.from({ length: to - from + 1 }, (_, at) => `web${from + at}`).join(",")

  test("equal answers are one, the exit code is the worst, and a dead host is named", async () => {
    const at = place()
    const exec = (limit: string, ...command: readonly string[]) =>
      at.fettle(["exec", "-l", limit, "--config", config, "--", ...command])
    const good = await exec(`${web(1, 12)},beta`, "hostname")
    expect(good.stdout).toMatch(/^web\[1-12\] {2}12 hosts\n {2}alpha\nbeta\n {2}beta\n\n13 hosts: 13 ok · /)
    expect(good.code).toBe(0)
    const bad = await exec("alpha,beta", "sh", "-c", '[ "$(hostname)" = beta ] && exit 3; echo fine')
    expect(bad.stdout).toContain("beta  exit code 3")
    expect(bad.code).toBe(3)
    const dead = await exec("alpha,dead", "echo", "$HOME; --json")
    expect(dead.stdout).toContain("  $HOME; --json\n")
    expect(dead.stdout).toContain("dead  CONNECTION_FAILED")
    expect(dead.code).toBe(255)
    expect(at.has(".fettle")).toBe(false)
  })

  test("--json gives a line for each host, --shell one text, --stdin what is piped", async () => {
    const at = place()
    const args = ["exec", "-l", "alpha,dead", "--config", config, "--json", "--shell", "--", "echo out; kill -15 $$"]
    const ended = await at.fettle(args)
    const lines = linesOf(ended.stdout)
    expect(lines.find(({ host }) => host === "alpha")).toMatchObject({
      type: "exec.host",
      exitCode: 143,
      signal: "SIGTERM",
      stdout: "out\n",
      stderr: "",
    })
    expect(lines.find(({ host }) => host === "dead")).toMatchObject({ error: { code: "CONNECTION_FAILED" } })
    const piped = spawnSync(
      process.execPath,
      [main, "exec", "-l", "alpha,beta", "--config", config, "--stdin", "--", "cat"],
      { cwd: at.folder, input: "from afar\n", encoding: "utf8" },
    )
    expect(piped.stdout).toMatch(/^alpha, beta {2}2 hosts\n {2}from afar\n\n2 hosts: 2 ok/)
  })

  test("a slow host is ended when its time is up, and holds up nobody else", async () => {
    const at = place()
    const began = Date.now()
    const text = `[ $(hostname) = alpha ] || sleep 64`
    const args = ["exec", "-l", "alpha,beta", "--config", config, "--timeout", "2s", "--json", "--shell", "--", text]
    const running = at.start(args)
    await running.saw('"host":"alpha"')
    expect(Date.now() - began).toBeLessThan(10_000)
    const ended = await running.ended
    expect(linesOf(ended.stdout)).toMatchObject([
      { host: "alpha", exitCode: 0 },
      { host: "beta", error: { code: "TIMEOUT" } },
    ])
    expect(ended.code).toBe(124)
  })

  test("a host that takes the connection and says nothing is told as such", async () => {
    const mute = createServer(() => {})
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve))
    const { port } = mute.address() as { port: number }
    writeFileSync(a.at("mute"), `${readFileSync(config, "utf8")}\nHost mute\n  HostName 127.0.0.1\n  Port ${port}\n`)
    const at = place()
    const running = at.start(["exec", "-l", "mute,alpha", "--config", a.at("mute"), "--json", "--", "true"])
    await running.saw('"host":"alpha"')
    expect(await running.ended).toMatchObject({ code: 255, stdout: expect.stringContaining('"host":"mute"') })
    mute.close()
  })

  test("what could be an option of ssh, a pattern without a list, and an empty line are refused", async () => {
    const at = place()
    for (const [limit, code] of [
      ["-oProxyCommand=touch x", "PROPS_INVALID"],
      ["web*", "LIMIT_UNKNOWN"],
    ] as const)
      expect((await at.fettle(["exec", `--limit=${limit}`, "--", "true"])).text).toContain(code)
    expect((await at.fettle(["exec", "--", "true"])).text).toContain("USAGE")
    expect((await at.fettle(["exec", "-l", "alpha"])).text).toContain("USAGE")
    expect(at.has("x")).toBe(false)
  })

  test("hosts of an inventory are chosen by group; one that would inject arguments fails alone", async () => {
    const at = place()
    const at22 = (each: SshHost): string =>
      `ansible_port=${each.port} ansible_user=root ansible_ssh_private_key_file=${each.at("client")}`
    at.write("home/.keep", "")
    const lines = [
      "[web]",
      ...["web1", "web2"].map((name) => `${name} ansible_host=127.0.0.1 ${at22(a)}`),
      "[db]",
      `db1 ansible_host=127.0.0.1 ${at22(b)}`,
      `evil ansible_host=127.0.0.1 ansible_ssh_common_args='-o ProxyCommand="touch ${at.path("owned")}"'`,
    ]
    at.write("hosts.ini", `${lines.join("\n")}\n`)
    // Nobody here knows their keys: that is told with the command that helps, and the port of the inventory.
    const strange = await at.fettle(["exec", "-i", "hosts.ini", "-l", "web1", "--", "hostname"])
    expect(strange.stdout).toContain(`fettle trust 127.0.0.1 --port ${a.port}`)
    const known = ["--config", at.path("config")]
    at.write("config", `Host *\n  GlobalKnownHostsFile ${a.knownHosts} ${b.knownHosts}\n`)
    const all = await at.fettle(["exec", "-i", "hosts.ini", ...known, "--", "hostname"])
    expect(all.stdout).toMatch(/^web1, web2 {2}2 hosts\n {2}alpha\ndb1\n {2}beta\nevil {2}INVENTORY_OPTION\n/)
    expect(all.code).toBe(255)
    expect(at.has("owned")).toBe(false)
    const some = await at.fettle(["exec", "-i", "hosts.ini", "-l", "all:!db", ...known, "--", "hostname"])
    expect(some.stdout).toMatch(/^web1, web2 {2}2 hosts\n {2}alpha\n\n2 hosts: 2 ok/)
    const config = await at.fettle(["exec", "-i", a.at("fleet"), "-l", "alpha,beta", "--", "hostname"])
    expect(config.stdout).toMatch(/alpha\n {2}alpha\nbeta\n {2}beta/)
  })

  test("hosts of the program in the folder are chosen by pattern, and must be the machines that state remembers", async () => {
    const at = place()
    at.write(
      "fettle.ts",
      `import { program, resource } from "fettle"
import * as host from "fettle/host"
export default program("two", {}, () => {
  for (const name of ["alpha", "beta"])
    resource(host.file, name, { path: \`\${import.meta.dirname}/\${name}\`, content: name }, { on: host.ssh(name, { config: ${JSON.stringify(config)} }) })
})
`,
    )
    expect((await at.fettle(["exec", "-l", "al*", "--", "hostname"])).stdout).toMatch(
      /^alpha\n {2}alpha\n\n1 host: 1 ok/,
    )
    expect((await at.fettle(["exec", "-l", "gamma", "--", "hostname"])).text).toContain("LIMIT_UNKNOWN")
    expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
    await b.down()
    b.newMachineId()
    await b.up()
    const changed = await at.fettle(["exec", "--", "hostname"])
    expect(changed.stdout).toContain("beta  TARGET_CHANGED")
    expect(changed.stdout).toContain("alpha\n  alpha\n")
    expect(changed.code).toBe(255)
  })

  test.skipIf(!need(TERMINAL, { install: "apt-get install bsdutils" }))(
    "the password for sudo is asked once for all hosts",
    async () => {
      const at = place()
      const args = ["exec", "-l", web(1, 3), "--config", config, "--user", "deploy", "-K", "--", "id", "-un"]
      const running = onTerminal(at, args)
      await running.saw("Password for sudo:")
      running.type("open sesame\n")
      const ended = await running.ended
      expect(ended.text.replaceAll("\r", "")).toMatch(/web\[1-3\].* {2}3 hosts.*\n {2}root\n/)
      expect(ended.text).not.toContain("sesame")
      expect(ended.text.match(/Password for sudo/g)).toHaveLength(1)
    },
  )

  test.skipIf(!need(TERMINAL, { install: "apt-get install bsdutils" }))(
    "a shell is the user's that the connection becomes, on the terminal, and ends with its own exit code",
    async () => {
      const at = place()
      const plain = onTerminal(at, ["shell", "beta", "--config", config])
      await plain.saw(/[#$] /)
      plain.type("echo $(hostname)-$(id -un) $(tty); exit 7\n")
      const ended = await plain.ended
      expect(ended.text).toMatch(/beta-root \/dev\/pts\/\d+/)
      expect(ended.code).toBe(7)
      const become = onTerminal(at, ["shell", "alpha", "--config", config, "--user", "deploy", "-K"])
      await become.saw("Password for sudo:")
      become.type("open sesame\n")
      await become.saw("password for deploy")
      become.type("open sesame\n")
      await become.saw(/[#$] /)
      become.type("echo $(hostname)-$(id -un)-$PWD; exit\n")
      const other = await become.ended
      expect(other.text).toContain("alpha-root-/root")
      expect(other.text).not.toContain("sesame")
      const several = await at.fettle(["shell", "alpha,beta", "--config", config])
      expect([several.code, several.text]).toEqual([1, expect.stringContaining("a shell is on one host")])
      const unknown = await at.fettle(["shell", "dead", "--config", config])
      expect([unknown.code, unknown.text]).toEqual([1, expect.stringContaining("CONNECTION_FAILED")])
    },
  )
})
