import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { testFolder } from "../support/runs.ts"

const RUN = fileURLToPath(new URL("../../examples/quickstart/run.mjs", import.meta.url))

function quickstart(
  folder: string,
  ...args: readonly string[]
): { readonly status: number | null; readonly text: string } {
  const env = { PATH: process.env.PATH, HOME: folder, FETTLE_QUICKSTART_FOLDER: folder }
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...args], { env, encoding: "utf8" })
  return { status, text: stdout + stderr }
}

test("the quickstart delivers a service, proves it, has nothing left to change, and goes without a trace", {
  timeout: 180_000,
}, async () => {
  const folder = testFolder()
  const first = quickstart(folder)
  expect(first.text).toContain("Nothing to change")
  expect(first.status).toBe(0)
  expect(first.text).toMatch(/unit-tests\]\s+ran/)
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(first.text)?.[0]
  const { apiKey } = JSON.parse(readFileSync(join(folder, ".delivered", "config.json"), "utf8")) as { apiKey: string }
  expect(statSync(join(folder, ".delivered", "config.json")).mode & 0o777).toBe(0o600)
  expect(first.text).not.toContain(apiKey)
  expect((await fetch(`${url}/products?limit=200`).then((each) => each.json())) as { items?: unknown[] }).toBeTruthy()
  const made = await fetch(`${url}/orders`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ customer: "ann", sku: "DESK-0001", quantity: 2 }),
  })
  expect(made.status).toBe(201)
  expect(existsSync(join(folder, ".delivered", "reports", "junit.xml"))).toBe(true)

  const again = quickstart(folder)
  expect(again.status).toBe(0)
  expect(again.text).not.toMatch(/to (create|update|run)/)

  const gone = quickstart(folder, "destroy")
  expect(gone.text).toContain("Nothing is left of the quickstart.")
  expect(gone.status).toBe(0)
  expect(readdirSync(folder)).toEqual([])
  await expect(fetch(`${url}/health`)).rejects.toThrow()
})
