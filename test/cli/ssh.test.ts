import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, describe, expect, test } from "vitest"
import { need } from "../support/need.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { type Ended, onTerminal, type Place, place, TERMINAL } from "./fettle.ts"

/** A program with two files on a host. */
function placeFor(web: SshHost, options = ""): Place {
  const at = place()
  at.write(
    "fettle.ts",
    `import { program, resource } from "fettle"
import * as host from "fettle/host"
import { secret } from "fettle"

export default program("site", {}, () => {
  const web = host.ssh(${JSON.stringify(web.name)}, { config: ${JSON.stringify(web.config)}${options} })
  for (const name of ["a", "b"])
    resource(host.file, name, { path: \`\${import.meta.dirname}/\${name}.conf\`, content: name }, { on: web })
})
void secret
`,
  )
  return at
}

describe.skipIf(!canStartHosts())("a program for a host over ssh", () => {
  afterAll(stopHosts)

  test("an unknown key is refused with the next command; then plan, apply, and nothing to do", async () => {
    const web = await SshHost.start("web1")
    web.distrust()
    const at = placeFor(web)
    const refused = await at.fettle(["plan"])
    expect(refused.code).toBe(1)
    expect(refused.text).toContain("HOST_KEY_UNKNOWN")
    expect(refused.text).toContain(`fettle trust web1 --config ${web.config}`)
    expect((await at.fettle(["trust", "web1", "--config", web.config, "--unseen"])).code).toBe(0)
    const applied = await at.fettle(["apply", "--yes"])
    expect(applied.text).toContain("2 created")
    expect(at.read("a.conf")).toBe("a")
    expect((await at.fettle(["plan", "--check"])).code).toBe(0)
  })

  test("a host that was installed anew, and one with another key, are refused until that is meant", async () => {
    const web = await SshHost.start("web2")
    const at = placeFor(web)
    expect((await at.fettle(["apply", "--yes"])).code).toBe(0)
    const change = async (change: () => void, says: string): Promise<void> => {
      await web.down()
      change()
      await web.up()
      for (const args of [["plan"], ["apply", "--yes"]]) {
        const refused = await at.fettle(args)
        expect(refused.code).toBe(1)
        expect(refused.text).toContain("TARGET_CHANGED")
        expect(refused.text.replace(/\s+/g, " ")).toContain(says)
        expect(refused.text.replace(/\s+/g, " ")).toContain('--expect-target "web2"')
      }
      expect((await at.fettle(["plan", "--check", "--expect-target", "web2"])).code).toBe(0)
      expect((await at.fettle(["plan"])).code).toBe(1) // a plan writes nothing down
      expect((await at.fettle(["apply", "--yes", "--expect-target", "web2"])).code).toBe(0)
      expect((await at.fettle(["plan", "--check"])).code).toBe(0)
    }
    await change(() => web.newMachineId(), "it is another machine, or was installed anew")
    await change(() => {
      web.newHostKeys()
      web.distrust()
      web.trust()
    }, "its host key (ssh-ed25519) is another")
  })

  describe.skipIf(!need(TERMINAL, { install: "apt-get install bsdutils" }))("on a terminal", () => {
    const asked = async (at: Place, question: string, answer: string): Promise<Ended> => {
      const running = onTerminal(at, ["plan"])
      await running.saw(question)
      running.type(`${answer}\n`)
      return running.ended
    }

    test("ssh asks for the passphrase of a key, and what is typed is in no file", async () => {
      const web = await SshHost.start("web3")
      execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", web.at("client")])
      const at = placeFor(web)
      const alone = await at.fettle(["plan"])
      expect(alone.text).toContain("LOGIN_REFUSED")
      const ended = await asked(at, "Enter passphrase for key", "open sesame")
      expect(ended.text).toContain("2 to create")
      expect(ended.text).not.toContain("sesame")
      expect(readdirSync(tmpdir()).filter((name) => existsSync(`${tmpdir()}/${name}/ask`))).toEqual([])
    })

    test("ssh asks for a password, and sudo's is asked once", async () => {
      const web = await SshHost.start("web4", {
        users: [{ name: "deploy", password: "open sesame" }],
        sudoers: ["deploy ALL=(ALL) ALL"],
        sshd: ["Match User deploy", "  PasswordAuthentication yes", "  PubkeyAuthentication no"],
      })
      const become = `, user: "deploy", become: { by: "sudo", password: secret.prompt("sudo on web4") }`
      const at = placeFor(web, become)
      const running = onTerminal(at, ["plan"])
      await running.saw("sudo on web4: ")
      running.type("open sesame\n")
      await running.saw("deploy@127.0.0.1's password:")
      running.type("open sesame\n")
      const ended = await running.ended
      expect(ended.text).toContain("2 to create")
      expect(ended.text).not.toContain("sesame")
      expect(readFileSync(web.at("log"), "utf8")).toContain("Accepted password for deploy")
    })
  })
})
