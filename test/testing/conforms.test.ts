import { conforms } from "fettle/testing"
import { expect, test } from "vitest"
import { thing } from "../support/world.ts"
import { entryKind, registryWorld } from "./registry.ts"
import { thingWorld } from "./thing-world.ts"

test("thing", { timeout: 60_000 }, async () => {
  const findings = await conforms(thing, thingWorld())
  for (const { name, ok, asked, evidence } of findings)
    console.log(ok ? (asked ? "ok " : "-- ") : "NO ", name, "|", evidence)
})
for (const settles of ["token", { mark: true, horizonMs: 60_000 }, "ask"] as const)
  test(`registry ${JSON.stringify(settles)}`, { timeout: 60_000 }, async () => {
    const findings = await conforms(entryKind(settles), registryWorld())
    for (const { name, ok, asked, evidence } of findings)
      console.log(ok ? (asked ? "ok " : "-- ") : "NO ", name, "|", evidence)
  })
