import { inspect } from "node:util"
import { describe, expect, test } from "vitest"
import { FettleError } from "../errors.ts"
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

async function failure(opening: Promise<void>): Promise<FettleError> {
  return opening.then(
    () => expect.unreachable("it opened"),
    (thrown) => thrown,
  )
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
  expect(() => opened.value(password)).toThrowError(/has not been made yet/)
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

test("a prompt asks once a run for each name, also where the program is built again and random values are made", async () => {
  const asked: string[] = []
  const ask = async (question: string): Promise<string> => {
    asked.push(question)
    return `typed answer ${asked.length}`
  }
  const stored = new Map<string, string>()
  const { box: opened } = box({ ask }, stored)
  const build = async (): Promise<readonly unknown[]> => {
    const named = [secret.prompt("db"), secret.prompt("api", { question: "db: " }), secret.prompt("db")]
    await Promise.all([...named, secret.random("made")].map((each) => opened.open(each)))
    return named.map((each) => opened.value(each))
  }
  const first = await build()
  expect(first).toEqual(["typed answer 1", "typed answer 2", "typed answer 1"])
  for (const { name, sealed } of opened.makePending()) stored.set(name, sealed)
  await opened.settlePending()
  expect(await build()).toEqual(first)
  expect(asked).toEqual(["db: ", "db: "])
})

test("nobody to ask, and no answer, are errors that say what to do", async () => {
  const { box: alone } = box()
  await expect(alone.open(secret.prompt("db"))).rejects.toMatchObject({
    code: "SECRET_MISSING",
    fact: "secret db is asked for on a terminal, and there is none",
    next: expect.stringContaining("secret.env"),
  })
  const { box: silent } = box({ ask: async () => "" })
  await expect(silent.open(secret.prompt("db", { weak: true }))).rejects.toMatchObject({
    code: "SECRET_MISSING",
    fact: "secret db was asked for, and nothing was typed",
  })
})

describe("what goes wrong with a derived secret is told without a word of it", () => {
  const value = "kJ8vQ2xW9rT4yU7pL3mN6bV1"
  const token = () => box({ env: () => value })
  const failing: readonly [string, (text: string) => unknown][] = [
    ["JSON.parse quotes it", (text) => JSON.parse(text)],
    ["the program throws it", (text) => expect.unreachable(text)],
    [
      "a text is thrown",
      (text) => {
        throw text
      },
    ],
    [
      "its own class of errors",
      (text) => {
        throw Object.assign(new RangeError(text), { name: text })
      },
    ],
    ["it gives nothing", () => undefined],
    ["it gives a function", () => () => 1],
    ["what it gives is no JSON", (text) => ({ [text]: 1n })],
  ]
  test.each(failing)("%s", async (_, derive) => {
    const secretOf = secret.env("TOKEN").map(derive)
    const error: FettleError = await failure(token().box.open(secretOf))
    expect(error).toMatchObject({ code: "SECRET_DERIVE", fact: expect.stringContaining("secret TOKEN: ") })
    const all = JSON.stringify([error.toJSON(), error.stack, inspect(error, { depth: 9 })])
    for (let at = 0; at + 6 <= value.length; at += 1) expect(all).not.toContain(value.slice(at, at + 6))
  })

  test("that a secret was used as a string inside is told as it is", async () => {
    const other = secret.env("OTHER")
    const made = secret.env("TOKEN").map((text) => `${text}${other}`)
    await expect(token().box.open(made)).rejects.toMatchObject({ code: "SECRET_AS_STRING" })
  })

  test("where it is too short, the source is not blamed", async () => {
    const made = secret.env("TOKEN").map((text) => text.slice(0, 3))
    await expect(token().box.open(made)).rejects.toMatchObject({
      code: "SECRET_WEAK",
      fact: "what the program makes of secret TOKEN has fewer than 8 characters",
    })
  })
})

describe("a command that gives no secret", () => {
  const fails = (details: object) => async (): Promise<never> => {
    throw new FettleError("COMMAND_FAILED", "pass ended with exit code 1", { details: { ...details } })
  }

  test("fails in its own last words", async () => {
    const run = fails({ stderr: `${"noise\n".repeat(200)}pass: no such entry\n`, stdout: "" })
    const error = await failure(box({ run }).box.open(secret.command(["pass", "show"])))
    expect(error).toMatchObject({
      code: "SECRET_MISSING",
      fact: expect.stringMatching(/exit code 1: .*no such entry$/s),
    })
    expect(error.fact.length).toBeLessThan(900)
  })

  test("does not tell what it printed before it failed", async () => {
    const run = fails({ stderr: "+ echo kJ8vQ2xW9rT4", stdout: "kJ8vQ2xW9rT4\n" })
    const error = await failure(box({ run }).box.open(secret.command(["pass"])))
    expect(error.fact).toContain("+ echo [secret pass]")
    expect(JSON.stringify([error.toJSON(), error.details ?? {}])).not.toContain("kJ8vQ2xW")
  })

  test("prints nothing", async () => {
    await expect(box({ run: async () => "\n" }).box.open(secret.command(["true"]))).rejects.toMatchObject({
      code: "SECRET_MISSING",
      fact: "secret true: the command true printed nothing",
    })
  })
})

test("a secret remembered by its fingerprint alone cannot be opened", async () => {
  const { box: opened } = box()
  const recorded = new Secret("old", { type: "recorded" })
  await opened.open(recorded)
  expect(() => opened.value(recorded)).toThrowError(/was not opened/)
})

test("a short value is refused unless the program says weak", async () => {
  const { box: opened, hidden } = box()
  await expect(opened.open(secret.env("SHORT"))).rejects.toMatchObject({
    code: "SECRET_WEAK",
    next: expect.stringContaining("secret.env(…, { weak: true }) takes it"),
  })
  await opened.open(secret.env("SHORT", { weak: true }))
  expect(hidden).toEqual([["SHORT", "abc"]])
})
