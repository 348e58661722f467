import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { check, log, program, release } from "fettle"
import { afterAll, describe, expect, test } from "vitest"
import * as docker from "../../src/docker.ts"
import * as host from "../../src/host.ts"
import build from "../fixtures/crash/release-logs.ts"
import { runChild } from "../support/crash.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { failed } from "./docker-told.ts"

const MODULE = fileURLToPath(new URL("../fixtures/crash/release-logs.ts", import.meta.url))

afterAll(() => stopHosts())

test("a release looks at a log from where it was when the release began", async () => {
  const folder = testFolder()
  const path = join(folder, "shop.log")
  writeFileSync(path, "ERROR long ago\n")
  expect(failed(await runsIn(folder).apply(build({ path, version: "1" })))).toEqual([])
  const bad = await runsIn(folder).apply(build({ path, version: "2", before: `echo ERROR of the new one >>${path}` }))
  expect(bad.exitCode).toBe(3)
  expect(failed(bad)).toEqual([
    expect.stringMatching(
      /^RELEASE_ROLLED_BACK: .*quiet: .*1 line matches level error or worse; the first: "ERROR of the new one"/,
    ),
  ])
  expect(failed(await runsIn(folder).apply(build({ path, version: "3" })))).toEqual([])
})

test("a run that was killed goes on with the marks that it took", { timeout: 60_000 }, async () => {
  const folder = testFolder()
  const path = join(folder, "shop.log")
  writeFileSync(path, "ERROR long ago\n")
  const flag = join(folder, "killed")
  const orderOf = (version: string, before: string) => ({
    command: "apply" as const,
    module: MODULE,
    options: { path, version, before, killUnless: flag },
    folder,
    killAt: 0,
  })
  const killed = await runChild(orderOf("1", `echo ERROR before the kill >>${path}`))
  expect(killed.signal, killed.stderr).toBe("SIGKILL")
  expect(existsSync(flag)).toBe(true)
  const again = (await runChild(orderOf("1", "true"))).report
  expect(again?.errors[0]).toMatchObject({ code: "RELEASE_ROLLED_BACK" })
  expect(JSON.stringify(again)).toContain("ERROR before the kill")
})

test("where no mark could be taken the check is neither yes nor no", async () => {
  const folder = testFolder()
  const bad = await runsIn(folder).apply(
    program("releasing", {}, () => {
      const checks = () => ({ quiet: log.quiet({ path: folder, pattern: "x", since: "release" }) })
      release("shop", { version: "1", run: () => [], checks })
    }),
  )
  expect(failed(bad)).toEqual([
    expect.stringMatching(/^RELEASE_UNDECIDED: .*no mark was taken when the release began: .*is not a file/),
  ])
})

test.skipIf(!canStartHosts())("the log of a host is marked there", { timeout: 60_000 }, async () => {
  const web = await SshHost.start("web1", { users: [{ name: "deploy" }] })
  const folder = testFolder()
  const path = join(folder, "shop.log")
  writeFileSync(path, "ERROR long ago\n")
  const releasing = (version: string, before: string) =>
    program("releasing", {}, () => {
      const on = host.ssh("web1", { config: web.config })
      const checks = () => ({ quiet: { probe: log.quiet({ path, pattern: "ERROR", since: "release" }), on } })
      release("shop", { version, run: () => [], hooks: { before: [["sh", "-c", before]] }, checks })
    })
  expect(failed(await runsIn(folder).apply(releasing("1", "true")))).toEqual([])
  const bad = await runsIn(folder).apply(releasing("2", `mv ${path} ${path}.1; echo ERROR new >${path}`))
  expect(failed(bad)).toEqual([expect.stringMatching(/^RELEASE_ROLLED_BACK: .*shop.log on web1: 1 line matches/)])
})

describe("what cannot be asked is refused where it stands", () => {
  const refused = async (declare: () => void): Promise<string> => {
    const { error } = await runsIn(testFolder()).plan(program("wrong", {}, declare))
    return `${error?.code}: ${error?.fact} ${error?.next}`
  }

  test("the beginning of a release, outside of one", async () => {
    expect(
      await refused(() => void check("quiet", log.quiet({ path: "/x", level: "error", since: "release" }))),
    ).toMatch(/^PROPS_INVALID: .*since: "release" stands in a check outside of a release put the check into/)
  })

  test("a container without its Engine, a file or a journal on an Engine", async () => {
    const container = log.quiet({ container: "web", level: "error" })
    expect(await refused(() => void check("quiet", container))).toMatch(/the log of a container needs its Engine/)
    expect(await refused(() => void check("quiet", container, { on: host.local() }))).toMatch(/local has no containers/)
    const file = log.quiet({ path: "/x", level: "error" })
    expect(await refused(() => void check("quiet", file, { on: docker.engine() }))).toMatch(
      /a log probe of a file or a journal cannot be asked on docker/,
    )
  })

  test("two logs, two ways to choose lines, a mark of another log", async () => {
    const wrong = [
      () => log.quiet({ path: "/x", journal: "x.service", level: "error" } as never),
      () => log.quiet({ path: "/x", level: "error", pattern: "x" } as never),
      () => log.quiet({ path: "/x" } as never),
      () => log.quiet({ path: "/x", level: "error", since: { cursor: "s=1" } }),
      () => log.quiet({ journal: "x", level: "error", since: 5 }),
      () => log.quiet({ journal: "-x", level: "error" }),
    ]
    for (const each of wrong) expect(each).toThrow(/log.quiet/)
  })
})
