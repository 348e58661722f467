import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import { serviceText, timerText } from "../../src/providers/host/timer-units.ts"
import { need } from "../support/need.ts"
import { carrierFor, cleanUp, HostWorld, newFolder, node, shellsHere } from "./host-world.ts"

afterAll(cleanUp)

const hasSystemd = existsSync("/run/systemd/system")

describe.skipIf(hasSystemd).each(shellsHere())("a host without systemd, through %s", (shell) => {
  test("is told apart in the plan, before anything is written", async () => {
    const world = await HostWorld.open(carrierFor(shell, "timer"))
    const one = node(host.timer, "t", { name: "fettle-t", calendar: "daily", command: ["/bin/true"] })
    expect((await world.read([one])).get("t")).toMatchObject({
      failed: { code: "HOST_TOOLS", fact: "the host is not run by systemd, so there are no timers" },
    })
    await world.close()
  })
})

describe.skipIf(!need("systemd-analyze", { install: "apt-get install systemd" }))("unit files", () => {
  const odd = ["it's", "a b", 'say "hi"', "50%", "$HOME", "back\\slash", "", ";", "ünï", "#x"]

  test.each([
    ["a calendar", { calendar: "Mon..Fri *-*-* 04:05:00", randomDelay: "5min" }],
    ["every so often", { every: "1h 30min" }],
    [
      "odd words",
      { calendar: "daily", command: ["/bin/true", ...odd], env: { A: 'x "y" 5%' }, cwd: "/tmp", user: "daemon" },
    ],
  ])("systemd takes them: %s", (_what, props) => {
    const folder = newFolder()
    const want = host.timer.props.parse({ name: "fettle-t", command: ["/bin/true"], ...props })
    writeFileSync(join(folder, "fettle-t.service"), serviceText(want))
    writeFileSync(join(folder, "fettle-t.timer"), timerText(want))
    const said = spawnSync(
      "systemd-analyze",
      ["verify", "--man=no", join(folder, "fettle-t.timer"), join(folder, "fettle-t.service")],
      { encoding: "utf8" },
    )
    const ours = (said.stdout + said.stderr).split("\n").filter((each) => each.includes("fettle-t"))
    expect([said.status, ours]).toEqual([0, []])
  })

  test("and says so of those that are wrong: the test above can fail", () => {
    const folder = newFolder()
    writeFileSync(join(folder, "fettle-t.timer"), "[Timer]\nOnCalendar=never\n")
    const said = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, "fettle-t.timer")], {
      encoding: "utf8",
    })
    expect(said.stdout + said.stderr).toContain("fettle-t.timer")
    expect(execFileSync("systemd-analyze", ["calendar", "daily"], { encoding: "utf8" })).toContain("00:00:00")
  })
})
