import assert from "node:assert/strict"
import { test } from "node:test"
import { isAuthorized } from "./auth.ts"

const cases: [header: string | undefined, expected: boolean][] = [
  ["Bearer the-right-key-0001", true],
  ["bearer the-right-key-0001", true],
  ["Bearer the-right-key-0002", false],
  ["Bearer the-right-key-00010", false],
  ["Bearer", false],
  ["Basic the-right-key-0001", false],
  ["the-right-key-0001", false],
  ["", false],
  [undefined, false],
]

for (const [header, expected] of cases) {
  test(`authorization ${JSON.stringify(header)} is ${expected ? "let in" : "refused"}`, () => {
    assert.equal(isAuthorized(header, "the-right-key-0001"), expected)
  })
}
