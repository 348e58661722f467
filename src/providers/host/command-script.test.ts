import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { guardScript, runScript } from "./command-script.ts"

test.each([
  ["a line whose tool is missing", { unless: "command -v nosuchtool" }, {}, "unless no\n", 0],
  ["a line that ends with 126", { onlyIf: "exit 126" }, {}, "onlyIf no\n", 0],
  ["a list whose program is missing", { unless: ["nosuchtool", "status"] }, {}, "unless no\n", 0],
  ["a list that may not be run", { unless: ["/etc/passwd"] }, {}, expect.stringContaining("cannot be asked"), 31],
  ["no such folder", { unless: "true" }, { cwd: "/nonexistent" }, expect.stringContaining("cannot be asked"), 31],
])("a guard: %s", (_what, guards, where, out, exitCode) => {
  const { stdout, status } = spawnSync("sh", ["-c", guardScript(guards, where)], { encoding: "utf8" })
  expect([stdout, status]).toEqual([out, exitCode])
})

test("a command and a guard have the usual umask, whatever that of Fettle is", () => {
  const folder = mkdtempSync(join(tmpdir(), "command-"))
  try {
    writeFileSync(join(folder, "run"), `mkdir '${folder}/made'; exit 3\n`)
    const { status } = spawnSync("sh", ["-c", `umask 077; ${runScript("run", undefined)}`], {
      env: { ...process.env, S: folder },
    })
    expect([status, (statSync(join(folder, "made")).mode & 0o777).toString(8)]).toEqual([3, "755"])
    spawnSync("sh", ["-c", `umask 077; ${guardScript({ unless: ["mkdir", join(folder, "asked")] }, {})}`])
    expect((statSync(join(folder, "asked")).mode & 0o777).toString(8)).toBe("755")
  } finally {
    rmSync(folder, { recursive: true })
  }
})
