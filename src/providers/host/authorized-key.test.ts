import { expect, test } from "vitest"
import { authorizedKey } from "./authorized-key.ts"
import { fingerprintOf, lineOf, partsOf } from "./authorized-key-line.ts"

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKj5ZBVEh8JfJ+zEFIcnjAmCZMUnPxkVoCWL7bn3lPDw anna at home"

test("a key is named as ssh-keygen names it", () => {
  expect(fingerprintOf(partsOf(KEY))).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
  expect(partsOf(KEY).comment).toBe("anna at home")
})

test.each([
  ["two lines", `${KEY}\nssh-rsa AAAA`],
  ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ["options before it", `restrict ${KEY}`],
  ["no base64", "ssh-ed25519 hello"],
  ["another type than it says", KEY.replace("ssh-ed25519 ", "ssh-rsa ")],
  ["cut short", KEY.slice(0, 30)],
])("%s is refused", (_what, key) => {
  expect(authorizedKey.props.safeParse({ user: "anna", key }).success).toBe(false)
})

test.each([["it's\nx"], ["a\0"]])("an option %j is refused", (command) => {
  expect(authorizedKey.props.safeParse({ user: "anna", key: KEY, options: { command } }).success).toBe(false)
})

test("a user that is no name is refused", () => {
  for (const user of ["-x", "a b", "", "../x"])
    expect(authorizedKey.props.safeParse({ user, key: KEY }).success).toBe(false)
})

test("options stand before the key in their order, and quotes in them are escaped", () => {
  expect(lineOf(partsOf(KEY), { from: "10.0.0.0/8", "no-pty": true, command: 'say "hi"' })).toBe(
    `from="10.0.0.0/8",no-pty,command="say \\"hi\\"" ${KEY}`,
  )
})
