import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { Last } from "../../src/provider.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import {
  carrierFor,
  cleanUp,
  type Done,
  failures,
  HostWorld,
  left,
  node,
  shellsHere,
  type TestNode,
} from "./host-world.ts"

const here = process.getuid?.() === 0 && need("crontab", { install: "apt-get install cron" })
const USER = `fettle-t${process.pid}`
const NAME = `fettle-t${process.pid}`

beforeAll(() => {
  if (here) execFileSync("useradd", ["--system", "--no-create-home", USER])
})

afterAll(() => {
  cleanUp()
  if (!here) return
  setCrontab("")
  execFileSync("userdel", [USER], { stdio: "ignore" })
  for (const name of readdirSync("/etc/cron.d")) if (name.startsWith(NAME)) rmSync(`/etc/cron.d/${name}`)
})

const FILE = `/var/spool/cron/crontabs/${USER}`

/** What stands in it, without the header of Debian's cron, whose own listing takes any first comments for that header. */
function crontab(): string {
  if (!existsSync(FILE)) return ""
  return readFileSync(FILE, "utf8").replace(/^# DO NOT EDIT.*\n# \(.*\n# \(.*\n/, "")
}

function setCrontab(text: string): void {
  if (text === "") rmSync(FILE, { force: true })
  else execFileSync("crontab", ["-u", USER, "-"], { input: text })
}

describe.each(here ? shellsHere() : [])("cron through %s", (shell) => {
  let world: HostWorld

  beforeEach(async () => {
    setCrontab("")
    world = await HostWorld.open(carrierFor(shell, "cron"))
  })

  afterEach(() => world.close())

  const entry = (name: string, props: object = {}): TestNode =>
    node(host.cron, name, { name, schedule: "5 4 * * *", command: `/srv/${name}`, user: USER, ...props })
  const again = (one: TestNode, done: ReadonlyMap<string, Done>): TestNode => ({
    ...one,
    last: left(one, done).last as Last<unknown, unknown>,
  })

  test("entries of one crontab all land in one request beside those of others, are changed and removed", async () => {
    setCrontab("# somebody's\nMAILTO=x\n1 2 3 4 5 /srv/theirs\n")
    const nodes = [
      entry("a", { command: "date +%F >'/tmp/it s' # \\% \"$HOME\" `id`" }),
      entry("b", { schedule: "*/5 0-6,22 1 jan-mar mon" }),
      entry("c", { schedule: "@daily" }),
    ]
    const done = await world.apply(nodes)
    expect(failures(done)).toEqual([])
    const theirs = "# somebody's\nMAILTO=x\n1 2 3 4 5 /srv/theirs\n"
    const a = "# fettle: a\n5 4 * * * date +\\%F >'/tmp/it s' # \\% \"$HOME\" `id`\n"
    const c = "# fettle: c\n@daily /srv/c\n"
    expect(crontab()).toBe(`${theirs}${a}# fettle: b\n*/5 0-6,22 1 jan-mar mon /srv/b\n${c}`)
    const second = await world.apply(nodes.map((each) => again(each, done)))
    expect([...second.values()].map(({ change }) => change.action)).toEqual(["none", "none", "none"])
    const moved = await world.apply([entry("b", { schedule: "0 0 * * *" })])
    expect(failures(moved)).toEqual([])
    expect(moved.get("b")?.change).toEqual({
      action: "update",
      props: ["schedule"],
      because: "the entry differs",
      text: "@@ -1 +1 @@\n-*/5 0-6,22 1 jan-mar mon /srv/b\n+0 0 * * * /srv/b",
    })
    expect(crontab()).toBe(`${theirs}${a}# fettle: b\n0 0 * * * /srv/b\n${c}`)
    const gone = [
      left(nodes[0] as TestNode, done),
      left(entry("b", { schedule: "0 0 * * *" }), moved),
      left(nodes[2] as TestNode, done),
    ]
    expect(failures(await world.apply(gone))).toEqual([])
    expect(crontab()).toBe(theirs)
  })

  test("a crontab that held nothing else is gone with its last entry", async () => {
    const one = entry("a")
    const done = await world.apply([one])
    expect([failures(done), crontab()]).toEqual([[], "# fettle: a\n5 4 * * * /srv/a\n"])
    const seen = await world.read([left(one, done)])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([])
    expect(failures(await world.change([left(one, done)], seen))).toEqual([])
    expect(existsSync(FILE)).toBe(false)
  })

  test("a line that somebody else put below a mark stays when the entry leaves", async () => {
    const one = entry("a")
    const done = await world.apply([one])
    setCrontab("# fettle: a\n9 9 * * * /srv/backup of somebody\n")
    expect(failures(await world.apply([left(one, done)]))).toEqual([])
    expect(crontab()).toBe("9 9 * * * /srv/backup of somebody\n")
  })

  test("what somebody changed after it was read is not overwritten, and a doubled mark is refused", async () => {
    setCrontab("# fettle: a\n5 4 * * * /srv/old\n")
    const one = entry("a")
    const seen = await world.read([one])
    expect(seen.get("a")).toEqual({ outputs: { name: "a", entry: "5 4 * * * /srv/old" } })
    setCrontab("# fettle: a\n5 4 * * * /srv/other\n")
    expect(failures(await world.change([one], seen))).toEqual(["a: STALE it changed after it was read"])
    setCrontab("# fettle: a\n# fettle: a\n")
    expect((await world.read([one])).get("a")).toMatchObject({
      failed: { code: "FILE_REFUSED", fact: "the crontab has the mark 2 times" },
    })
  })

  test("what somebody wrote without a mark is the entry, however it is spaced; a change marks it", async () => {
    setCrontab("1 2 3 4 5 /srv/theirs\n  5\t4 * *  *  /srv/a\n# fettle: b\n5 4 * * * /srv/c\n")
    const one = entry("a")
    const seen = await world.read([one, entry("c")])
    expect(seen.get("a")).toEqual({ outputs: { name: "a", entry: "5 4 * * * /srv/a" } })
    expect(seen.get("c")).toEqual({ absent: true })
    expect(host.cron.plan(one.want as never, seen.get("a") as never, undefined)).toEqual({ action: "none" })
    const last = { props: one.want, outputs: { name: "a", entry: "5 4 * * * /srv/a" } }
    const moved = { ...entry("a", { schedule: "@daily" }), last }
    const done = await world.apply([moved])
    expect([failures(done), crontab()]).toEqual([
      [],
      "1 2 3 4 5 /srv/theirs\n# fettle: a\n@daily /srv/a\n# fettle: b\n5 4 * * * /srv/c\n",
    ])
    setCrontab("1 2 3 4 5 /srv/theirs\n  5\t4 * *  *  /srv/a\n")
    expect(failures(await world.apply([{ provider: host.cron, address: "a", id: one.id as string, last }]))).toEqual([])
    expect(crontab()).toBe("1 2 3 4 5 /srv/theirs\n")
  })

  test("a user that is not there fails the read: nothing is concluded", async () => {
    const seen = (await world.read([entry("a", { user: "fettle-nobody" })])).get("a")
    expect(seen).toMatchObject({ failed: { code: "READ_FAILED", fact: expect.stringContaining("fettle-nobody") } })
  })

  test("a file in cron.d", async () => {
    const one = entry(NAME, { in: "cron.d", env: { MAILTO: "", PATH: "/usr/bin:/bin" }, command: "date +%F" })
    const done = await world.apply([one])
    expect(failures(done)).toEqual([])
    const path = `/etc/cron.d/${NAME}`
    const text = `# fettle: ${NAME}\nMAILTO=""\nPATH="/usr/bin:/bin"\n5 4 * * * ${USER} date +\\%F\n`
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o7777]).toEqual([text, 0o644])
    expect((await world.apply([again(one, done)])).get(NAME)?.change).toEqual({ action: "none" })
    const moved = entry(NAME, { in: "cron.d", schedule: "@hourly" })
    const changed = await world.apply([moved])
    expect([failures(changed), readFileSync(path, "utf8")]).toEqual([
      [],
      `# fettle: ${NAME}\n@hourly ${USER} /srv/${NAME}\n`,
    ])
    expect(failures(await world.apply([left(moved, changed)]))).toEqual([])
    expect(existsSync(path)).toBe(false)
  })
})

describe.skipIf(!here)("host.cron", () => {
  conformsTests(
    host.cron,
    {
      connection: host.local(),
      props: (variant) => ({ name: `c${variant}`, schedule: "5 4 * * *", command: "true", user: USER }),
      change: (props) => ({ ...props, command: "false" }),
      count: () =>
        crontab()
          .split("\n")
          .filter((each) => each.startsWith("# fettle: c")).length,
      foreign: ({ name }) => setCrontab(`${crontab()}# fettle: ${name}\n1 1 * * * x\n`),
    },
    { test },
  )
})
