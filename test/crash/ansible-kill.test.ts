import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { type Place, place } from "../cli/fettle.ts"
import { realAnsible } from "../support/ansible.ts"

const real = realAnsible()
const CANARY = "canary-Module-9d41c7e0"

function programOf(at: Place, nodes: string): string {
  return `import { program, resource, secret } from "fettle"
import * as ansible from "fettle/ansible"
import * as host from "fettle/host"

export default program("shop", {}, () => {
  const web = host.local()
  const module = (name, module, args, more = {}) =>
    resource(ansible.module, name, { module, args, core: "${real?.venv}", ...more }, { on: web })
  const folder = "${at.folder}"
  ${nodes}
})
`
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !what(); tries++) await sleep(50)
  expect(what()).toBe(true)
}

/** Processes whose argument list holds a text. */
function holders(text: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text)
    } catch {
      return false
    }
  })
}

describe.skipIf(real === undefined)("a run that was killed in the middle of a module", { timeout: 120_000 }, () => {
  test("stops and asks where a second run may do harm; its secret was in no argument list", async () => {
    const at = place()
    const cmd = `'echo begun >>' + folder + '/begun; sleep 2; echo $TOKEN >>' + folder + '/ended'`
    at.write(
      "fettle.ts",
      programOf(at, `module("once", "shell", { cmd: ${cmd} }, { environment: { TOKEN: secret.env("TOKEN") } })`),
    )
    const env = { TOKEN: CANARY }
    const running = at.start(["apply", "--yes"], { env })
    await until(() => at.has("begun"))
    expect(holders("/begun; sleep 2").length).toBeGreaterThan(0)
    expect(holders(CANARY)).toEqual([])
    running.child.kill("SIGKILL")
    await until(() => at.has("ended")) // nobody ends what the host has begun
    const { code, text } = await at.fettle(["apply", "--yes"], { env })
    expect(text).toContain("ansible.module[once] runs only once and was cut off")
    expect(code).not.toBe(0)
    await at.fettle(["settle", "ansible.module[once]", "--made", "done"], { env })
    expect((await at.fettle(["plan", "--check"], { env })).code).toBe(0)
    expect(at.read("begun")).toBe("begun\n")
  })

  test("is asked again and goes on where it may be repeated", async () => {
    const at = place()
    const line = `module(\`line \${n}\`, "lineinfile", { path: folder + "/lines", line: \`line \${n}\`, create: true })`
    const slow = `module("slow", "shell", { cmd: "sleep 1; echo " + n + " >" + folder + "/slow" + n, creates: folder + "/slow" + n })`
    at.write(
      "fettle.ts",
      programOf(at, `for (let n = 0; n < 6; n++) { ${line}; ${slow.replace('"slow"', "`slow ${n}`")} }`),
    )
    const running = at.start(["apply", "--yes"])
    await until(() => at.has("slow1"))
    running.child.kill("SIGKILL")
    const { code, text } = await at.fettle(["apply", "--yes"])
    expect(code, text).toBe(0)
    expect(at.read("lines").trim().split("\n").sort()).toEqual([0, 1, 2, 3, 4, 5].map((n) => `line ${n}`))
    expect((await at.fettle(["plan", "--check"])).code).toBe(0)
  })
})
