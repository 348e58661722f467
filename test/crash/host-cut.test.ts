import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { sshCarrier } from "../../src/connect/host/ssh-carrier.ts"
import * as host from "../../src/host.ts"
import { type Place, place } from "../cli/fettle.ts"
import { failures, HostWorld, node } from "../live/host-world.ts"
import { testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { TcpProxy } from "../support/tcp-proxy.ts"

/** FETTLE_HOST_CUTS=100 makes it a long one. */
const CUTS = Number(process.env.FETTLE_HOST_CUTS ?? 5)
/** A client that is started once more, and a script that works for two seconds, on a busy machine. */
const ROUND_MS = 60_000
/** How long the host waits here for what does not come. */
const PATIENCE_S = 2
/** Commands that say 128 KB each: more than all buffers on the way hold. */
const LOUD = 200

describe.skipIf(!canStartHosts())("a network that goes away in the middle of a run", () => {
  afterAll(stopHosts)

  test("of a long script: another client that begins at once never writes beside it", {
    timeout: ROUND_MS * (1 + CUTS),
  }, async () => {
    const web = await SshHost.start("cut")
    for (let round = 0; round < CUTS; round += 1) {
      const target = testFolder()
      const network = await TcpProxy.start(web.port)
      const [first, second] = [place(), place()]
      writeProgram(first, web, network.port, target, "first")
      writeProgram(second, web, web.port, target, "second")
      const isSilent = round % 2 === 1
      const where = `round ${round}, ${isSilent ? "a line that went silent" : "a line that was cut"}`
      const doomed = first.start(["apply", "--yes"])
      await expect.poll(() => existsSync(join(target, "busy")), { timeout: ROUND_MS, interval: 20 }).toBe(true)
      if (isSilent) network.stall()
      else network.cut()
      const { code, text } = await second.fettle(["apply", "--yes"])
      expect(code, `${where}\n${text}`).toBe(0)
      expect(ranIn(target), where).toEqual(["first began", "first ended", "second began", "second ended"])
      doomed.child.kill("SIGKILL")
      await doomed.ended
      await network.stop()
      writeProgram(first, web, web.port, target, "first")
      const again = await first.fettle(["apply", "--yes"])
      expect(again.code, `${where}\n${again.text}`).toBe(0)
      expect((await first.fettle(["plan", "--check"])).code, where).toBe(0)
      expect(ranIn(target).length % 2, where).toBe(0)
      expect(existsSync(join(target, "beside")), `two at once in ${where}`).toBe(false)
    }
  })

  test("of what is sent: the host waits for the rest for a while, then others may write", {
    timeout: 2 * ROUND_MS,
  }, async () => {
    const web = await SshHost.start("half")
    const target = testFolder()
    const network = await TcpProxy.start(web.port)
    const options = { config: web.configThrough(network.port) }
    const ways = { destination: web.name, target: web.name, become: undefined, asks: undefined, password: undefined }
    const carrier = { ...sshCarrier({ ...ways, options, scope: "first" }), patienceS: PATIENCE_S }
    const cutOff = await HostWorld.over(carrier)
    network.bytesPerSecond = 1_000_000
    const passed = network.passedBytes
    const files = ["a", "b", "c"].map((name) =>
      node(host.file, name, { path: join(target, name), content: "x".repeat(2_000_000) }),
    )
    const changing = cutOff.apply(files)
    await expect.poll(() => network.passedBytes - passed, { timeout: ROUND_MS }).toBeGreaterThan(3_000_000)
    network.stall()
    const begun = performance.now()
    const other = await HostWorld.through(host.ssh(web.name, { config: web.config }))
    expect(failures(await other.apply([node(host.file, "d", { path: join(target, "d"), content: "d" })]))).toEqual([])
    expect(performance.now() - begun, "it waited").toBeGreaterThan(500)
    await other.close()
    expect(readdirSync(target), "and nothing of the other is there").toEqual(["d"])
    await network.stop()
    expect(failures(await changing)).toHaveLength(3)
    await cutOff.close()
  })

  test("of what is told: where nobody takes it the host gives up after a while, and others may write", {
    timeout: 2 * ROUND_MS,
  }, async () => {
    const setup = ["mkdir -p /var/lib/fettle; mount -t tmpfs tmpfs /var/lib/fettle"]
    const web = await SshHost.start("deaf", { setup })
    const target = testFolder()
    const network = await TcpProxy.start(web.port)
    const options = { config: web.configThrough(network.port) }
    const ways = { destination: web.name, target: web.name, become: undefined, asks: undefined, password: undefined }
    const cutOff = await HostWorld.over({ ...sshCarrier({ ...ways, options, scope: "first" }), patienceS: PATIENCE_S })
    const loud =
      "echo >>ran; i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); echo 0123456789012345678901234567890123456789012345678901234567890123; done | tee /dev/stderr"
    const commands = Array.from({ length: LOUD }, (_, at) => {
      const each = node(host.command, `c${at}`, { name: `c${at}`, script: loud, cwd: target })
      const item = cutOff.item(each, { absent: true }, { action: "create" })
      return { ...item, intent: { token: `t${at}`, repeated: false } }
    })
    const files = ["a", "b"].map((name) =>
      cutOff.item(
        node(host.file, name, { path: join(target, name), content: "x".repeat(100_000) }),
        { absent: true },
        { action: "create" },
      ),
    )
    const changing = cutOff.driver.change([...files, ...commands], () => {})
    await expect.poll(() => existsSync(join(target, "ran")), { timeout: ROUND_MS, interval: 10 }).toBe(true)
    network.stall()
    const other = await HostWorld.through(host.ssh(web.name, { config: web.config }))
    expect(failures(await other.apply([node(host.file, "d", { path: join(target, "d"), content: "d" })]))).toEqual([])
    await other.close()
    const begun = readFileSync(join(target, "ran"), "utf8").length
    expect(begun, "it was stuck before all of it was done").toBeLessThan(LOUD)
    expect(readdirSync(target).sort()).toEqual(["a", "b", "d", "ran"])
    for (const name of ["a", "b"]) expect(readFileSync(join(target, name), "utf8")).toBe("x".repeat(100_000))
    const notes = readdirSync(web.inside("/var/lib/fettle")).filter((name) => name.startsWith("first-"))
    expect(notes).toHaveLength(1)
    const lines = readFileSync(join(web.inside("/var/lib/fettle"), notes[0] as string), "utf8")
      .trim()
      .split("\n")
    expect(lines.filter((line) => line.includes(" - ")).length, "all that began is noted").toBeGreaterThanOrEqual(begun)
    expect(lines.filter((line) => / 0 /.test(line)).length, "and so are ends").toBeGreaterThan(0)
    await expect.poll(() => readdirSync(web.inside("/dev/shm")), { timeout: 10_000 }).toEqual([])
    await network.stop()
    await changing
    await cutOff.close()
  })
})

/** A stand-in for apt: it takes what is not to be had twice, works for two seconds and lets go; then a file that comes after it. */
function writeProgram(at: Place, web: SshHost, port: number, target: string, who: string): void {
  const script = `if ! ( set -C; : >busy ) 2>/dev/null; then echo ${who} >>beside; exit 1; fi
echo '${who} began' >>ran
sleep 2
echo '${who} ended' >>ran
rm busy`
  at.write(
    "fettle.ts",
    `import { program, resource } from "fettle"
import * as host from "fettle/host"

export default program("site", {}, () => {
  const on = host.ssh("${web.name}", { config: "${web.configThrough(port)}" })
  const script = ${JSON.stringify(script)}
  const install = { name: "install", script, cwd: "${target}", repeatable: true }
  const long = resource(host.command, "install", install, { on })
  resource(host.file, "after", { path: "${target}/${who}", content: "${who}" }, { on, after: [long] })
})
`,
  )
}

function ranIn(target: string): readonly string[] {
  return existsSync(join(target, "ran")) ? readFileSync(join(target, "ran"), "utf8").trim().split("\n") : []
}
