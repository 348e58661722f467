import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { check, command, file, program, secret } from "fettle"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as host from "../../src/host.ts"
import type { CheckOptions, Probe } from "../../src/program/check.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"

const CANARY = "canary-of-a-check-5151"

describe.skipIf(!canStartHosts())("a check that is asked on a host", () => {
  let web: SshHost
  beforeAll(async () => {
    web = await SshHost.start("web1", { users: [{ name: "deploy", files: { "here.txt": "of the host" } }] })
  }, 60_000)
  afterAll(() => stopHosts())

  const asked = async (probe: Probe, options: CheckOptions = {}, env: Record<string, string> = {}) => {
    const folder = testFolder()
    const on = host.ssh("web1", { config: web.config, user: "deploy" })
    const result = await runsIn(folder, { env }).apply(
      program("asked", {}, () => check("it", probe, { on, ...options })),
    )
    const verdict = result.applied?.outcomes[0]?.verdict
    return { ...result, folder, verdict }
  }

  test("a command runs there, in the home folder of who logged in, with what it is given", async () => {
    const words = ["sh", "-c", 'cat here.txt; printf " %s" "$WORD"; cat'] as const
    const probe = command.succeeds(
      words,
      { stdout: "of the host it's 1\n2 said" },
      { env: { WORD: "it's 1\n2" }, input: " said" },
    )
    expect(await asked(probe)).toMatchObject({ exitCode: 0, verdict: "yes" })
  })

  test("its exit code, its words and its limit count as they do here", async () => {
    const no = await asked(command.succeeds(["sh", "-c", "echo it broke >&2; exit 7"]))
    expect(no).toMatchObject({ exitCode: 3, verdict: "no" })
    expect(JSON.stringify(no.events)).toContain("it broke")
    const late = await asked(command.succeeds(["sleep", "60"], {}, { timeoutMs: 1_500 }))
    expect(late).toMatchObject({ exitCode: 3, verdict: "no" })
    const none = await asked(command.succeeds(["there-is-no-such-command"]))
    expect(none.exitCode).not.toBe(0)
    const cwd = await asked(command.succeeds(["pwd"], { stdout: "/etc" }, { cwd: "/etc" }))
    expect(cwd).toMatchObject({ verdict: "yes" })
  })

  test("a secret in its environment is in no argument there, and in no byte here", async () => {
    const probe = command.succeeds(
      ["sh", "-c", `ps -eo args | grep -q "[c]anary-of" && exit 9; echo "$KEY" >&2; exit \${#KEY}`],
      {},
      { env: { KEY: secret.env("CHECK_KEY") } },
    )
    const { verdict, folder, events } = await asked(probe, {}, { CHECK_KEY: CANARY })
    expect(verdict).toBe("no")
    expect(JSON.stringify(events)).toContain(`"exitCode":${CANARY.length}`)
    expect(JSON.stringify(events)).not.toContain(CANARY)
    for (const entry of readdirSync(join(folder, ".fettle"), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name)).includes(CANARY)).toBe(false)
  })

  test("where the host cannot be reached the question was not put: neither yes nor no", async () => {
    const on = host.ssh("web1", { config: web.config, user: "nobody-here" })
    const result = await asked(command.succeeds(["true"]), { on })
    expect(result).toMatchObject({ exitCode: 4, verdict: "inconclusive" })
    expect(result.applied?.outcomes[0]?.error?.fact).toContain("lets nobody in")
  })

  test("a probe that looks only at this machine is refused there when it is declared", async () => {
    const result = await asked(file.exists("/etc/hostname"))
    expect(result.error).toMatchObject({ code: "PROPS_INVALID" })
    expect(result.error?.fact).toContain("a file probe cannot be asked on web1")
  })
})
