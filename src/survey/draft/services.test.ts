import { expect, test } from "vitest"
import { serviceState, type UnitFacts } from "./services.ts"

const unit = (load: string, active: string, boot: string, more: Partial<UnitFacts> = {}): UnitFacts => {
  return { name: "x.service", load, active, boot, ...more }
}

test.each([
  ["on", unit("loaded", "active", "enabled"), { enabled: true, running: true }],
  ["off", unit("loaded", "inactive", "disabled"), { enabled: false, running: false }],
  ["static and running", unit("loaded", "active", "static"), { enabled: "any", running: true }],
  ["an alias", unit("loaded", "active", "alias"), { enabled: true, running: true }],
  ["enabled until the next boot", unit("loaded", "active", "enabled-runtime"), { enabled: false, running: true }],
  ["starting", unit("loaded", "activating", "enabled"), { enabled: true, running: "any", note: "it is activating" }],
  ["failed", unit("loaded", "failed", "disabled"), { enabled: false, running: "any", note: "it has failed" }],
  ["falling", unit("loaded", "active", "enabled", { restarts: 3 }), { running: "any", note: "it was restarted 3" }],
  ["by its socket", unit("loaded", "active", "disabled", { triggered: true }), { enabled: false, running: "any" }],
  ["both ways", unit("loaded", "active", "enabled", { triggered: true }), { enabled: true, running: true }],
  ["ended", unit("loaded", "inactive", "enabled", { type: "oneshot" }), { enabled: true, running: "any" }],
  ["masked", unit("masked", "inactive", "masked"), { enabled: false, running: false, masked: true }],
  ["masked and running", unit("masked", "active", "masked"), { why: "is masked and still runs" }],
  ["not there", unit("not-found", "inactive", ""), { why: "is to start at boot, and the host has no such unit" }],
  ["outdated", unit("loaded", "active", "enabled", { outdated: true }), { why: "has a unit file" }],
  ["a job", unit("loaded", "inactive", "static", { triggered: true }), { why: "is started by another unit" }],
])("%s", (_what, facts, state) => {
  const words = Object.fromEntries(
    Object.entries(state).map(([key, value]) => [
      key,
      typeof value === "string" ? expect.stringContaining(value) : value,
    ]),
  )
  expect(serviceState(facts)).toMatchObject(words)
})
