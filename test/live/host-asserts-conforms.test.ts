import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, test, vi } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import * as host from "../../src/host.ts"
import type { Connection } from "../../src/provider.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { debRepository } from "../support/deb-repository.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"

// Some rules make twenty things, one after the other, and each run of apt takes a second on a busy machine.
vi.setConfig({ testTimeout: 240_000 })

const canBoot = canBootSystemd()
let root: SystemdRoot

/** Enough for all rules: each takes things of its own. */
const PACKAGES = 60

beforeAll(async () => {
  if (!canBoot) return
  root = await systemdRoot()
  const repository = debRepository(root)
  const names = Array.from({ length: PACKAGES }, (_, n) => `fettle-t${n}`)
  repository.add(...names.flatMap((name) => [{ name }, { name, version: "2.0" }]))
  repository.update()
  writeFileSync(
    root.path("/etc/systemd/system/fettle-t@.service"),
    "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n",
  )
  root.run("systemctl", "daemon-reload")
}, 240_000)

afterAll(async () => {
  await root?.stop()
})

const connection: Connection<HostClient> = {
  type: "host",
  name: "root",
  target: "a root with systemd",
  secrets: [],
  open: (context) => openHost(localCarrier({ scope: "asserts", prefix: root.enter }), context),
}

function linesOf(file: string): number {
  return readFileSync(root.path(file), "utf8").split("\nfettle-t").length - 1
}

describe.skipIf(!canBoot)("host.package", () => {
  conformsTests(
    host.package,
    {
      connection,
      props: (variant) => ({ name: `fettle-t${variant % PACKAGES}`, version: "2.0", purge: true }),
      change: (props) => ({ ...props, version: "1.0" }),
      count: () =>
        readdirSync(root.path("/var/lib/dpkg/info")).filter((name) => /^fettle-t\d+\.list$/.test(name)).length,
      refused: (variant) => ({ name: `fettle-refused${variant}` }),
    },
    { test },
  )
})

describe.skipIf(!canBoot)("host.group", () => {
  conformsTests(
    host.group,
    {
      connection,
      props: (variant) => ({ name: `fettle-t${variant}` }),
      change: (props) => ({ ...props, gid: 70_000 + Number(props.name.slice(8)) }),
      count: () => linesOf("/etc/group"),
      refused: (variant) => ({ name: `fettle-t${variant}`, gid: 0 }),
    },
    { test },
  )
})

describe.skipIf(!canBoot)("host.user", () => {
  conformsTests(
    host.user,
    {
      connection,
      props: (variant) => ({ name: `fettle-t${variant}`, createHome: false, password: secret.env("HASH") }),
      change: (props) => ({ ...props, shell: "/usr/sbin/nologin" }),
      count: () => linesOf("/etc/passwd"),
      refused: (variant) => ({ name: `fettle-t${variant}`, group: "fettle-no-such-group" }),
      secrets: { HASH: "$5$rounds=5000$swordfish$inashadow.hash" },
    },
    { test },
  )
})

describe.skipIf(!canBoot)("host.service", () => {
  conformsTests(
    host.service,
    {
      connection,
      props: (variant) => ({ name: `fettle-t@${variant}`, readyAfterMs: 0 }),
      change: (props) => ({ ...props, enabled: false }),
      count: () =>
        root.run("systemctl", "list-units", "--no-legend", "--state=active", "fettle-t@*").split("\n").filter(Boolean)
          .length,
      refused: (variant) => ({ name: `fettle-refused${variant}` }),
    },
    { test },
  )
})
