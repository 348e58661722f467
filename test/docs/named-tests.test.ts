import { existsSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"

const root = new URL("../../", import.meta.url)

test.each(["SECURITY.md", "ARCHITECTURE.md"])("each test that %s names is there", (page) => {
  const text = readFileSync(new URL(page, root), "utf8")
  const named = [
    ...new Set([...text.matchAll(/`((?:test|src)\/[\w/.-]+\.test\.ts)`/g)].map(([, file]) => file as string)),
  ]
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((file) => !existsSync(new URL(file, root)))).toEqual([])
})
