import { expect, test } from "vitest"
import { Secret } from "../secrets/secret.ts"
import { decode, encode } from "../state/encode.ts"
import { canonical } from "./canonical.ts"

test("keys have no order, lists have", () => {
  expect(canonical({ b: 1, a: { d: 1, c: 2 } })).toBe(canonical({ a: { c: 2, d: 1 }, b: 1 }))
  expect(canonical([1, 2])).not.toBe(canonical([2, 1]))
})

test("a value that state remembers has the same form as the one that is wanted", () => {
  const secret = new Secret<string>("KEY", { type: "recorded" })
  Secret.remember(secret, { value: undefined, fingerprint: "fp" })
  const value = {
    text: "x".repeat(3_000),
    bytes: new Uint8Array([1, 2]),
    run: () => 1,
    n: [1, null, true, "ü"],
    secret,
  }
  expect(canonical(decode(encode(value)))).toBe(canonical(value))
})

test("the name of a secret does not count, its fingerprint does", () => {
  const make = (name: string, fingerprint: string): Secret<string> => {
    const secret = new Secret<string>(name, { type: "recorded" })
    Secret.remember(secret, { value: undefined, fingerprint })
    return secret
  }
  expect(canonical(make("A", "1"))).toBe(canonical(make("B", "1")))
  expect(canonical(make("A", "1"))).not.toBe(canonical(make("A", "2")))
})

test.each([new Date(0), new Map(), Symbol("x")])("%s has no stable form", (value) => {
  expect(() => canonical({ value })).toThrow(expect.objectContaining({ code: "PROPS_INVALID" }))
})
