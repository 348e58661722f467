import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import { canOverlay, type OverlayRoot, overlayRoot } from "../support/overlay-root.ts"
import { failures, HostWorld, left, node, rootConnection, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 120_000 })

const canRun = [canOverlay(), need("busybox", { install: "apt-get install busybox-static" })].every(Boolean)
let root: OverlayRoot

beforeAll(async () => {
  if (!canRun) return
  root = await overlayRoot()
  root.run(
    "mkdir /applets && busybox --install -s /applets; useradd -m -s /usr/sbin/nologin anna; useradd -M -d /nowhere ben",
  )
}, 60_000)

afterAll(() => root?.stop())

/** A key that is right in all but its numbers. */
function keyOf(n: number): string {
  const word = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  const blob = Buffer.concat([word(Buffer.from("ssh-ed25519")), word(Buffer.alloc(32, `key ${n} `))])
  return `ssh-ed25519 ${blob.toString("base64")} key ${n}`
}

const FILE = "/home/anna/.ssh/authorized_keys"
const text = (): string => (existsSync(root.path(FILE)) ? readFileSync(root.path(FILE), "utf8") : "")

describe.skipIf(!canRun).each([
  { tools: "the system's", prefix: [] },
  { tools: "busybox's", prefix: ["/usr/bin/env", "PATH=/applets"] },
])("keys by $tools tools", ({ prefix, tools }) => {
  let world: HostWorld
  beforeAll(async () => {
    world = await HostWorld.open({ scope: "keys", shell: "sh", prefix: [...root.enter, ...prefix] as never })
  })
  afterAll(() => world?.close())
  beforeEach(() => void root.run("rm -rf /home/anna/.ssh /root/.ssh; chmod 755 /home/anna"))

  const one = (n: number, props: object = {}): TestNode =>
    node(host.authorizedKey, `k${n}`, { user: "anna", key: keyOf(n), ...props })

  test("many keys land in one file beside those of others, with modes that sshd takes", async () => {
    root.run(
      `mkdir /home/anna/.ssh; printf '# hers\\nssh-rsa AAAAhers x' >${FILE}; chown -R anna:anna /home/anna/.ssh; chmod 666 ${FILE}`,
    )
    const odd = { command: `echo "it's" $HOME \\ \`id\``, "no-pty": true, environment: ["A=1", "B=2"] }
    const nodes = [one(1, { options: odd }), ...Array.from({ length: 299 }, (_, n) => one(n + 2))]
    const done = await world.apply(nodes)
    expect(failures(done)).toEqual([])
    const first = `command="echo \\"it's\\" $HOME \\ \`id\`",no-pty,environment="A=1",environment="B=2" ${keyOf(1)}`
    expect(text()).toBe(
      `# hers\nssh-rsa AAAAhers x\n${first}\n${nodes
        .slice(1)
        .map((_, n) => `${keyOf(n + 2)}\n`)
        .join("")}`,
    )
    const at = statSync(root.path(FILE))
    expect([(at.mode & 0o777).toString(8), at.uid]).toEqual(["644", statSync(root.path("/home/anna")).uid])
    const again = await world.apply(nodes)
    expect([...new Set([...again.values()].map(({ change }) => change.action))]).toEqual(["none"])
    const moved = await world.apply([one(1, { options: { restrict: true } })])
    expect(moved.get("k1")?.change).toMatchObject({
      action: "update",
      props: ["options"],
      text: `-${first}\n+restrict ${keyOf(1)}`,
    })
    expect(failures(await world.apply(nodes.slice(1).map((each) => left(each, done))))).toEqual([])
    expect(text()).toBe(`# hers\nssh-rsa AAAAhers x\nrestrict ${keyOf(1)}\n`)
  })

  test("a first key makes the folder, and what others can write to is told and mended", async () => {
    const done = await world.apply([one(1)])
    expect([failures(done), text()]).toEqual([[], `${keyOf(1)}\n`])
    const modes = (): string =>
      root.run(`stat -c %a:%U /home/anna /home/anna/.ssh ${FILE}`).trim().replaceAll("\n", " ")
    expect(modes()).toBe("755:anna 700:anna 600:anna")
    root.run("chmod g+w /home/anna; chmod o+w /home/anna/.ssh")
    const mended = await world.apply([one(1)])
    expect(mended.get("k1")?.change).toMatchObject({
      action: "update",
      because: "sshd ignores the file: others can write to the home folder and ~/.ssh",
    })
    expect(modes()).toBe("755:anna 700:anna 600:anna")
  })

  test("a link in the home leads nowhere that the user could not go", async () => {
    root.run("mkdir -m 700 /root/.ssh; echo secret >/root/.ssh/authorized_keys")
    symlinkSync("/root/.ssh", root.path("/home/anna/.ssh"))
    expect(failures(await world.apply([one(1)]))).toEqual([
      expect.stringMatching(/^k1: CHANGE_FAILED .*(File exists|ermission denied)/s),
    ])
    expect(readFileSync(root.path("/root/.ssh/authorized_keys"), "utf8")).toBe("secret\n")
  })

  test("a link of the user's own stays a link", async () => {
    root.run(
      "mkdir -p /home/anna/.ssh /home/anna/dot; : >/home/anna/dot/keys; chown -R anna /home/anna/.ssh /home/anna/dot",
    )
    symlinkSync("../dot/keys", root.path(FILE))
    expect(failures(await world.apply([one(1)]))).toEqual([])
    expect(root.run(`readlink ${FILE}; cat /home/anna/dot/keys`)).toBe(`../dot/keys\n${keyOf(1)}\n`)
  })

  test("what changed after it was read is not overwritten; one that stands twice stands once", async () => {
    await world.apply([one(1)])
    const now = one(1, { options: { restrict: true } })
    const seen = await world.read([now])
    writeFileSync(root.path(FILE), `no-pty ${keyOf(1)}\n`)
    expect(failures(await world.change([now], seen))).toEqual(["k1: STALE it changed after it was read"])
    writeFileSync(root.path(FILE), `${keyOf(1)}\n${keyOf(1)}\n`)
    expect(failures(await world.change([now], seen))).toEqual([])
    expect(text()).toBe(`restrict ${keyOf(1)}\n`)
  })

  test("a user or a home that is not there yet is absence in a plan and an error in a change", async () => {
    const nobody = node(host.authorizedKey, "n", { user: "nobody-here", key: keyOf(1) })
    const homeless = node(host.authorizedKey, "h", { user: "ben", key: keyOf(1) })
    expect([...(await world.read([nobody, homeless])).values()]).toEqual([{ absent: true }, { absent: true }])
    expect(failures(await world.apply([nobody, homeless]))).toEqual([
      "n: CHANGE_FAILED there is no user nobody-here on the host",
      "h: CHANGE_FAILED ben has no home folder on the host",
    ])
  })

  test(`a user works on its own keys and on no others (${tools})`, async () => {
    const own = await HostWorld.open({
      scope: "keys",
      shell: "sh",
      prefix: [...root.enter, "setpriv", "--reuid=anna", "--regid=anna", "--clear-groups", ...prefix] as never,
    })
    expect(failures(await own.apply([one(1)]))).toEqual([])
    const other = await own.read([node(host.authorizedKey, "r", { user: "root", key: keyOf(1) })])
    expect(other.get("r")).toMatchObject({ failed: { code: "HOST_NOT_ROOT" } })
    await own.close()
    expect(text()).toBe(`${keyOf(1)}\n`)
  })
})

const connection = rootConnection(() => root.enter)

describe.skipIf(!canRun)("host.authorizedKey", () => {
  conformsTests(
    host.authorizedKey,
    {
      connection,
      props: (variant) => ({ user: "anna", key: keyOf(variant) }),
      change: (props) => ({ ...props, options: { restrict: true as const } }),
      count: () =>
        text()
          .split("\n")
          .filter((each) => / key \d+$/.test(each)).length,
      refused: (variant) => ({ user: "ben", key: keyOf(variant) }),
    },
    { test },
  )
})
