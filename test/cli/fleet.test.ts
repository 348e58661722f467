import { readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { linesOf, type Place, place } from "./fettle.ts"

describe.skipIf(!canStartHosts())("a fleet", () => {
  let config: string

  beforeAll(async () => {
    const [a, b] = [await SshHost.start("alpha"), await SshHost.start("beta")]
    config = a.at("fleet")
    const names = (from: number): string =>
      [0, 2, 4, 6, 8, 10].map((at) => `web${String(from + at).padStart(2, "0")}`).join(" ")
    const texts = [
      readFileSync(a.config, "utf8").replace("Host alpha", `Host ${names(1)}`),
      readFileSync(b.config, "utf8").replace("Host beta", `Host ${names(2)}`),
    ]
    writeFileSync(config, [...texts, "Host dead\n  HostName 127.0.0.1\n  Port 1\n"].join("\n"))
  })
  afterAll(stopHosts)

  /** A program with a fleet of these hosts; `build` declares what is on each. */
  const fleetOf = (hosts: string, build: string, options = "{}"): Place => {
    const at = place()
    at.write(
      "fettle.ts",
      `import { check, command, fleet, program, resource } from "fettle"
import * as host from "fettle/host"

const all = host.inventory.sshConfig(${JSON.stringify(config)})
const here = import.meta.dirname
const nodes: Record<string, any> = {}
export default program("site", { bad: "none" }, ({ bad }) => {
  fleet("web", all.in(${JSON.stringify(hosts)}), ({ name }) => {
${build}
  }, ${options})
})
void [check, command, nodes, bad_(), resource]
function bad_() {}
`,
    )
    return at
  }
  const FILE = '    const file = resource(host.file, "f", { path: `${here}/${name}`, content: "x" })\n'
  const LOGGED = `${FILE}    check("well", command.succeeds(["sh", "-c", \`echo b >> \${here}/log; sleep 0.3; echo e >> \${here}/log\`]), { after: [file] })\n`

  /** Most checks that were under way at once. */
  const most = (at: Place): number => {
    let [now, peak] = [0, 0]
    for (const line of at.read("log").trim().split("\n")) {
      now += line === "b" ? 1 : -1
      peak = Math.max(peak, now)
    }
    return peak
  }

  test("a dead host fails alone: the rest is applied, and the end says which is which", async () => {
    const at = fleetOf(
      "web*,dead",
      `${FILE}    resource(host.link, "l", { path: \`\${here}/\${name}.l\`, to: "f" }, { after: [file] })\n`,
    )
    const planned = await at.fettle(["plan"])
    expect(planned.text).toMatch(/\+ web\/\*\/host\.file\[f\] +on 12 hosts: web\[01-12\]/)
    expect(planned.text).toContain("24 to create")
    const applied = await at.fettle(["apply", "--yes"])
    expect(applied.code).toBe(1)
    expect(applied.text).toMatch(/~ changed on 12 hosts: web\[01-12\]/)
    expect(applied.text).toMatch(/× failed on 1 host: dead/)
    expect(applied.text.match(/host\.file\[f\] +created/g)).toHaveLength(5)
    expect([at.read("web12"), readlinkSync(at.path("web12.l"))]).toEqual(["x", "f"])
    expect((await at.fettle(["plan", "--check", "--limit", "web0*,web1*"])).code).toBe(0)
  })

  test("hosts that do not answer hold up nobody: one comes later and gets its own plan, one never does and fails by name", async () => {
    const [late, gone] = await Promise.all([SshHost.start("late"), SshHost.start("gone")])
    const at = place()
    writeFileSync(
      at.path("config"),
      [late.config, gone.config, config].map((each) => readFileSync(each, "utf8")).join("\n"),
    )
    at.write(
      "fettle.ts",
      `import { fleet, on, program, resource } from "fettle"
import * as host from "fettle/host"

const config = ${JSON.stringify(at.path("config"))}
const ways = ["web01", "web02", "web03", "late", "gone"].map((name) => host.ssh(name, { config, connectTimeout: "100s" }))
export default program("site", {}, () => {
  const files: Record<string, any> = {}
  fleet("web", ways, ({ name }) => {
    files[name] = resource(host.file, "f", { path: \`\${import.meta.dirname}/\${name}\`, content: "x" })
  })
  for (const name of ["late", "gone"])
    on(ways.find((each) => each.name === "web01")!, () =>
      resource(host.file, \`after-\${name}\`, { path: \`\${import.meta.dirname}/after-\${name}\`, content: "x" }, { after: [files[name]] }))
})
`,
    )
    for (const each of [late, gone]) process.kill(each.pid, "SIGSTOP")
    onTestFinished(() => void process.kill(late.pid, "SIGCONT"))
    const running = at.start(["apply", "--yes", "--json"])
    await expect.poll(() => at.has("web01") && at.has("web02") && at.has("web03"), { timeout: 40_000 }).toBe(true)
    expect([at.has("late"), at.has("after-late")]).toEqual([false, false])
    process.kill(gone.pid, "SIGKILL")
    process.kill(late.pid, "SIGCONT")
    const { code, stdout } = await running.ended
    expect(code).toBe(1)
    const ended = linesOf(stdout).filter(({ type }) => type === "node.finished")
    const how = (address: string): unknown =>
      ended.filter((each) => each.address === address).map((each) => each.outcome)
    expect(how("web/late/host.file[f]")).toEqual(["done"])
    expect(how("host.file[after-late]")).toEqual(["done"])
    expect(how("web/gone/host.file[f]")).toEqual(["failed"])
    expect(how("host.file[after-gone]")).toEqual(["skipped"])
    expect(JSON.stringify(ended.find((each) => each.address === "host.file[after-gone]"))).toContain(
      "waits for web/gone/host.file[f]",
    )
    expect(how("web/web03/host.file[f]")).toEqual(["done"])
    expect(linesOf(stdout).filter(({ type }) => type === "plan.made")).toHaveLength(2)
  })

  test("a host that is slow in the middle of an apply holds up no other: it goes on when the other has done all of its own", async () => {
    const at = fleetOf(
      "web01,web02",
      `    const file = (path: string, after: any[] = []) => resource(host.file, path, { path: \`\${here}/\${path}\`, content: "x" }, { after })
    if (name === "web01") resource(host.command, { name: "slow", script: \`until [ -e \${here}/last ]; do sleep 0.1; done; touch \${here}/seen\`, creates: \`\${here}/seen\` })
    else file("last", [check("second", command.succeeds(["test", "-e", \`\${here}/second\`]), { after: [file("second", [check("first", command.succeeds(["test", "-e", \`\${here}/first\`]), { after: [file("first")] })])] })])
`,
    )
    const applied = await at.fettle(["apply", "--yes"])
    expect([applied.code, at.has("seen")]).toEqual([0, true])
  })

  test("--limit plans, applies, asks and deletes on the chosen hosts only", async () => {
    const at = fleetOf("web0*", LOGGED)
    const planned = await at.fettle(["plan", "--limit", "web01,web02"])
    expect(planned.text).toContain("Only what is on web01,web02.")
    expect(planned.text).toContain("2 to create")
    const applied = await at.fettle([
      "apply",
      "--yes",
      "-l",
      "web:!web0[3-9]*:!web03:!web04:!web05:!web06:!web07:!web08:!web09",
    ])
    expect(applied.text).toContain("2 created")
    expect(applied.text).toContain("2 checks yes")
    expect([at.has("web01"), at.has("web02"), at.has("web03")]).toEqual([true, true, false])
    const verified = await at.fettle(["verify", "--limit", "web01"])
    expect(verified.text).toContain("1 check yes")
    expect((await at.fettle(["plan", "--limit", "wbe"])).text).toContain("LIMIT_UNKNOWN")
    expect((await at.fettle(["destroy", "--yes", "--limit", "web01"])).code).toBe(0)
    expect([at.has("web01"), at.has("web02")]).toEqual([false, true])
  })

  test("a node that needs something of a host that was not chosen says so, and that host is not touched", async () => {
    const at = fleetOf(
      "web01,web02",
      `    nodes[name] = resource(host.file, "f", { path: \`\${here}/\${name}\`, content: "x" }, name === "web02" ? { after: [nodes.web01] } : {})\n`,
    )
    const limited = await at.fettle(["apply", "--yes", "--limit", "web02"])
    expect(limited.text).toContain("1 created")
    expect([at.has("web01"), at.has("web02")]).toEqual([false, true])
  })

  test("without serial hosts do not wait for each other; with it at most so many are under change, checks included", async () => {
    const free = fleetOf("web*", LOGGED)
    expect((await free.fettle(["apply", "--yes"])).code).toBe(0)
    expect(most(free)).toBeGreaterThan(2)
    const rolling = fleetOf("web*", LOGGED, "{ serial: 2 }")
    expect((await rolling.fettle(["apply", "--yes"])).code).toBe(0)
    expect(most(rolling)).toBe(2)
    expect(rolling.read("log").match(/e/g)).toHaveLength(12)
  })

  test("where more fail than may, no other host begins; mended, it goes on", async () => {
    const bad =
      '    resource(host.file, "f", { path: name === bad ? "/dev/null/x" : `${here}/${name}`, content: "x" })\n'
    const at = fleetOf("web0*", bad, '{ serial: 1, maxUnavailable: "0%" }')
    const stopped = await at.fettle(["apply", "--yes", "--json", "--param", "bad=web05"])
    const ended = linesOf(stopped.stdout).filter(({ type }) => type === "node.finished")
    const of = (outcome: string): number => ended.filter((each) => each.outcome === outcome).length
    expect(stopped.code).toBe(1)
    expect([of("done") + of("skipped"), of("failed")]).toEqual([8, 1])
    expect(of("skipped")).toBeGreaterThan(0)
    expect(JSON.stringify(ended)).toContain("ROLL_STOPPED")
    const again = await at.fettle(["apply", "--yes"])
    expect(again.code).toBe(0)
    expect(at.has("web09")).toBe(true)
  })

  test("a dead host counts as unavailable before anything begins, and may be allowed", async () => {
    const strict = fleetOf("dead,web01,web02", FILE, "{ serial: 1 }")
    const refused = await strict.fettle(["apply", "--yes"])
    expect(refused.text).toContain("1 of 3 hosts of web failed, 0 may: this one was not begun")
    expect([strict.has("web01"), strict.has("web02")]).toEqual([false, false])
    const lenient = fleetOf("dead,web01,web02", FILE, "{ serial: 1, maxUnavailable: 1 }")
    expect((await lenient.fettle(["apply", "--yes"])).code).toBe(1)
    expect([lenient.has("web01"), lenient.has("web02")]).toEqual([true, true])
  })

  test("hosts that need each other do not wait for ever for a place", async () => {
    const at = fleetOf(
      "web01,web02",
      `    nodes[name] = resource(host.file, "a", { path: \`\${here}/\${name}.a\`, content: "x" })
    if (name === "web02") {
      const b = resource(host.file, "b", { path: \`\${here}/\${name}.b\`, content: "x" }, { after: [nodes.web01] })
      resource(host.file, "c", { path: \`\${here}/\${name}.c\`, content: "x" }, { after: [b] })
    } else nodes.later = resource(host.link, "d", { path: \`\${here}/\${name}.d\`, to: "x" }, { after: ["web/web02/host.file[a]"] })\n`,
      "{ serial: 1 }",
    )
    const ended = await at.fettle(["apply", "--yes"])
    expect(ended.text).toContain("5 created")
    expect(ended.code).toBe(0)
  })
})
