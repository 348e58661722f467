import { expect, test } from "vitest"
import { Secret } from "../secrets/secret.ts"
import { encode } from "./encode.ts"
import { restore } from "./restore.ts"

function opened(name: string, fingerprint: string): Secret<string> {
  const secret = new Secret<string>(name, { type: "value", value: fingerprint }, { weak: true })
  Secret.remember(secret, { value: fingerprint, fingerprint })
  return secret
}

const long = "long ".repeat(1_000)
const bytes = new Uint8Array([1, 2, 3])
const run = (): string => "ran"
const key = opened("KEY", "f1")

test.each<readonly [what: string, was: unknown, present: unknown, lost: readonly string[]]>([
  ["plain data", { a: [1, "two", null, { b: true }], n: 3n }, {}, []],
  [
    "a secret, a long text, bytes and a function",
    { key, text: [long], bytes, run },
    { key, text: [long], bytes, run },
    [],
  ],
  ["what moved to another path", { text: long, key }, { body: { other: [long, key] } }, []],
  [
    "what is gone",
    { body: { text: long, keys: [key] }, name: "a" },
    { key: opened("KEY", "f2") },
    ["body.text", "body.keys.0"],
  ],
])("%s", (_what, was, present, lost) => {
  const restored = restore(encode(was), present)
  expect(restored.lost).toEqual(lost)
  if (lost.length === 0) {
    expect(restored.value).toEqual(was)
    expect(encode(restored.value)).toBe(encode(was))
  }
})

test("a secret under another name is the same secret, and the one of now", () => {
  const renamed = opened("RENAMED", "f1")
  const { value, lost } = restore(encode({ key }), { key: renamed })
  expect(lost).toEqual([])
  expect((value as { key: unknown }).key).toBe(renamed)
})
