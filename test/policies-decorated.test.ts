import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const run = promisify(execFile)
const root = fileURLToPath(new URL("..", import.meta.url))
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
const project = join(root, "test/fixtures/decorated")
let folder = ""

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fettle-decorated-"))
  await writeFile(join(folder, "package.json"), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe("decorated methods, compiled by tsc", () => {
  it("are carried out under their policies", { timeout: 60_000 }, async () => {
    await run(process.execPath, [tsc, "-p", project, "--outDir", folder])
    const log = join(folder, "aborted.log")
    const { stdout } = await run(process.execPath, [join(folder, "test/fixtures/decorated/main.js"), log])
    const { gaps, ...told } = JSON.parse(stdout)
    expect(told).toEqual({
      place: "order o1:3",
      fail: {
        code: "POLICY_RETRIES_SPENT",
        message: "Orders.fail failed 3 times and is not tried again",
        cause: "down 3",
      },
      hang: { code: "POLICY_TIMEOUT", message: "Orders.hang was not done within 20 ms" },
      stranger: {
        code: "POLICY_NOT_ALLOWED",
        message: 'Orders.drop is not allowed: no caller is known, and it must be one of "ann"',
      },
      ann: "dropped",
      prod: { code: "POLICY_NOT_ALLOWED", message: 'Orders.drop is not allowed: stage "prod" is not one of "dev"' },
      built: "x",
      hidden: "xx",
    })
    expect(gaps).toHaveLength(2)
    expect(gaps[0] + gaps[1]).toBeGreaterThan(250) // 410 ms: one rate of 5 a second for both instances
    expect(await readFile(log, "utf8")).toBe("aborted")
  })

  it("do not compile where they do not fit", { timeout: 60_000 }, async () => {
    const wrong: Record<string, readonly [member: string, message: string]> = {
      "not-async": ["@guard() size(): number { return 1 }", "is not assignable to type 'Promise<"],
      field: ["@guard() size = async () => 1", "Unable to resolve signature of property decorator"],
      class: ["} @guard() class Other {", "Unable to resolve signature of class decorator"],
      argument: ["@guard() async at(n: number) { return n } go() { return this.at('1') }", "type 'string'"],
      result: ["@guard() async at() { return 1 } async go(): Promise<string> { return this.at() }", "'number'"],
    }
    const policy = JSON.stringify(join(root, "src/policies/policy.ts"))
    for (const [name, [member]] of Object.entries(wrong)) {
      const program = `import { guard } from ${policy}\nexport class Wrong { ${member} }\n`
      await writeFile(join(folder, `${name}.ts`), program)
    }
    const words = "--noEmit --strict --skipLibCheck --target es2022 --module nodenext --allowImportingTsExtensions"
    const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")]
    const files = Object.keys(wrong).map((name) => `${name}.ts`)
    const compiled = run(process.execPath, [tsc, ...words.split(" "), ...types, ...files], { cwd: folder })
    const { stdout } = await compiled.catch((failed: { stdout: string }) => failed)
    const errors = stdout.split(/^(?=\S)/m)
    for (const [name, [, message]] of Object.entries(wrong)) {
      const mine = errors.filter((error) => error.startsWith(`${name}.ts(`))
      expect(mine.length, name).toBeGreaterThan(0)
      expect(mine.join(""), name).toContain(message)
    }
    expect(errors.filter((error) => !/^[\w-]+\.ts\(/.test(error))).toEqual([])
  })
})
