import { describe, expect, test } from "vitest"
import { type HostAnswer, hostKindOf } from "../../connect/host/kind.ts"
import type { PathSeen } from "../../connect/host/look.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { timer } from "./timer.ts"
import { serviceText, sha256Of, timerText } from "./timer-units.ts"

const kind = hostKindOf(timer)
if (kind === undefined) throw new Error("host.timer is no host kind")

const want = (props: object = {}) =>
  timer.props.parse({ name: "backup", calendar: "daily", command: ["/srv/backup", "x"], ...props })
const hashes = { service: sha256Of(serviceText(want())), timer: sha256Of(timerText(want())) }
const there = (over: object = {}) => ({ outputs: { name: "backup", ...hashes, enabled: true, active: true, ...over } })

test("the units say what was asked, and no word is more than a word", () => {
  const props = want({
    command: ["/srv/it's", "a b", 'say "hi"', "50%", "$HOME", "back\\slash", "", ";"],
    env: { A: "x y", B: "100%" },
    user: "app",
    cwd: "/srv/a b",
    randomDelay: "5min",
    description: "Back up",
  })
  expect(serviceText(props)).toBe(`# Written by fettle: it replaces what is changed here.

[Unit]
Description=Back up

[Service]
Type=oneshot
User=app
WorkingDirectory=/srv/a b
Environment="A=x y"
Environment="B=100%%"
ExecStart="/srv/it's" "a b" "say \\"hi\\"" "50%%" "$$HOME" "back\\\\slash" "" ";"
`)
  expect(timerText(props)).toContain("[Timer]\nOnCalendar=daily\nPersistent=true\nRandomizedDelaySec=5min\n")
  expect(timerText(want({ calendar: undefined, every: "15min" }))).toContain("OnBootSec=15min\nOnUnitActiveSec=15min\n")
})

describe("what the answer means", () => {
  const file = (sha256: string): PathSeen => ({
    type: "file",
    sha256,
    mode: "0644",
    sizeBytes: 1,
    uid: 0,
    gid: 0,
    owner: "",
    group: "",
  })
  const answer = (out: string, paths: Record<string, PathSeen>, exitCode = 0): Seen<unknown> => {
    const found: HostAnswer = {
      path: (path) => paths[path.slice(path.lastIndexOf(".") + 1)] ?? "absent",
      local: () => ({ failed: "" }),
      script: { exitCode, out, err: "" },
    }
    return kind.answer({ address: "host.timer[a]" as Address, want: want() }, found, (hash) => hash)
  }
  test.each([
    ["nothing", "enabled=\nactive=inactive\n", {}, { absent: true }],
    [
      "both, and at work",
      "enabled=enabled\nactive=active\nservice=[Unit]\nservice=a=b\ntimer=[Timer]\n",
      { service: file("1"), timer: file("2") },
      {
        outputs: { name: "backup", service: "1", timer: "2", enabled: true, active: true },
        shown: { serviceText: "[Unit]\na=b\n", timerText: "[Timer]\n" },
      },
    ],
    [
      "one of them",
      "enabled=disabled\nactive=failed\n",
      { service: file("1") },
      { outputs: { service: "1", timer: "", enabled: false, active: false } },
    ],
    [
      "something else",
      "",
      { service: "absent", timer: { ...(file("") as object), type: "link", to: "/dev/null" } as PathSeen },
      { failed: { code: "FILE_REFUSED" } },
    ],
  ] as const)("%s", (_what, out, paths, seen) => {
    expect(answer(out, paths)).toMatchObject(seen)
  })

  test("a host without systemd is a failure that says what to do", () => {
    expect(answer("", {}, 33)).toMatchObject({
      failed: {
        code: "HOST_TOOLS",
        fact: "the host is not run by systemd, so there are no timers",
        next: "use host.cron there",
      },
    })
  })
})

test.each([
  ["as wanted", {}, there(), { action: "none" }],
  [
    "not enabled, not active",
    {},
    there({ enabled: false, active: false }),
    { action: "update", props: ["calendar"], because: "it is not enabled; it is not active" },
  ],
  [
    "another command",
    { command: ["/srv/other"] },
    there(),
    { action: "update", props: ["command"], because: "the service differs" },
  ],
  [
    "another time",
    { calendar: "hourly" },
    there(),
    { action: "update", props: ["calendar"], because: "the timer differs" },
  ],
  [
    "one file is missing",
    {},
    there({ service: "" }),
    { action: "update", props: ["command"], because: "the service differs" },
  ],
])("plan: %s", (_what, props, seen, change) => {
  expect(timer.plan(want(props), seen as never, undefined)).toMatchObject(change)
})

test("a missing unit must still be missing, and what was read must still be there", () => {
  const change = kind.change({
    want: want(),
    seen: there({ service: "" }),
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(change.puts?.map(({ path, expect }) => [path, expect])).toEqual([
    ["/etc/systemd/system/backup.service", "absent"],
    ["/etc/systemd/system/backup.timer", hashes.timer],
  ])
  expect(change.script).toContain("systemctl daemon-reload && systemctl enable -q -- 'backup.timer'")
})

test.each([
  [{ calendar: undefined }, "give either calendar or every"],
  [{ every: "15min" }, "give either calendar or every"],
  [{ calendar: undefined, every: "soon" }, "a time of systemd"],
  [{ name: "../x" }, "a name of a unit"],
  [{ name: "a/b" }, "a name of a unit"],
  [{ command: ["backup"] }, "is not an absolute path"],
  [{ env: { A: "x\nUser=root" } }, "holds no newline"],
  [{ description: "x\n[Service]" }, "holds no newline"],
])("%o is refused: %s", (props, words) => {
  const result = timer.props.safeParse({ name: "backup", calendar: "daily", command: ["/x"], ...props })
  expect(result.success ? "" : JSON.stringify(result.error.issues)).toContain(words)
})
