import { describe, expect, test } from "vitest"
import { hostKindOf } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { canonical } from "../../secrets/canonical.ts"
import { PENDING, Secret } from "../../secrets/secret.ts"
import { hostProcess } from "./process.ts"
import { unitHash, unitName } from "./systemd-unit.ts"

const kind = hostKindOf(hostProcess)
if (kind === undefined) throw new Error("host.process is no host kind")

const want = (props: object = {}) =>
  hostProcess.props.parse({ command: ["node", "server.js"], directory: "/srv/run", ...props })
const fingerprint = (props: object = {}): string | undefined => hostProcess.predict?.(want(props)).fingerprint
const address = "host.process[a]" as Address

function secret(value: string, print = `fp:${value}`): Secret<string> {
  const made = new Secret<string>("K", { type: "value", value })
  Secret.remember(made, { value, fingerprint: print })
  return made
}

const settings = "MAX=10485760 KEEP=3"
const running = (over: object = {}, shown: object = {}): Seen<never> =>
  ({
    outputs: {
      directory: "/srv/run",
      log: "/srv/run/log",
      fingerprint: fingerprint(),
      running: true,
      pid: 7,
      startedAt: "",
      ...over,
    },
    shown: { supervisor: "alive", settings, ...shown },
  }) as never

describe("restart is a state", () => {
  test.each([
    ["never started", {}, { absent: true }, { action: "create" }],
    ["running with the same", {}, running(), { action: "none" }],
    [
      "running with something else",
      { restartOn: ["new hash"] },
      running(),
      { action: "update", props: ["restartOn"], because: "it was started with something else: restart" },
    ],
    [
      "not running",
      {},
      running({ running: false }, { supervisor: "gone" }),
      { action: "update", props: ["command"], because: "it is not running" },
    ],
    [
      "ending again and again",
      {},
      running({ running: false }),
      { action: "update", props: ["command"], because: "it keeps ending: see its log" },
    ],
    [
      "another log",
      { log: { keep: 9 } },
      running(),
      { action: "update", props: ["log"], because: "the log is to be kept differently: no restart" },
    ],
    ["another way to stop is no restart", { stop: { signal: "INT" } }, running(), { action: "none" }],
  ])("%s", (_what, props, seen, change) => {
    expect(hostProcess.plan(want(props), seen as Seen<never>, undefined)).toEqual(change)
  })

  const unit = { supervisor: "systemd" } as const
  const byUnit = (over: object = {}, shown: object = {}): Seen<never> =>
    running(
      { fingerprint: fingerprint(unit), unit: unitName("/srv/run"), ...over },
      { unitFile: unitHash(want(unit)), boot: "enabled", reload: "no", ...shown },
    )

  test.each([
    ["as it is wanted", {}, byUnit(), { action: "none" }],
    [
      "still run by sh",
      {},
      running(),
      { action: "update", props: ["restartOn"], because: "it was started with something else: restart" },
    ],
    [
      "to be run by sh again",
      { supervisor: "sh" },
      byUnit(),
      { action: "update", props: ["restartOn"], because: "it was started with something else: restart" },
    ],
    [
      "stopped by hand",
      {},
      byUnit({ running: false }, { supervisor: "gone" }),
      { action: "update", props: ["command"], because: "it is not running" },
    ],
    [
      "ending again and again",
      {},
      byUnit({ running: false }),
      { action: "update", props: ["command"], because: "it keeps ending: see its log" },
    ],
    [
      "with a unit file changed by hand",
      {},
      byUnit({}, { unitFile: "other" }),
      { action: "update", props: ["command"], because: "its unit file was changed: restart" },
    ],
    [
      "to be stopped differently",
      { stop: { signal: "INT" } },
      byUnit(),
      { action: "update", props: ["stop"], because: "it is to be stopped differently: no restart" },
    ],
    [
      "to be stopped differently, with a unit file changed by hand",
      { stop: { signal: "INT" } },
      byUnit({}, { unitFile: "other" }),
      { action: "update", props: ["command"], because: "its unit file was changed: restart" },
    ],
    [
      "disabled by hand",
      {},
      byUnit({}, { boot: "disabled" }),
      { action: "update", props: ["supervisor"], because: "it does not start at boot: no restart" },
    ],
    [
      "with a unit file that systemd has not read again",
      {},
      byUnit({}, { reload: "yes" }),
      { action: "update", props: ["supervisor"], because: "systemd has not read its unit file again: no restart" },
    ],
  ])("run by systemd, %s", (_what, props, seen, change) => {
    const last = { props: want(unit), outputs: {} as never }
    expect(hostProcess.plan(want({ ...unit, ...props }), seen, last)).toEqual(change)
  })

  test.each([
    ["command", { command: ["node", "other.js"] }],
    ["cwd", { cwd: "/srv" }],
    ["a variable", { env: { A: "1" } }],
    ["a secret variable", { env: { A: secret("12345678") } }],
    ["what it is restarted on", { restartOn: [{ hash: "x" }] }],
  ])("the fingerprint covers %s", (_what, props) => {
    expect(fingerprint(props)).not.toBe(fingerprint())
    expect(fingerprint(props)).toMatch(/^[0-9a-f]{64}$/)
  })

  test("it is the same for the same values in any order, and unknown while a secret is still to be made", () => {
    expect(fingerprint({ env: { A: "1", B: "2" } })).toBe(fingerprint({ env: { B: "2", A: "1" } }))
    expect(fingerprint({ env: { A: secret("12345678") } })).toBe(
      fingerprint({ env: { A: secret("another", "fp:12345678") } }),
    )
    expect(fingerprint({ restartOn: [secret("12345678", `${PENDING}K`)] })).toBeUndefined()
    expect(canonical({ b: [secret("v")], a: new Uint8Array([1]) })).toMatch(
      /^\{"a":\{"\$bytes":"[0-9a-f]{64}"\},"b":\[\{"\$secret":"fp:v"\}\]\}$/,
    )
  })
})

describe("what is read", () => {
  const directory = {
    type: "directory",
    mode: "0700",
    sizeBytes: 0,
    uid: 0,
    gid: 0,
    owner: "root",
    group: "root",
  } as const
  const answer = (out: string, exitCode = 0, props?: object): unknown =>
    kind.answer(
      { address, id: "/srv/run", ...(props === undefined ? {} : { want: want(props) }) },
      { path: () => directory, local: () => ({ failed: "" }), script: { exitCode, out, err: "" } },
      (sha256) => sha256,
    )

  test.each([
    ["nothing was ever started", "", { absent: true }],
    [
      "up",
      "fingerprint=abc\nsettings=MAX=1 KEEP=2\nsupervisor=alive\nchild=alive\npid=42\nstarted=1000\n",
      {
        outputs: {
          directory: "/srv/run",
          log: "/srv/run/log",
          fingerprint: "abc",
          running: true,
          pid: 42,
          startedAt: "1970-01-01T00:16:40.000Z",
        },
        shown: { supervisor: "alive", settings: "MAX=1 KEEP=2" },
      },
    ],
    [
      "command gone",
      "fingerprint=abc\nsupervisor=alive\npid=42\nstarted=0\n",
      { outputs: { running: false }, shown: { supervisor: "alive" } },
    ],
    [
      "supervisor gone",
      "fingerprint=abc\nchild=alive\npid=42\nstarted=0\n",
      { outputs: { running: false }, shown: { supervisor: "gone" } },
    ],
  ])("%s", (_what, out, seen) => {
    expect(answer(out)).toMatchObject(seen)
  })

  const byUnit = "fingerprint=abc\nsettings=MAX=1 KEEP=2\nby=systemd\nunit=hash\nnoted=42\nstarted=1000\n"
  test.each([
    [
      "up",
      "NeedDaemonReload=no\nActiveState=active\nMainPID=42\nUnitFileState=enabled\n",
      {
        outputs: { running: true, pid: 42, startedAt: "1970-01-01T00:16:40.000Z", unit: unitName("/srv/run") },
        shown: { supervisor: "alive", unitFile: "hash", boot: "enabled", reload: "no" },
      },
    ],
    [
      "started anew, and it has not noted itself yet",
      "ActiveState=active\nMainPID=43\n",
      { outputs: { running: true, pid: 43, startedAt: "1970-01-01T00:00:00.000Z" } },
    ],
    [
      "waiting to be started again",
      "ActiveState=activating\nMainPID=0\n",
      { outputs: { running: false, pid: 0 }, shown: { supervisor: "alive" } },
    ],
    ["failed", "ActiveState=failed\nMainPID=0\n", { outputs: { running: false }, shown: { supervisor: "gone" } }],
    ["a unit where no systemd runs", "", { outputs: { running: false, pid: 0 }, shown: { supervisor: "gone" } }],
  ])("by systemd: %s", (_what, out, seen) => {
    expect(answer(`${byUnit}${out}`)).toMatchObject(seen)
  })

  test("a host without systemd is named, and so is what to do", () => {
    const bySystemd = { supervisor: "systemd" }
    expect(answer("without=the host has no systemctl\n")).toEqual({ absent: true })
    expect(answer("without=the host has no systemctl\n", 0, {})).toEqual({ absent: true })
    expect(answer("without=the host has no systemctl\n", 0, bySystemd)).toMatchObject({
      failed: { code: "SYSTEMD_MISSING", fact: "the host has no systemctl", next: expect.stringContaining("boot") },
    })
    expect(answer("without=no systemd of user ann runs on the host\n", 0, bySystemd)).toMatchObject({
      failed: { code: "SYSTEMD_MISSING", next: "on the host, as root: loginctl enable-linger ann" },
    })
  })

  test("a folder that may not be read is a failure, not absence", () => {
    expect(answer("it may not be read\n", 20)).toMatchObject({
      failed: { code: "READ_FAILED", fact: "/srv/run: it may not be read" },
    })
  })
})

test("secrets of the environment stand in one sealed slot, never in the script", () => {
  const key = secret("swordfish's")
  const change = kind.change({
    want: want({ env: { KEY: key, PLAIN: "x" }, cwd: "/srv/it's" }),
    seen: { absent: true },
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(change.script).not.toMatch(/swordfish|KEY|PLAIN/)
  const start = change.slots?.start as { secrets: unknown[]; build: (open: (of: unknown) => string) => string }
  expect(start.secrets).toEqual([key])
  expect(start.build(() => "swordfish's")).toBe(
    "cd -- '/srv/it'\\''s' || exit 126\nexport KEY='swordfish'\\''s'\nexport PLAIN='x'\nexec 'node' 'server.js'\n",
  )
})

test("by systemd they stand in its environment file, and the unit file names neither them nor the variables", () => {
  const key = secret("swordfish's")
  const change = kind.change({
    want: want({ env: { KEY: key, PLAIN: '"x" $y' }, supervisor: "systemd" }),
    seen: { absent: true },
    change: { action: "create" },
    last: undefined,
    token: "t",
  })
  expect(`${change.script}${change.slots?.unit}`).not.toMatch(/swordfish|KEY|PLAIN/)
  const env = change.slots?.env as { secrets: unknown[]; build: (open: (of: unknown) => string) => string }
  expect(env.secrets).toEqual([key])
  expect(env.build(() => "swordfish's")).toBe('KEY="swordfish\'s"\nPLAIN="\\"x\\" \\$y"\n')
  expect(Object.keys(change.slots ?? {})).not.toContain("start")
})

test.each([
  [{ supervisor: "systemd", directory: "/srv/50%" }, "a unit file of systemd takes no such path"],
  [{ supervisor: "systemd", cwd: "/srv/a\nb" }, "a unit file of systemd takes no such path"],
  [{ supervisor: "systemd", cwd: "/srv/ends " }, "a unit file of systemd takes no such path"],
  [{ supervisor: "upstart" }, "Invalid option"],
  [{ command: [] }, "expected string"],
  [{ command: ["a\0b"] }, "cannot hold a NUL"],
  [{ restartOn: [() => 1] }, "give a value or an output, as in conf.hash"],
  [{ restartOn: [new Map()] }, "give a value or an output, as in conf.hash"],
  [{ env: { "a-b": "x" } }, "a variable is letters, digits and _"],
  [{ directory: "run" }, "is not an absolute path"],
  [{ stop: { signal: "KILL" } }, "Invalid option"],
  [{ log: { maxBytes: 10 } }, "Too small"],
])("%o is refused: %s", (props, words) => {
  const result = hostProcess.props.safeParse({ command: ["x"], directory: "/srv/run", ...props })
  const messages = result.success ? "" : JSON.stringify(result.error.issues)
  expect(messages).toContain(words)
})
