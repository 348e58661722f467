import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { Order } from "../fixtures/crash/child.ts"
import build, { type ReleaseUsageOptions } from "../fixtures/crash/release-usage.ts"
import { runChild } from "../support/crash.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { failed } from "./docker-told.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/release-usage.ts", import.meta.url))
const GROWS = 400e6

describe.skipIf(process.platform !== "linux")("a release that compares what it uses with the time before", () => {
  let folder: string
  let port: number
  beforeEach(async () => {
    folder = testFolder()
    port = await freePort(4)
  })
  afterEach(async () => {
    await runsIn(folder).apply(build(optionsOf("0")), { destroy: true })
  })
  const optionsOf = (version: string, grows = 0): ReleaseUsageOptions => ({ folder, port, version, grows })

  test("a version that grows with its traffic goes back; one that does not stays", { timeout: 120_000 }, async () => {
    const runs = runsIn(folder)
    expect(failed(await runs.apply(build(optionsOf("1"))))).toEqual([])
    expect(failed(await runs.apply(build(optionsOf("2"))))).toEqual([])
    const grown = await runs.apply(build(optionsOf("3", GROWS)))
    expect(failed(grown)).toEqual([
      expect.stringMatching(
        /^RELEASE_ROLLED_BACK: .*memory: process .* times the \d+ before, expected at most 2 times/,
      ),
    ])
  })

  test("killed on its way, the next run goes on with what was measured before", { timeout: 240_000 }, async () => {
    const orderOf = (version: string, killAt = 0, grows = GROWS): Order => {
      return { command: "apply", module: MODULE, options: { ...optionsOf(version, grows) }, folder, killAt }
    }
    expect((await runChild(orderOf("1", 0, 0))).report).toMatchObject({ exitCode: 0 })
    const whole = (await runChild(orderOf("2"))).report
    expect(whole).toMatchObject({ exitCode: 3, errors: [{ code: "RELEASE_ROLLED_BACK" }] })
    const boundaries = whole?.boundaries ?? 0
    let wentOn = 0
    for (const back of [7, 9, 11, 13, 15]) {
      const version = String(back)
      const killed = await runChild(orderOf(version, boundaries - back))
      const again = (await runChild(orderOf(version))).report
      expect(again?.errors[0]?.code).toMatch(/^RELEASE_(ROLLED_BACK|REFUSED)$/)
      if (killed.signal === "SIGKILL" && again?.errors[0]?.code === "RELEASE_ROLLED_BACK") wentOn += 1
    }
    expect(wentOn).toBeGreaterThan(1)
  })
})
