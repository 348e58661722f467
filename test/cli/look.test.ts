import { afterAll, describe, expect, onTestFinished, test } from "vitest"
import type { Comparison, Survey } from "../../src/events/survey.ts"
import { need } from "../support/need.ts"
import { OwnNetwork } from "../support/own-network.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { onTerminal, place, TERMINAL } from "./fettle.ts"

test("this machine, as a page and as data", async () => {
  const at = place()
  const page = await at.fettle(["look", "--local"])
  expect(page).toMatchObject({ code: 0, stderr: "" })
  for (const title of ["Users", "Disks", "nothing was written"]) expect(page.stdout).toContain(title)
  const data = await at.fettle(["look", "--local", "--json"])
  expect(JSON.parse(data.stdout)).toMatchObject({ host: "this machine", system: { kernel: expect.any(String) } })
  const colored = await at.fettle(["look", "--local"], { env: { FORCE_COLOR: "1" } })
  expect(colored.stdout).toContain("\x1b[1m")
})

test.each([
  [["look"], "takes one host"],
  [["look", "a", "--local"], "takes one host"],
  [["look", "a", "--become", "su"], "--become takes sudo or doas"],
  [["look", "a", "--ask-password"], "needs --become sudo"],
  [["look", "a", "--docker"], "--docker takes no host of its own"],
  [["look", "--docker", "--become", "sudo"], "are for hosts"],
  [["draft", "--docker", "--host", "unix:///x", "--context", "y"], "give --host or --context, not both"],
  [["draft", "--host", "unix:///x"], "--host and --context are for --docker"],
])("%j is refused", async (args, says) => {
  const refused = await place().fettle(args)
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain("USAGE")
  expect(refused.stderr).toContain(says)
})

describe.skipIf(!canStartHosts())("over ssh", () => {
  afterAll(stopHosts)

  test("a host that is not trusted is refused; one that is, is looked at in one login", async () => {
    const web = await SshHost.start("look1")
    const known = ["look", web.name, "--config", web.config]
    const at = place()
    web.distrust()
    expect((await at.fettle(known)).text).toContain("HOST_KEY_UNKNOWN")
    web.trust()
    const logins = web.log.match(/Accepted publickey/g)?.length ?? 0
    const data = await at.fettle([...known, "--json"])
    expect(JSON.parse(data.stdout)).toMatchObject({ host: "look1", uid: 0, system: { hostname: "look1" } })
    expect((web.log.match(/Accepted publickey/g)?.length ?? 0) - logins).toBe(1)
  })

  test("two hosts: 0 where they are equal, 2 with what differs where they are not", async () => {
    const setup = (...more: readonly string[]): readonly string[] => [
      "mount -t tmpfs -o mode=755 tmpfs /etc/opt",
      "printf 'one\ntwo\n' >/etc/opt/a.conf; printf 'password = hunter22\n' >/etc/opt/b.conf",
      ...more,
    ]
    const changed = ["printf 'one\n2\n' >/etc/opt/a.conf; printf 'password = hunter33\n' >/etc/opt/b.conf"]
    const users = [{ name: "ann" }]
    const [a, b, c] = await Promise.all([
      SshHost.start("pair1", { setup: setup() }),
      SshHost.start("pair2", { setup: setup() }),
      SshHost.start("pair3", { setup: setup(...changed), users }),
    ])
    const at = place()
    const network = await OwnNetwork.start() // other tests open ports and make network interfaces between two looks
    onTestFinished(() => network.stop())
    at.write("config", [a, b, c].map((each) => `Include ${network.configOf(each)}\n`).join(""))
    const diff = (...args: readonly string[]) => at.fettle(["diff", ...args, "--config", at.path("config"), "--json"])
    // Their sudoers name their own logs, and ports come and go on this machine.
    const own = (text: string): unknown[] => {
      const { differences } = JSON.parse(text) as Comparison
      return differences.filter(({ part, name }) => part !== "open ports" && name !== "/etc/sudoers")
    }
    const equal = await diff(a.name, b.name)
    expect(own(equal.stdout)).toEqual([])
    const other = await diff(a.name, c.name)
    expect(other.code).toBe(2)
    expect(own(other.stdout)).toMatchObject([
      { part: "configuration", name: "/etc/opt/a.conf", text: "@@ -1,2 +1,2 @@\n one\n-two\n+2" },
      { part: "configuration", name: "/etc/opt/b.conf" },
      { part: "users", name: "ann", right: expect.any(String) },
    ])
    expect(other.text).not.toContain("hunter")
    const self = await at.fettle(["diff", a.name, a.name, "--config", at.path("config")])
    expect(self).toMatchObject({ code: 0, stdout: expect.stringContaining("are equal") })
    expect((await at.fettle(["diff", a.name])).text).toContain("takes 2 hosts")
  })

  test.skipIf(!need(TERMINAL, { install: "apt-get install bsdutils" }))(
    "as root, with a password that is asked for once",
    async () => {
      const user = { name: "ann", password: "correct-horse" }
      const web = await SshHost.start("look2", { users: [user], sudoers: ["ann ALL=(root) /bin/sh, /usr/bin/sh"] })
      const at = place()
      const args = ["look", `ann@${web.name}`, "--config", web.config, "--json", "--become", "sudo"]
      const plain = JSON.parse(
        (await at.fettle(["look", `ann@${web.name}`, "--config", web.config, "--json"])).stdout,
      ) as Survey
      expect(plain.unseen.map(({ why }) => why)).toContain("passwords: only root may read shadow")
      expect((await at.fettle(args)).text).toContain("BECOME_PASSWORD_MISSING")
      const asked = onTerminal(at, [...args, "--ask-password"])
      await asked.saw("password for sudo on ann@look2:")
      asked.type("correct-horse\n")
      const { text } = await asked.ended
      expect(text).toContain('"uid": 0')
      expect(text).not.toContain("correct-horse")
      expect(text).not.toContain("only root may read shadow")
    },
  )
})
