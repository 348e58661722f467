import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { canStartPrometheus, PrometheusWorld } from "../live/prometheus-world.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "usage-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!canStartPrometheus())(
  "the program of docs/resource-checks.md does what it says",
  { timeout: 120_000 },
  async () => {
    const world = await PrometheusWorld.start()
    const shop = spawn("sleep", ["600"], { stdio: "ignore" })
    try {
      const page = readFileSync(join(ROOT, "docs/resource-checks.md"), "utf8")
      writeFileSync(join(folder, "fettle.ts"), /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
      writeFileSync(join(folder, "shop.pid"), String(shop.pid))
      const verify = (): { readonly status: number | null; readonly text: string } => {
        const env = { PATH: process.env.PATH, HOME: folder }
        const given = [`pidFile=${join(folder, "shop.pid")}`, `metrics=${world.url}`]
        const words = [join(ROOT, "dist/cli/main.js"), "verify", ...given.flatMap((each) => ["--param", each])]
        const { status, stdout, stderr } = spawnSync(process.execPath, words, { env, cwd: folder, encoding: "utf8" })
        return { status, text: stdout + stderr }
      }
      expect(verify().text).toContain("no series answers to the query now")
      world.metrics = 'shop_errors_total{app="shop"} 7'
      await world.until("shop_errors_total", ["7"])
      const many = verify()
      expect(many.text).toContain("is 7, expected at most 5")
      expect(many.status, many.text).toBe(3)
      world.metrics = 'shop_errors_total{app="shop"} 2'
      await world.until("shop_errors_total", ["2"])
      const few = verify()
      expect(few.text).toContain("is 2")
      expect(few.status, few.text).toBe(0)
    } finally {
      shop.kill("SIGKILL")
      await world.stop()
    }
  },
)
