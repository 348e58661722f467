import { spawnSync } from "node:child_process"
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "logs-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("the program of docs/log-checks.md does what it says", { timeout: 60_000 }, () => {
  const page = readFileSync(join(ROOT, "docs/log-checks.md"), "utf8")
  writeFileSync(join(folder, "fettle.ts"), /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
  const path = join(folder, "shop.log")
  const verify = (): { readonly status: number | null; readonly text: string } => {
    const env = { PATH: process.env.PATH, HOME: folder }
    const words = [join(ROOT, "dist/cli/main.js"), "verify", "--param", `path=${path}`]
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { env, cwd: folder, encoding: "utf8" })
    return { status, text: stdout + stderr }
  }
  expect(verify()).toMatchObject({ status: 4, text: expect.stringContaining(`there is no log at ${path}`) })
  writeFileSync(path, "INFO up\n[error] one of the five that may be\n")
  const quiet = verify()
  expect(quiet.status, quiet.text).toBe(0)
  appendFileSync(path, "WARN upstream timed out\n")
  const loud = verify()
  expect(loud.status).toBe(3)
  expect(loud.text).toContain('the first: "WARN upstream timed out"')
})
