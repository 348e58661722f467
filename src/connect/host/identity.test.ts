import { expect, test } from "vitest"
import { identityOf, recognize } from "./identity.ts"

test("a host is its machine id, or its name where it has none, and the key it showed", () => {
  const hostname = "web1"
  expect(identityOf({ machineId: "a1", hostname, hostKey: undefined })).toBe("host:a1")
  expect(identityOf({ machineId: undefined, hostname, hostKey: undefined })).toBe("host:name:web1")
  expect(identityOf({ machineId: "a1", hostname, hostKey: "ssh-rsa SHA256:k" })).toBe("host:a1 ssh-rsa=SHA256:k")
})

test.each([
  ["the same", "host:a e=1", "host:a e=1", { remember: "host:a e=1" }],
  ["no key seen: a connection was there already", "host:a e=1", "host:a", { remember: "host:a e=1" }],
  ["a key type that is new", "host:a e=1", "host:a b=2", { remember: "host:a b=2 e=1" }],
  ["a key where there was none", "host:a", "host:a e=1", { remember: "host:a e=1" }],
  ["one of two key types", "host:a b=2 e=1", "host:a e=1", { remember: "host:a b=2 e=1" }],
  [
    "another machine with the same key",
    "host:a e=1",
    "host:b e=1",
    { other: expect.stringContaining("installed anew") },
  ],
  ["another key of the same type", "host:a b=2 e=1", "host:a e=3", { other: expect.stringContaining("host key (e)") }],
  ["a name where there was an id", "host:a", "host:name:a", { other: expect.any(String) }],
])("%s", (_case, remembered, found, expected) => {
  expect(recognize(remembered, found)).toEqual(expected)
})
