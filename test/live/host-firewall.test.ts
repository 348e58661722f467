import { existsSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import * as host from "../../src/host.ts"
import type { Last } from "../../src/provider.ts"
import { conformsTests } from "../../src/testing.ts"
import { need } from "../support/need.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"
import { type Done, failures, HostWorld, left, node, rootConnection, type TestNode } from "./host-world.ts"

vi.setConfig({ testTimeout: 240_000 })

const canRun = [canBootSystemd(), need("nft", { install: "apt-get install nftables" })].every(Boolean)
let root: SystemdRoot
let world: HostWorld

// The root has a network of its own: nothing of this machine changes.
beforeAll(async () => {
  if (!canRun) return
  root = await systemdRoot()
  root.run("nft", "add table inet theirs")
  world = await HostWorld.open({ scope: "firewall", prefix: root.enter as [string, ...string[]] })
}, 120_000)

afterAll(async () => {
  await world?.close()
  await root?.stop()
})

const RULES = `  set mail { type inet_service; elements = { 25, 465 } } # "{" is no brace here
  chain input { type filter hook input priority 0; policy accept; tcp dport @mail counter drop; }
`
const table = (rules = RULES, props: object = {}): TestNode =>
  node(host.firewall, "f", { name: "shop", rules, ...props })
const again = (one: TestNode, done: ReadonlyMap<string, Done>): TestNode => ({
  ...one,
  last: left(one, done).last as Last<unknown, unknown>,
})
const ruleset = (): string => root.run("nft", "list", "ruleset")

describe.skipIf(!canRun)("a table of nftables", () => {
  test("is there as a whole, loaded at boot, replaced, and taken out; what others have stays", async () => {
    const done = await world.apply([table()])
    expect(failures(done)).toEqual([])
    expect(ruleset()).toMatch(/table inet shop \{[\s\S]*elements = \{ 25, 465 \}[\s\S]*tcp dport @mail counter/)
    const known = again(table(), done)
    expect((await world.apply([known])).get("f")?.change).toEqual({ action: "none" })
    expect(root.run("systemctl", "is-enabled", "fettle-nft-inet-shop.service")).toBe("enabled\n")
    root.run("nft", "delete table inet shop")
    root.run("systemctl", "start", "fettle-nft-inet-shop.service")
    expect((await world.apply([known])).get("f")?.change).toEqual({ action: "none" })
    const moved = { ...again(table(RULES.replace("465", "587")), done), last: known.last as never }
    const changed = await world.apply([moved])
    expect(changed.get("f")?.change).toMatchObject({
      because: "its rules differ",
      text: expect.stringContaining("587"),
    })
    expect([ruleset().includes("587"), ruleset().includes("465")]).toEqual([true, false])
    expect(failures(await world.apply([left(table(RULES.replace("465", "587")), changed)]))).toEqual([])
    expect(ruleset()).toBe("table inet theirs {\n}\n")
    expect(existsSync(root.path("/etc/systemd/system/fettle-nft-inet-shop.service"))).toBe(false)
  })

  test("what somebody changed or took out in the kernel is brought back; a set that fills is no change", async () => {
    const dynamic = "set seen { type ipv4_addr; flags dynamic; }\nchain c { }\n"
    const done = await world.apply([table(dynamic)])
    const known = again(table(dynamic), done)
    root.run("nft", "add element inet shop seen { 10.0.0.1 }")
    expect((await world.apply([known])).get("f")?.change).toEqual({ action: "none" })
    root.run("nft", "add rule inet shop c drop")
    const mended = await world.apply([known])
    expect(mended.get("f")?.change).toMatchObject({
      because: "its rules in the kernel are others than those that were loaded",
    })
    expect(ruleset()).not.toContain("drop")
    root.run("nft", "delete table inet shop")
    expect((await world.apply([known])).get("f")?.change).toMatchObject({ because: "the kernel does not have it" })
    expect(failures(await world.apply([left(table(dynamic), mended)]))).toEqual([])
  })

  test("rules that nft does not take change nothing, and a file of somebody else's is not overwritten", async () => {
    expect(failures(await world.apply([table("chain c { nonsense }")]))).toEqual([
      expect.stringMatching(/^f: FILE_REFUSED nft does not take the rules: 5:\d+/),
    ])
    expect([ruleset().includes("shop"), existsSync(root.path("/etc/nftables.d/fettle-inet-shop.nft"))]).toEqual([
      false,
      false,
    ])
    const seen = await world.read([table()])
    root.run("mkdir", "-p", "/etc/nftables.d")
    writeFileSync(root.path("/etc/nftables.d/fettle-inet-shop.nft"), "# theirs\n")
    expect(failures(await world.change([table()], seen))).toEqual(["f: STALE it changed after it was read"])
    root.run("rm", "/etc/nftables.d/fettle-inet-shop.nft")
  })

  test.each(["}\ntable inet other {", "chain c {", 'chain c { comment "}" '])(
    "rules that leave their table are refused: %j",
    (rules) => {
      expect(() => table(rules)).toThrow(/brace/)
    },
  )
})

const connection = rootConnection(() => root.enter)

describe.skipIf(!canRun)("host.firewall", () => {
  conformsTests(
    host.firewall,
    {
      connection,
      props: (variant) => ({ name: `c${variant}`, rules: "chain x { }" }),
      change: (props) => ({ ...props, rules: "chain y { }" }),
      count: () => (ruleset().match(/^table inet c\d+ /gm) ?? []).length,
      foreign: ({ name }) => void root.run("nft", `add table inet ${name}`),
      refused: (variant) => ({ name: `r${variant}`, rules: "nonsense" }),
    },
    { test },
  )
})
