import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { temporaryFolder } from "./fixture.ts"
import { lineCoverage } from "./lcov.ts"

const report = "SF:a.ts\nDA:1,1\nLH:9\nLF:10\nend_of_record\nSF:b.ts\nLH:20\nLF:23\nend_of_record\n"

test("the lines of all files are counted together and never rounded up", () => {
  assert.equal(lineCoverage(report), 87.87)
  assert.equal(lineCoverage("LH:5\nLF:5\n"), 100)
})

test("a report without lines is an error, not 100 %", () => {
  assert.throws(() => lineCoverage(""), /names no lines/)
})

test("coverage.ts prints the percent and ends with 1 below the minimum", async () => {
  const folder = temporaryFolder()
  try {
    const path = join(folder.path, "coverage.lcov")
    writeFileSync(path, report)
    assert.deepEqual(await coverage(path, "--min", "80"), { code: 0, stdout: "87.87\n", stderr: "" })
    const below = await coverage(path, "--min", "90")
    assert.deepEqual([below.code, below.stdout], [1, "87.87\n"])
    assert.match(below.stderr, /^coverage: 87.87 % .* 90 % .*\n$/)
    assert.match((await coverage(path, "--min", "many")).stderr, /^coverage: usage: .*\n$/)
    assert.match((await coverage(join(folder.path, "none"))).stderr, /^coverage: ENOENT.*\n$/)
  } finally {
    folder.remove()
  }
})

function coverage(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL("coverage.ts", import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}
