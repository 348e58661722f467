import { describe, expect, test } from "vitest"
import { hostKindOf, type ScriptRecord } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import type { Seen } from "../../provider.ts"
import { hostPackage } from "./package.ts"

const kind = hostKindOf(hostPackage)
if (kind === undefined) throw new Error("host.package is no host kind")

const address = "host.package[a]" as Address
const want = (props: object = {}) => hostPackage.props.parse({ name: "nginx", ...props })
const ended = (out: string, exitCode = 0, err = ""): ScriptRecord => ({ exitCode, out, err })
const read = (out: string, props: object = {}, exitCode = 0): Seen<unknown> =>
  kind.answer({ address, want: want(props) }, { shared: ended(out, exitCode) } as never, String)
const at = (version: string): object => ({ outputs: { name: "nginx", version, manager: "apt" } })

describe("what a host tells", () => {
  test.each([
    ["installed", "nginx\tamd64\tinstalled\t1.22-9", {}, at("1.22-9")],
    ["waiting for triggers is installed", "nginx\tamd64\ttriggers-awaited\t1", {}, at("1")],
    ["none", "", {}, { absent: true }],
    ["only its configuration is left", "nginx\tamd64\tconfig-files\t1", {}, { absent: true }],
    ["another one", "nginx-common\tall\tinstalled\t1", {}, { absent: true }],
    ["cut off", "nginx\tamd64\tunpacked\t1", {}, { ...at("1"), shown: { status: "unpacked" } }],
    [
      "what the lists know",
      "nginx\tamd64\tinstalled\t1\nnewest\nnginx\t2",
      { latest: true },
      { ...at("1"), shown: { newest: "2" } },
    ],
    ["the lists know no newer one", "nginx\tamd64\tinstalled\t1\nnewest\nnginx\t1", { latest: true }, at("1")],
    ["two architectures", "nginx\tamd64\tinstalled\t2\nnginx\ti386\tconfig-files\t1", {}, at("2")],
    [
      "the named architecture",
      "nginx\tamd64\tinstalled\t2\nnginx\ti386\tinstalled\t1",
      { name: "nginx:i386" },
      { outputs: { name: "nginx:i386", version: "1", manager: "apt" } },
    ],
    ["the other architecture only", "nginx\tamd64\tinstalled\t2", { name: "nginx:i386" }, { absent: true }],
  ])("%s", (_what, lines, props, seen) => {
    expect(read(`manager=apt\n${lines}`, props)).toEqual(seen)
  })

  test.each([
    ["no manager", "the host has no dnf\n", 42, "HOST_TOOLS", "the host has no dnf"],
    ["a database that cannot be read", "manager=apt\nfailed", 2, "READ_FAILED", /cannot be read: manager=apt\nfailed/],
    ["silence", "", 0, "READ_FAILED", /cannot be read/],
  ])("%s is no absence", (_what, out, exitCode, code, fact) => {
    const seen = read(out, {}, exitCode)
    expect("failed" in seen && [seen.failed.code, seen.failed.fact]).toEqual([code, expect.stringMatching(fact)])
  })
})

describe("what is planned", () => {
  test.each([
    ["not there", {}, { absent: true }, { action: "create" }],
    ["there", {}, at("1.0"), { action: "none" }],
    ["the version", { version: "1.0" }, at("1.0"), { action: "none" }],
    ["a version that begins so", { version: "1.*" }, at("1.0"), { action: "none" }],
    [
      "another version",
      { version: "2.*" },
      at("1.0"),
      { action: "update", props: ["version"], because: "it is 1.0, wanted 2.*" },
    ],
    ["the newest that the lists know", { latest: true }, at("1.0"), { action: "none" }],
    [
      "a newer one in the lists",
      { latest: true },
      { ...at("1.0"), shown: { newest: "1.1" } },
      { action: "update", props: ["latest"], because: "it is 1.0, and the package lists know 1.1" },
    ],
    [
      "cut off",
      {},
      { ...at("1.0"), shown: { status: "unpacked" } },
      { action: "update", props: ["name"], because: "it is unpacked: an installation was cut off" },
    ],
  ])("%s", (_what, props, seen, change) => {
    expect(hostPackage.plan(want(props), seen as Seen<never>, undefined)).toEqual(change)
  })

  test.each(["-y", "a b", "nginx;id", "foo-", "", "a/b", "$x", "a=1"])("no package is named %j", (name) => {
    expect(() => hostPackage.props.parse({ name })).toThrow()
  })
})

describe("what is changed", () => {
  const parts = (props: object = {}) =>
    ({ want: want(props), seen: { absent: true }, change: { action: "create" }, last: undefined, token: "t" }) as never

  test("those with the same settings go together, in one script that names each", () => {
    expect(kind.together?.(parts({ name: "a" }))).toBe(kind.together?.(parts({ name: "b", version: "2" })))
    for (const other of [{ startServices: false }, { recommends: false }, { manager: "apk" }])
      expect(kind.together?.(parts(other))).not.toBe(kind.together?.(parts()))
    const script = kind.changeAll?.([parts({ name: "a" }), parts({ name: "b", version: "2.*" })]).script ?? ""
    expect(script).toContain("set -- 'a' 'b=2.*'") // apt
    expect(script).toContain("set -- 'a' 'b-2.*'") // dnf
    expect(script).toContain("set -- 'a' 'b=~2'") // apk
  })

  test.each([
    [40, "process 7 (apt upgrade)", "PACKAGES_LOCKED", "process 7 (apt upgrade) works with the packages of the host"],
    [41, "", "HOST_NOT_ROOT", "only root can change packages on the host"],
    [42, "the host has no apk", "HOST_TOOLS", "the host has no apk"],
    [44, "E: …", "PACKAGE_UNKNOWN", "the host's repositories have no package nginx 9"],
    [45, "b c", "PACKAGE_NEEDED", "to remove nginx would also remove b c"],
  ])("exit code %d has its own error", (exitCode, err, code, fact) => {
    const failed = kind.failure?.(ended("", exitCode, err), want({ version: "9" }))
    expect([failed?.code, failed?.fact]).toEqual([code, fact])
  })

  test("a manager that ended well and did nothing is not believed", () => {
    const result = (out: string, props: object = {}) =>
      kind.result({ script: ended(out) } as never, want(props), String, {} as never)
    expect(result("manager=apt\nnginx\tamd64\tinstalled\t1\n")).toEqual({ name: "nginx", version: "1", manager: "apt" })
    expect(() => result("manager=apt\n")).toThrow("nginx is not there")
    expect(() => result("manager=apt\nnginx\tamd64\tinstalled\t1\n", { version: "2" })).toThrow("nginx is 1")
  })

  test("what is gone needs no removal", () => {
    const last = { props: want(), outputs: { name: "nginx", version: "1", manager: "apt" } } as never
    expect(kind.removal({ absent: true }, last)).toEqual({})
    expect(kind.removal({ failed: new Error() } as never, last).script).toContain("drop 'nginx'")
  })
})
