import { inspect } from "node:util"
import { expect, test } from "vitest"
import { secret } from "./sources.ts"

test("a secret never becomes text", () => {
  const token = secret.env("TOKEN", { name: "api token" })
  expect(inspect({ token })).toBe("{ token: [secret api token] }")
  expect(JSON.stringify({ token })).toBe('{"token":"[secret api token]"}')
  const uses: readonly (() => unknown)[] = [
    () => `${token}`,
    () => String(token),
    () => (token as never) < 1,
    () => [token].join(),
    () => ({ [token as never]: 1 }),
    () => Number(token),
    () => encodeURIComponent(token as never),
  ]
  for (const use of uses) expect(use).toThrowError(expect.objectContaining({ code: "SECRET_AS_STRING" }))
})

test("sources are named after what they read", () => {
  expect(
    [
      secret.env("A"),
      secret.file("/run/key"),
      secret.command(["pass", "show"]),
      secret.random("r"),
      secret.prompt("p"),
    ].map((each) => each.name),
  ).toEqual(["A", "/run/key", "pass", "r", "p"])
})

test("a random secret has 8 to 1024 bytes", () => {
  for (const bytes of [7, 1025, 8.5, Number.NaN])
    expect(() => secret.random("r", { bytes })).toThrowError(expect.objectContaining({ code: "PROPS_INVALID" }))
  expect(secret.random("r", { bytes: 8 }).name).toBe("r")
})

test("what derives from a secret is a secret that is not open either", () => {
  const derived = secret.env("A").map((value) => value.length)
  expect(derived.isOpen).toBe(false)
  expect(() => derived.fingerprint).toThrowError(/before it was opened/)
})
