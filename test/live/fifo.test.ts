import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"

const src = new URL("../../src/", import.meta.url).href

/** Each opens what nobody ever writes into: only another process can end one that waits for it. */
const opening: readonly [string, string][] = [
  [
    "secret.file",
    `const { readPrivate } = await import("${src}secrets/key.ts")
     readPrivate(fifo)`,
  ],
  [
    "a migration",
    `const { readMigrations } = await import("${src}providers/sqlite/migration.ts")
     readMigrations(folder)`,
  ],
  [
    "a link in the folder of migrations that leads to one",
    `const { readMigrations } = await import("${src}providers/sqlite/migration.ts")
     const { symlinkSync, mkdirSync } = await import("node:fs")
     mkdirSync(folder + "/links")
     symlinkSync(fifo, folder + "/links/0001_a.sql")
     readMigrations(folder + "/links")`,
  ],
  [
    "the read of a database",
    `const { readDatabase } = await import("${src}connect/sqlite.ts")
     await readDatabase(fifo, new AbortController().signal, () => 1)`,
  ],
  [
    "the change of a database",
    `const { migrations } = await import("${src}providers/sqlite/migrations.ts")
     const want = migrations.props.parse({ database: fifo, migrations: [{ name: "1_a", sql: "select 1" }] })
     const call = { signal: AbortSignal.timeout(8_000), intent: { token: "t" }, log: () => {} }
     await migrations.ensure(want, { absent: true }, { action: "create" }, call)`,
  ],
]

test.each(opening)("%s does not wait for the writer of a fifo", (_, script) => {
  const folder = mkdtempSync(join(tmpdir(), "fettle-fifo-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, "m"))
  const fifo = join(folder, "m", "0001_a.sql")
  execFileSync("mkfifo", ["-m", "600", fifo])
  const code = `const [fifo, folder] = ${JSON.stringify([fifo, join(folder, "m")])}
    try { ${script} } catch (error) { console.log(error.code + ": " + error.fact) }`
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    timeout: 10_000,
    killSignal: "SIGKILL",
  })
  expect(ended.signal).toBeNull()
  expect(ended.stdout).toMatch(/^[A-Z_]+: .*(is not a file|is a fifo)/)
})
