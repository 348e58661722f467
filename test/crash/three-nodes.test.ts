import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { NOTHING_LEFT, planHere, runChild } from "../support/crash.ts"
import { testFolder } from "../support/runs.ts"
import { world } from "../support/world.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/three-nodes.ts", import.meta.url))

/** A run of three nodes has a few dozen boundaries; more would mean that it never ends. */
const BOUNDARIES_MAX = 200

test("SIGKILL at every boundary of three creates: the next run converges", { timeout: 300_000 }, async () => {
  const root = testFolder()
  for (let killAt = 1; ; killAt += 1) {
    expect(killAt).toBeLessThan(BOUNDARIES_MAX)
    const folder = join(root, String(killAt))
    const far = world(join(folder, "world"))
    const order = { command: "apply" as const, module: MODULE, options: { folder: far.folder }, folder, killAt }
    const first = await runChild(order)
    if (first.signal === null) {
      expect(first.report).toMatchObject({ outcome: "done", errors: [] })
      expect(killAt).toBeGreaterThan(10)
      return
    }
    expect(first.signal).toBe("SIGKILL")
    const second = await runChild({ ...order, killAt: 0 })
    expect(second.report, `after a kill at boundary ${killAt}: ${second.stderr}`).toMatchObject({
      exitCode: 0,
      errors: [],
    })
    expect(far.names()).toEqual(["a", "b", "c"])
    expect(far.get("c")).toMatchObject({ value: "after 2", serial: 3 })
    expect(await planHere(order)).toEqual(NOTHING_LEFT)
  }
})
