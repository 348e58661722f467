import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { canStartPostgres, PostgresWorld } from "../live/postgres-world.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "database-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.skipIf(!canStartPostgres())(
  "the program of docs/database-checks.md does what it says",
  { timeout: 120_000 },
  async () => {
    const world = await PostgresWorld.start()
    try {
      const page = readFileSync(join(ROOT, "docs/database-checks.md"), "utf8")
      writeFileSync(join(folder, "fettle.ts"), /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
      mkdirSync(join(folder, "migrations"))
      writeFileSync(join(folder, "migrations/1_orders.sql"), "create table orders (id integer)")
      await world.make(`create table orders (id integer primary key, item text); insert into orders values (1, 'tea');
      create table schema_migrations (version text primary key)`)
      const verify = (): { readonly status: number | null; readonly text: string } => {
        const env = { PATH: process.env.PATH, HOME: folder, DATABASE_URL: world.url() }
        const words = [join(ROOT, "dist/cli/main.js"), "verify"]
        const { status, stdout, stderr } = spawnSync(process.execPath, words, { env, cwd: folder, encoding: "utf8" })
        return { status, text: stdout + stderr }
      }
      const before = verify()
      expect(before.text).toContain("1 of 1 have not run: 1_orders.sql")
      expect(before.status).toBe(3)
      await world.make("insert into schema_migrations values ('1')")
      const after = verify()
      expect(after.status, after.text).toBe(0)
      expect(after.text).not.toContain(encodeURIComponent(world.password))
      expect(await world.admin("select count(*) from orders")).toBe("1")
    } finally {
      await world.stop()
    }
  },
)
