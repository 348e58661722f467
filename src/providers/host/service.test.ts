import { describe, expect, test } from "vitest"
import { hostKindOf, type ScriptRecord } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { service } from "./service.ts"

const kind = hostKindOf(service)
if (kind === undefined) throw new Error("host.service is no host kind")

const address = "host.service[a]" as Address
const want = (props: object = {}) => service.props.parse({ name: "nginx", ...props })
const block = (load: string, active: string, boot: string, outdated = "no"): string =>
  `LoadState=${load}\nActiveState=${active}\nUnitFileState=${boot}\nNeedDaemonReload=${outdated}\n\n`
const told = (text: string, mark = "- -", exitCode = 0): ScriptRecord => ({
  exitCode,
  out: `manager=systemd\nservice=nginx ${mark}\n\n${text}`,
  err: "",
})
const read = (record: ScriptRecord, props: object | undefined = {}): Seen<unknown> =>
  kind.answer(
    { address, id: "nginx", ...(props === undefined ? {} : { want: want(props) }) },
    { shared: record } as never,
    String,
  )
const planOf = (record: ScriptRecord, props: object = {}): unknown =>
  service.plan(want(props), read(record, props) as Seen<never>, undefined)

const ON = block("loaded", "active", "enabled")
const OFF = block("loaded", "inactive", "disabled")
const print = /^note (\S+) (\S+)$/m

/** What the script would note for these inputs. */
function marks(props: object): string {
  const change = kind?.change({ want: want(props) } as never)
  const [, restart = "", reload = ""] = print.exec(change?.script ?? "") ?? []
  return `${restart} ${reload}`
}

describe("what is planned from what systemd tells", () => {
  const update = (props: string, because: string): object => ({ action: "update", props: props.split(","), because })
  test.each([
    ["on", ON, {}, { action: "none" }],
    ["off", OFF, {}, { action: "create" }],
    ["not there yet", block("not-found", "inactive", ""), {}, { action: "create" }],
    ["enabled, not running", block("loaded", "inactive", "enabled"), {}, update("running", "it is not running")],
    ["failed", block("loaded", "failed", "enabled"), {}, update("running", "it has failed")],
    ["running, not enabled", block("loaded", "active", "disabled"), {}, update("enabled", "it does not start at boot")],
    ["static is enough", block("loaded", "active", "static"), {}, { action: "none" }],
    ["to be off, and off", OFF, { enabled: false, running: false }, { action: "none" }],
    [
      "to be off, and not there",
      block("not-found", "inactive", ""),
      { enabled: false, running: false },
      { action: "none" },
    ],
    [
      "to be off",
      ON,
      { enabled: false, running: false },
      update("enabled,running", "it starts at boot; it is running"),
    ],
    ["only enabled", block("loaded", "inactive", "enabled"), { running: "any" }, { action: "none" }],
    ["only running", block("loaded", "active", "disabled"), { enabled: "any" }, { action: "none" }],
    ["to be masked", OFF, { enabled: false, running: false, masked: true }, update("masked", "it is not masked")],
    [
      "outdated",
      block("loaded", "active", "enabled", "yes"),
      {},
      update("name", "systemd has not read its unit file again"),
    ],
  ])("%s", (_what, text, props, change) => {
    expect(planOf(told(text), props)).toEqual(change)
  })

  test("restart is a state", () => {
    const [one, other] = [{ restartOn: ["a"] }, { restartOn: ["b"] }]
    expect(planOf(told(ON, marks(one)), one)).toEqual({ action: "none" })
    expect(planOf(told(ON, marks(one)), other)).toEqual(
      update("restartOn", "it was started with something else: restart"),
    )
    expect(planOf(told(ON), one)).toEqual(update("restartOn", "what it was started with is not known: restart"))
    const both = { restartOn: ["a"], reloadOn: [{ x: 1, y: 2 }] }
    expect(planOf(told(ON, marks(both)), { restartOn: ["a"], reloadOn: [{ y: 2, x: 1 }] })).toEqual({ action: "none" })
    expect(planOf(told(ON, marks(both)), { ...both, reloadOn: [3] })).toEqual(
      update("reloadOn", "it has loaded something else: reload"),
    )
    expect(planOf(told(ON, marks(both)), { restartOn: ["b"], reloadOn: [3] })).toMatchObject({ props: ["restartOn"] })
  })

  test("one that left the program is there as long as anything of it is on", () => {
    expect(read(told(ON), undefined)).toMatchObject({ outputs: { running: true } })
    expect(read(told(OFF), undefined)).toMatchObject({ absent: true })
    expect(read(told(block("loaded", "inactive", "enabled")), undefined)).toMatchObject({ outputs: { enabled: true } })
  })

  test.each([
    ["no manager", { exitCode: 32, out: "neither\n", err: "" }, "SERVICES_MISSING", "neither"],
    ["fewer answers than questions", told(""), "READ_FAILED", /cannot be read/],
    ["more answers than questions", told(ON + OFF), "READ_FAILED", /cannot be read/],
    ["an answer without a state", told("UnitFileState=enabled\n\n"), "READ_FAILED", /nginx cannot be read/],
    ["a bus that is gone", told("Failed to connect to bus", "- -", 1), "READ_FAILED", /Failed to connect/],
  ])("%s is no absence", (_what, record, code, fact) => {
    const seen = read(record)
    expect("failed" in seen && [seen.failed.code, seen.failed.fact]).toEqual([code, expect.stringMatching(fact)])
  })
})

describe("what is changed", () => {
  test("what was asked for is taken back, and nothing else", () => {
    const last = (props: object): never =>
      ({ props: want(props), outputs: { name: "nginx", manager: "systemd" } }) as never
    const seen = read(told(ON)) as Seen<never>
    const tail = (props: object): string =>
      (kind.removal(seen, last(props)).script ?? "").split("|| exit 0\n").at(-1) ?? ""
    expect(tail({})).toBe("! busy || halt\ndisable\nexit 0")
    expect(tail({ running: "any" })).toBe("disable\nexit 0")
    expect(tail({ enabled: false, running: false, masked: true })).toBe("unmask\nexit 0")
    expect(kind.removal({ absent: true }, last({}))).toEqual({})
  })

  test.each([
    [31, "log\nJob failed.", "SERVICE_DIED", "nginx does not stay up: Job failed."],
    [33, "", "SERVICE_UNKNOWN", "the host has no service nginx"],
    [34, "", "SERVICE_MASKED", "nginx is masked on the host"],
    [41, "", "HOST_NOT_ROOT", "only root can change services on the host"],
  ])("exit code %d has its own error", (exitCode, out, code, fact) => {
    const failed = kind.failure?.({ exitCode, out, err: "" }, want())
    expect([failed?.code, failed?.fact]).toEqual([code, fact])
  })

  test.each([
    { name: "-x" },
    { name: "a b" },
    { name: "a/b" },
    { name: "getty@" },
    { name: "getty@.service" },
    { name: "a*" },
    { masked: true },
    { masked: true, enabled: false },
  ])("%j is refused", (props) => {
    expect(() => want(props)).toThrow()
  })

  test("a service has one name", () => {
    expect(want({ name: "nginx.service" }).name).toBe("nginx")
    expect(want({ name: "fstrim.timer" }).name).toBe("fstrim.timer")
  })
})
