import { expect, test } from "vitest"
import { type SecretAccess, SecretBox } from "./box.ts"
import { DataKey } from "./key.ts"
import { PENDING, Secret } from "./secret.ts"
import { secret } from "./sources.ts"

const key = new DataKey(new Uint8Array(32).fill(1))

function box(more: Partial<SecretAccess> = {}, stored: ReadonlyMap<string, string> = new Map()) {
  const hidden: [name: string, value: string][] = []
  const made = new SecretBox({
    access: {
      env: (name) => ({ TOKEN: "a-long-token", SHORT: "abc" })[name],
      run: async () => "from a command\n",
      ...more,
    },
    key,
    random: { get: (name) => stored.get(name) },
    register: (name, value) => hidden.push([name, value]),
  })
  return { box: made, hidden }
}

test("what is opened is fingerprinted and told to whoever hides it", async () => {
  const { box: opened, hidden } = box()
  const token = secret.env("TOKEN")
  const bearer = token.map((value) => `Bearer ${value}`)
  await opened.open(bearer)
  expect(opened.value(bearer)).toBe("Bearer a-long-token")
  expect(token.fingerprint).toBe(key.fingerprint("a-long-token"))
  expect(hidden).toEqual([
    ["TOKEN", "a-long-token"],
    ["TOKEN", "Bearer a-long-token"],
  ])
})

test("a source is asked once, however often it is named", async () => {
  let runs = 0
  const run = async (): Promise<string> => {
    runs += 1
    return `answer number ${runs}\n`
  }
  const { box: opened } = box({ run })
  const named = [secret.command(["pass", "show"]), secret.command(["pass", "show"])]
  await Promise.all(named.map((each) => opened.open(each)))
  expect(named.map((each) => opened.value(each))).toEqual(["answer number 1", "answer number 1"])
})

test("a random secret is pending until it is written down, and so is what derives from it", async () => {
  const stored = new Map<string, string>()
  const { box: opened, hidden } = box({}, stored)
  const password = secret.random("password")
  const url = password.map((value) => `postgres://shop:${value}@db`)
  await opened.open(url)
  expect(url.fingerprint).toBe(`${PENDING}password`)
  expect(() => opened.value(password)).toThrowError(/was not opened/)
  for (const { name, sealed } of opened.makePending()) stored.set(name, sealed)
  await opened.settlePending()
  expect(opened.value(url)).toBe(`postgres://shop:${opened.value(password)}@db`)
  expect(hidden.map(([, value]) => value)).toContain(opened.value(password))
  expect(opened.makePending()).toEqual([])
})

test("what a far side returned is hidden where it is long enough to be told from ordinary text", () => {
  const { box: opened, hidden } = box()
  expect(opened.value(opened.wrap("password", "correct horse"))).toBe("correct horse")
  expect(opened.value(opened.wrap("flag", "on"))).toBe("on")
  expect(hidden).toEqual([["password", "correct horse"]])
})

test("opening to hide asks nobody and fails for nothing", async () => {
  const { box: opened, hidden } = box({ ask: async () => expect.fail("it asked") })
  const asked = secret.prompt("password")
  await opened.openToHide([asked, asked.map((value) => value), secret.env("NONE"), secret.env("TOKEN")])
  expect(hidden).toEqual([["TOKEN", "a-long-token"]])
})

test("a secret remembered by its fingerprint alone cannot be opened", async () => {
  const { box: opened } = box()
  const recorded = new Secret("old", { type: "recorded" })
  await opened.open(recorded)
  expect(() => opened.value(recorded)).toThrowError(/was not opened/)
})

test("a short value is refused unless the program says weak", async () => {
  const { box: opened, hidden } = box()
  await expect(opened.open(secret.env("SHORT"))).rejects.toMatchObject({ code: "SECRET_WEAK" })
  await opened.open(secret.env("SHORT", { weak: true }))
  expect(hidden).toEqual([["SHORT", "abc"]])
})
