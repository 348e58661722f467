import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { afterAll, describe, expect, test } from "vitest"
import { need } from "../support/need.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { type Ended, onTerminal, place, TERMINAL } from "./fettle.ts"

describe.skipIf(!canStartHosts())("fettle trust", () => {
  afterAll(stopHosts)

  const strange = async (name: string): Promise<SshHost> => {
    const web = await SshHost.start(name)
    web.distrust()
    return web
  }

  test("shows a key that came for the first time, and takes it only where it is the one that was given", async () => {
    const web = await strange("web1")
    const at = place()
    const trust = (...more: readonly string[]): Promise<Ended> =>
      at.fettle(["trust", "web1", "--config", web.config, ...more])

    const alone = await trust()
    expect(alone.code).toBe(1)
    expect(alone.stdout).toContain(`new web1  ED25519 ${web.fingerprint()}`)
    expect(alone.stderr).toContain("CONSENT_MISSING")
    expect(alone.stderr).toContain("fettle trust web1 --fingerprint SHA256:…")

    const wrong = await trust("--fingerprint", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    expect(wrong.code).toBe(1)
    expect(wrong.text).toContain("which is not what you gave")
    expect(existsSync(web.knownHosts)).toBe(false)

    const right = await trust("--fingerprint", web.fingerprint())
    expect(right.text).toContain(`1 key is known now, in ${web.knownHosts}`)
    expect(right.code).toBe(0)
    expect(readFileSync(web.knownHosts, "utf8")).toBe(`[127.0.0.1]:${web.port} ${web.publicKey()}\n`)
    expect(statSync(web.knownHosts).mode & 0o777).toBe(0o600)

    expect((await trust()).stdout).toContain(`ok  web1  ssh-ed25519 ${web.fingerprint()} is known`)
    expect(readFileSync(web.knownHosts, "utf8").split("\n")).toHaveLength(2)
    expect(web.log).not.toContain("Accepted")
  })

  test("refuses a key that has changed, whatever is given", async () => {
    const web = await SshHost.start("changed")
    await web.down()
    web.newHostKeys()
    await web.up()
    const known = readFileSync(web.knownHosts, "utf8")
    const ended = await place().fettle(["trust", "changed", "--config", web.config, "--fingerprint", web.fingerprint()])
    expect(ended.code).toBe(1)
    expect(ended.text).toContain("HOST_KEY_CHANGED")
    expect(ended.text).toContain("ssh-keygen -R")
    expect(readFileSync(web.knownHosts, "utf8")).toBe(known)
  })

  test("several hosts at once, hashed where ssh_config wants it; one that is not there fails alone", async () => {
    const [one, two] = await Promise.all([strange("one"), strange("two")])
    const config = one.at("both")
    const fleet = [one, two].map((each) => readFileSync(each.config, "utf8").replaceAll(two.knownHosts, one.knownHosts))
    writeFileSync(
      config,
      [...fleet, "Host gone", "  HostName 127.0.0.1", "  Port 1", "Host *", "  HashKnownHosts yes", ""].join("\n"),
    )
    writeFileSync(one.knownHosts, "somewhere.example ssh-ed25519 AAAA", { mode: 0o600 })
    const user = place("notes")
    const ended = await user.fettle(["trust", "one", "two", "gone", "--config", config, "--unseen"])
    expect(ended.text).toContain("2 keys are known now")
    expect(ended.text).toContain("port 1: connection refused")
    expect(ended.code).toBe(1)
    expect(readFileSync(one.knownHosts, "utf8")).toMatch(
      /^somewhere.example [^\n]*\n(\|1\|[^\n]* ssh-ed25519 [^\n]*\n){2}$/,
    )
    const again = await place().fettle(["trust", "one", "two", "--config", config])
    expect(again.code).toBe(0)
    const { stdout: audit } = await user.fettle(["audit"])
    expect(audit).toMatch(
      /trust begun; forced: --unseen[\s\S]* trust one \S.*SHA256:.*, two .*[\s\S]*trust ended: done/,
    )
  })

  test("behind a jump host that nobody knows, that one is to be trusted first", async () => {
    const [jump, inside] = await Promise.all([strange("jump"), strange("inside")])
    appendFileSync(inside.config, `  ProxyJump jump\n${readFileSync(jump.config, "utf8")}`)
    const first = await place().fettle(["trust", "inside", "--config", inside.config, "--unseen"])
    expect(first.text).toContain(`fettle trust jump --config ${inside.config}`)
    const both = async (name: string): Promise<Ended> =>
      place().fettle(["trust", name, "--config", inside.config, "--unseen"])
    expect((await both("jump")).code).toBe(0)
    const ended = await both("inside")
    expect(ended.text).toContain(inside.fingerprint())
    expect(ended.code).toBe(0)
  })

  test.skipIf(!need(TERMINAL, { install: "apt-get install bsdutils" }))("asks on a terminal", async () => {
    const web = await strange("asked")
    for (const [answer, code] of [
      ["n", 1],
      ["y", 0],
    ] as const) {
      const running = onTerminal(place(), ["trust", "asked", "--config", web.config])
      await running.saw("Trust this key from now on? [y/N]")
      running.type(`${answer}\n`)
      expect((await running.ended).code).toBe(code)
      expect(existsSync(web.knownHosts)).toBe(code === 0)
    }
  })

  test("a host that could be an option of ssh is refused", async () => {
    const ended = await place().fettle(["trust", "--", "-oProxyCommand=id"])
    expect(ended.text).toContain("PROPS_INVALID")
    expect(ended.code).toBe(1)
  })
})
