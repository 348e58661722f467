import { afterAll, beforeAll, describe, test, vi } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import * as host from "../../src/host.ts"
import type { Connection } from "../../src/provider.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { canBootSystemd, type SystemdRoot, systemdRoot } from "../support/systemd-root.ts"

// Some rules start a unit twenty times, and each start has systemd read all its units again.
vi.setConfig({ testTimeout: 120_000 })

const canBoot = canBootSystemd()
let root: SystemdRoot

beforeAll(async () => {
  if (canBoot) root = await systemdRoot()
}, 90_000)

afterAll(async () => {
  await root?.stop()
})

/** The root as a host. */
const connection: Connection<HostClient> = {
  type: "host",
  name: "root",
  target: "a root with systemd",
  secrets: [],
  open: (context) => openHost(localCarrier({ scope: "conforms", prefix: root.enter }), context),
}

describe.skipIf(!canBoot)("host.process by systemd", () => {
  const shared = { readyAfterMs: 0, supervisor: "systemd" } as const
  conformsTests(
    host.process,
    {
      connection,
      props: (variant) => ({
        ...shared,
        command: ["sleep", `3600.${variant}`] as [string, ...string[]],
        directory: `/srv/p${variant}`,
        env: { KEY: secret.env("KEY") },
      }),
      change: (props) => ({ ...props, restartOn: ["changed"] }),
      count: () => {
        const lines = root.run("systemctl", "list-units", "--no-legend", "--state=active", "fettle-*").split("\n")
        return lines.filter((line) => line.includes(".service")).length
      },
      refused: (variant) => ({
        ...shared,
        command: ["/no/such/command"] as [string, ...string[]],
        directory: `/srv/refused${variant}`,
      }),
      secrets: { KEY: "swordfish-in-a-unit" },
    },
    { test },
  )
})
