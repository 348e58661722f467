import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, expect, test } from "vitest"
import { realAnsible } from "../support/ansible.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const real = realAnsible()

mkdirSync(join(ROOT, ".vitest"), { recursive: true })
/** Inside the repository, so that `fettle` resolves as it does for a user. */
const folder = mkdtempSync(join(ROOT, ".vitest", "ansible-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const PLAY = `
- hosts: all
  connection: local
  gather_facts: false
  vars: { ansible_python_interpreter: /usr/bin/python3 }
  tasks:
    - name: keep the token
      copy: { dest: "{{ folder }}/token", content: "{{ token }}", mode: "0600" }
      no_log: true
`

function fettle(...words: readonly string[]): { readonly status: number | null; readonly text: string } {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    SHOP_TOKEN: "battery horse staple",
    ANSIBLE_COLLECTIONS_PATH: real?.collections,
  }
  const args = [
    join(ROOT, "dist/cli/main.js"),
    ...words,
    "--param",
    `folder=${folder}/shop`,
    "--param",
    `core=${real?.venv}`,
  ]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, cwd: folder, encoding: "utf8" })
  return { status, text: stdout + stderr }
}

test.skipIf(real === undefined)("the program of docs/ansible.md does what it says", { timeout: 60_000 }, () => {
  const page = readFileSync(join(ROOT, "docs/ansible.md"), "utf8")
  writeFileSync(join(folder, "fettle.ts"), /^```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? "")
  writeFileSync(join(folder, "site.yml"), PLAY)
  const applied = fettle("apply", "--yes")
  expect(applied.text).not.toContain("battery")
  expect(applied.status, applied.text).toBe(0)
  expect(readFileSync(join(folder, "shop/shop.ini"), "utf8")).toContain("port = 8080")
  expect(readFileSync(join(folder, "shop/token"), "utf8")).toBe("battery horse staple")
  expect(fettle("plan", "--check").status).toBe(0)
})
