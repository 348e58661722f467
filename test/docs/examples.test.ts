import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const CLI = join(ROOT, "dist", "cli", "main.js")

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "docs-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Example {
  readonly page: string
  readonly file: string
  readonly isProgram: boolean
}

/** Every TypeScript block of the README and the docs, each in a file of its own. */
const examples: readonly Example[] = [
  "README.md",
  ...["docs", "docs/kinds", "docs/questions"].flatMap((of) =>
    readdirSync(join(ROOT, of))
      .filter((each) => each.endsWith(".md"))
      .map((each) => `${of}/${each}`),
  ),
].flatMap((page) =>
  [...readFileSync(join(ROOT, page), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map((match, at) => {
    const code = match[1] ?? ""
    const file = join(folder, `${page.replace(/\W/g, "-")}-${at}.ts`)
    writeFileSync(file, code)
    return { page, file, isProgram: code.includes("export default program(") }
  }),
)

const programs = examples.filter((each) => each.isProgram)

/** Values of the secrets that examples name. */
const SECRETS = { DESK_PEPPER: "a pepper of the help desk", ANN_PASSWORD: "battery horse staple" }

function fettle(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), ...SECRETS }
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { env, cwd: folder, encoding: "utf8" })
  return { status, text: stdout + stderr }
}

test("there are examples", () => {
  expect(examples.length).toBeGreaterThan(2)
  expect(programs.length).toBeGreaterThan(1)
})

test("every example compiles", { timeout: 120_000 }, () => {
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: join(ROOT, "tsconfig.check.json"),
      include: ["*.ts"],
      compilerOptions: { noEmit: true, noUnusedLocals: false },
    }),
  )
  const { stdout, status } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript7/bin/tsc"), "-p", folder],
    { encoding: "utf8" },
  )
  expect(stdout).toBe("")
  expect(status).toBe(0)
})

test.each(programs)("the program in $page is one that fettle reads", ({ file }) => {
  const { status, text } = fettle("graph", "--file", file)
  expect(text).toContain("fettle.check")
  expect(status).toBe(0)
})

test("the program of docs/programs.md does what it says", { timeout: 60_000 }, () => {
  const page = programs.find((each) => each.page === "docs/programs.md") as Example
  const site = join(folder, "site")
  const args = ["--file", page.file, "--param", `folder=${site}`, "--state", join(folder, "state")]
  const applied = fettle("apply", "--yes", ...args)
  expect(applied.text).toContain("greets")
  expect(applied.status).toBe(0)
  expect(readFileSync(join(site, "index.html"), "utf8")).toBe("<h1>Hello world</h1>\n")
  expect(fettle("plan", "--check", ...args).status).toBe(0)
  expect(fettle("destroy", "--yes", ...args).status).toBe(0)
  expect(existsSync(site)).toBe(false)
})

test("the connection of docs/add-a-kind.md does what it says", { timeout: 60_000 }, () => {
  const page = programs.find((each) => each.page === "docs/add-a-kind.md") as Example
  const database = join(folder, "desk.db")
  const state = join(folder, "desk-state")
  const run = (...args: readonly string[]) =>
    fettle(...args, "--file", page.file, "--param", `file=${database}`, "--state", state)

  const missing = run("plan")
  expect(missing.text).toContain(`there is no database at ${database}`)
  expect(missing.status).toBe(1)
  const rows = (): unknown[] => {
    const open = new DatabaseSync(database)
    open.exec("create table if not exists accounts (name text primary key, role text, hash text) strict")
    const found = open.prepare("select name, role, length(hash) as hash from accounts").all()
    open.close()
    return found.map((row) => ({ ...row }))
  }
  expect(rows()).toEqual([])
  const applied = run("apply", "--yes")
  expect(applied.text).toContain("desk.account")
  expect(applied.status).toBe(0)
  expect(rows()).toEqual([{ name: "ann", role: "admin", hash: 64 }])
  expect(run("plan", "--check").status).toBe(0)
  for (const file of readdirSync(state, { recursive: true, withFileTypes: true }))
    if (file.isFile())
      for (const secret of Object.values(SECRETS))
        expect(readFileSync(join(file.parentPath, file.name), "latin1")).not.toContain(secret)
  expect(run("destroy", "--yes").status).toBe(0)
  expect(rows()).toEqual([])
})
