import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { DataKey } from "../../src/secrets/key.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { need } from "../support/need.ts"
import { canStartHosts, SshHost, type SshHostOptions, stopHosts } from "../support/ssh-host.ts"
import { cleanUp, failures, HostWorld, newFolder, node } from "./host-world.ts"
import { script } from "./script-kind.ts"

const PASSWORD = "correct-horse-battery"
/** At least so often it is looked for: a busy machine gets more rounds. */
const LOOKS = 50
/** A login whose PATH leads to nothing. */
const NOWHERE = { ".bashrc": "PATH=/none", ".config/fish/config.fish": "set PATH /none", ".tcshrc": "set path = /none" }

const pathOf = (command: string): string =>
  execFileSync("sh", ["-c", `command -v ${command}`], { encoding: "utf8" }).trim()

const here =
  canStartHosts() &&
  need("sudo", { install: "apt-get install sudo" }) &&
  need("doas", { install: "apt-get install opendoas" })

type Become = NonNullable<Parameters<typeof host.ssh>[1]>["become"]

const hostWith = (options: SshHostOptions): Promise<SshHost> =>
  SshHost.start("web1", { users: [{ name: "deploy", password: PASSWORD }, { name: "app" }], ...options })

const open = (of: SshHost, become: Become): Promise<HostWorld> =>
  HostWorld.through(
    host.ssh("web1", { config: of.config, user: "deploy", ...(become === undefined ? {} : { become }) }),
  )

/** A secret that a run has opened. */
function password(value: string): Secret<string> {
  const secret = new Secret<string>("sudo", { type: "value", value })
  Secret.remember(secret, { value, fingerprint: new DataKey(new Uint8Array(32)).fingerprint(value) })
  return secret
}

async function says(world: HostWorld, run: string): Promise<string> {
  const done = await world.apply([node(script, "says", { id: "says", run, brief: true })])
  const result = done.get("says")?.result
  return result !== undefined && "outputs" in result ? (result.outputs as { out: string }).out : String(failures(done))
}

describe.skipIf(!here)("becoming another user", () => {
  afterAll(async () => {
    await stopHosts()
    cleanUp()
  })

  test.each<[string, SshHostOptions, Become, string]>([
    ["sudo without a password", { sudoers: ["deploy ALL=(root) NOPASSWD: /bin/sh"] }, "sudo", "root /root"],
    ["sudo to another user", { sudoers: ["deploy ALL=(app) NOPASSWD: ALL"] }, { by: "sudo", user: "app" }, "app "],
    [
      "sudo with a terminal of its own",
      { sudoers: ["Defaults use_pty", "deploy ALL=NOPASSWD: ALL"] },
      "sudo",
      "root /root",
    ],
    [
      "sudo with a password",
      { sudoers: ["deploy ALL=(ALL) ALL"] },
      { by: "sudo", password: password(PASSWORD) },
      "root /root",
    ],
    [
      "a password that nobody asks for",
      { sudoers: ["deploy ALL=NOPASSWD: ALL"] },
      { by: "sudo", password: password(PASSWORD) },
      "root /root",
    ],
    ["doas", { doas: ["permit nopass deploy as root"] }, "doas", "root /root"],
    ["doas to another user", { doas: ["permit nopass deploy as app"] }, { by: "doas", user: "app" }, "app "],
  ])("%s", async (_case, options, become, who) => {
    const web = await hostWith(options)
    const world = await open(web, become)
    expect(await says(world, 'echo "$(id -un) $HOME"; echo $PATH; env | grep -ci "sudo\\|doas"; :')).toMatch(
      new RegExp(`^${who}.*\\n/.*bin.*\\n0\\n$`),
    )
    const folder = newFolder()
    chmodSync(folder, 0o1777)
    if (who.startsWith("root")) {
      const file = node(host.file, "f", { path: join(folder, "f"), content: "x", owner: "app", mode: "0640" })
      expect(failures(await world.apply([file]))).toEqual([])
      expect(statSync(join(folder, "f"))).toMatchObject({ uid: 4712 })
      expect((await world.apply([file])).get("f")?.change).toEqual({ action: "none" })
    }
    const begun = world.apply([node(script, "l", { id: "l", run: `: >${folder}/mark; sleep 62.5` })])
    await expect.poll(() => readdirSync(folder)).toContain("mark")
    world.controller.abort()
    await begun
    await expect.poll(() => running("sleep\u000062.5"), { timeout: 5_000 }).toEqual([])
    await world.close()
    expect(readdirSync(`/proc/${web.pid}/root/dev/shm`)).toEqual([])
  })

  test.each<[string, SshHostOptions, Become, object]>([
    [
      "a wrong password",
      { sudoers: ["deploy ALL=(ALL) ALL"] },
      { by: "sudo", password: password("not-the-password") },
      { code: "BECOME_PASSWORD_WRONG" },
    ],
    [
      "no password where one is needed",
      { sudoers: ["deploy ALL=(ALL) ALL"] },
      "sudo",
      { code: "BECOME_PASSWORD_MISSING", next: expect.stringContaining("secret.prompt") },
    ],
    [
      "commands only",
      { sudoers: ["deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart shop, /usr/bin/apt-get update"] },
      "sudo",
      {
        code: "BECOME_REFUSED",
        fact: expect.stringContaining("/usr/bin/systemctl restart shop"),
        next: "let sudoers there say: deploy ALL=(root) NOPASSWD: /bin/sh",
      },
    ],
    [
      "commands only, and a password",
      { sudoers: ["deploy ALL=(root) /usr/bin/systemctl restart shop"] },
      { by: "sudo", password: password(PASSWORD) },
      { code: "BECOME_REFUSED", next: "let sudoers there say: deploy ALL=(root) NOPASSWD: /bin/sh" },
    ],
    [
      "not in sudoers",
      { sudoers: ["app ALL=(ALL) ALL"] },
      { by: "sudo", password: password(PASSWORD) },
      { code: "BECOME_REFUSED", next: "let sudoers there say: deploy ALL=(root) NOPASSWD: /bin/sh" },
    ],
    [
      "requiretty",
      { sudoers: ["Defaults requiretty", "deploy ALL=(ALL) NOPASSWD: ALL"] },
      "sudo",
      { code: "BECOME_REFUSED", next: expect.stringContaining("!requiretty") },
    ],
    [
      "a user that is not there",
      { sudoers: ["deploy ALL=(ALL) NOPASSWD: ALL"] },
      { by: "sudo", user: "nobody-here" },
      { code: "BECOME_REFUSED", fact: expect.stringContaining("nobody-here") },
    ],
    ...(["bash", "fish", "tcsh"] as const).map((shell): [string, SshHostOptions, Become, object] => [
      `no sudo, and ${shell} to say so`,
      { users: [{ name: "deploy", shell: pathOf(shell), files: NOWHERE }] },
      "sudo",
      { code: "BECOME_REFUSED", fact: "web1 as root: there is no sudo" },
    ]),
    ["doas that does not permit", { doas: ["permit nopass app"] }, "doas", { code: "BECOME_REFUSED" }],
    [
      "doas that asks",
      { doas: ["permit deploy as root"] },
      "doas",
      { code: "BECOME_PASSWORD_MISSING", next: "let doas.conf there say: permit nopass USER as root" },
    ],
  ])("%s is told, with what to do", async (_case, options, become, expected) => {
    const web = await hostWith(options)
    const begun = Date.now()
    const thrown = await open(web, become).catch((error: unknown) => error)
    expect(thrown).toMatchObject(expected)
    expect(JSON.stringify(thrown)).not.toContain(PASSWORD)
    expect(Date.now() - begun).toBeLessThan(8_000)
  })

  test("root writes nowhere where another user could lead it astray; that user does", async () => {
    const web = await hostWith({ sudoers: ["deploy ALL=(ALL) NOPASSWD: ALL"] })
    const folder = newFolder()
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, "safe"))
    mkdirSync(join(folder, "app/deep"), { recursive: true })
    for (const path of ["app", "app/deep"]) chownSync(join(folder, path), 4712, 4712)
    writeFileSync(join(folder, "app/old"), "old")
    symlinkSync(join(folder, "safe"), join(folder, "app/astray"))
    symlinkSync(join(folder, "safe"), join(folder, "good"))
    symlinkSync(join(folder, "app"), join(folder, "into"))
    symlinkSync(join(folder, "safe"), join(folder, "lent"))
    lchownSync(join(folder, "lent"), 4712, 4712)
    const file = (path: string) => node(host.file, path, { path: join(folder, path), content: path })
    const old = { ...file("app/old"), want: undefined, last: { props: {}, outputs: { path: join(folder, "app/old") } } }
    const nodes = [
      ...["safe/f", "good/g", "app/f", "app/deep/f", "app/astray/a", "into/i", "lent/l"].map(file),
      node(host.directory, "app/d", { path: join(folder, "app/d") }),
      node(host.link, "app/l", { path: join(folder, "app/l"), to: "x" }),
    ]
    const root = await open(web, "sudo")
    const astray = ["app/f", "app/deep/f", "app/astray/a", "into/i", "lent/l", "app/d", "app/l"]
    // A plan says it already; a link that comes after it is refused by the change itself.
    const looked = await root.read(nodes)
    expect([...looked].flatMap(([address, at]) => ("failed" in at ? [address] : []))).toEqual(astray)
    const late = [...looked].map(([address, at]) => [address, "failed" in at ? { absent: true as const } : at] as const)
    const done = await root.change(nodes, new Map(late))
    const refused = [...done].flatMap(([address, { result }]) => (result && "failed" in result ? [address] : []))
    expect(refused).toEqual(astray)
    expect(failures(done)[0]).toContain(`${join(folder, "app")} belongs to app`)
    expect(failures(done)[0]).toContain("declare it on a connection that acts as app")
    const { sha256 } = { sha256: createHash("sha256").update("old").digest("hex") }
    const seen = { outputs: { path: join(folder, "app/old"), hash: sha256, mode: "0644", sizeBytes: 3 } }
    const gone = await root.change([old as never], new Map([["app/old", seen as never]]))
    expect(failures(gone)[0]).toContain("belongs to app")
    await root.close()
    expect(readdirSync(join(folder, "safe")).sort()).toEqual(["f", "g"])
    expect(readdirSync(join(folder, "app")).sort()).toEqual(["astray", "deep", "old"])

    const app = await open(web, { by: "sudo", user: "app" })
    expect(failures(await app.apply(["app/f", "app/deep/f"].map(file)))).toEqual([])
    expect(statSync(join(folder, "app/deep/f")).uid).toBe(4712)
    await app.close()
  })

  test("a wrong password is tried once", async () => {
    const web = await hostWith({ sudoers: ["deploy ALL=(ALL) ALL"] })
    await expect(open(web, { by: "sudo", password: password("not-the-password") })).rejects.toMatchObject({
      code: "BECOME_PASSWORD_WRONG",
    })
    await expect.poll(() => web.log).toMatch(/incorrect password attempt/)
    expect(web.log.match(/(\d+) incorrect password attempt/)?.[1]).toBe("1")
  })

  test("a password is never in an argument list or an environment", { timeout: 120_000 }, async () => {
    const web = await hostWith({ sudoers: ["deploy ALL=(ALL) ALL"] })
    const watch = watchFor(PASSWORD)
    for (let round = 0; round < 3 || watch.looks() <= LOOKS; round++) {
      const world = await open(web, { by: "sudo", password: password(PASSWORD) })
      expect(await says(world, "id -un; sleep 0.2")).toBe("root\n")
      await world.close()
    }
    expect(watch.stop()).toEqual([])
  })
})

/** Looks at every process of this machine about a hundred times a second. */
function watchFor(text: string): { looks(): number; stop(): readonly string[] } {
  const found: string[] = []
  let looks = 0
  const timer = setInterval(() => {
    looks += 1
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      for (const file of ["cmdline", "environ"])
        try {
          if (Number(pid) !== process.pid && readFileSync(`/proc/${pid}/${file}`, "latin1").includes(text))
            found.push(`${pid} ${file}`)
        } catch {
          // It has ended meanwhile.
        }
  }, 10)
  return {
    looks: () => looks,
    stop: () => {
      clearInterval(timer)
      return found
    },
  }
}

function running(command: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(command)
    } catch {
      return false
    }
  })
}
