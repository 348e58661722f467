import { cpus, hostname, release, totalmem } from "node:os"
import { afterAll, expect, test } from "vitest"
import { localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import * as host from "../../src/host.ts"
import type { Address } from "../../src/program/address.ts"
import { carrierFor, cleanUp, shellsHere } from "./host-world.ts"

afterAll(cleanUp)

test.each(shellsHere())("%s tells what this machine is", async (shell) => {
  const signal = new AbortController().signal
  const context = { signal, reveal: () => "" as never, log: () => {} }
  const driver = await openHost(localCarrier(carrierFor(shell, "fac7")), context)
  const address = "host.facts[here]" as Address
  const call = { signal, seal: (hash: string) => hash, secret: () => undefined as never }
  const seen = (await driver.read([{ provider: host.facts, key: { address, want: {} } }], call)).get(address)
  await driver.close()
  expect(seen).toMatchObject({
    outputs: {
      hostname: process.getuid?.() === 0 ? `t${process.pid}` : hostname(),
      kernel: release(),
      cpus: cpus().length,
      memoryBytes: totalmem(),
    },
  })
})
