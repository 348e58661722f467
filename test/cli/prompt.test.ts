import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { need } from "../support/need.ts"
import { onTerminal, type Place, place, TERMINAL } from "./fettle.ts"

const terminal = need(TERMINAL, { install: "apt-get install bsdutils" })

const DATABASE = "correct-horse-battery"
const TOKEN = "tr0ub4dor-and-three"

test.skipIf(!terminal)(
  "each secret is asked for once, one after the other, and what is typed is not shown",
  async () => {
    const user = place("prompted")
    const apply = onTerminal(user, ["apply", "--yes", "--verbose"])
    await apply.saw("database: ")
    expect(argumentsAndEnvironments()).not.toContain(DATABASE)
    apply.type(`${DATABASE}\n`)
    await apply.saw("Token? ")
    apply.type(`${TOKEN}\n`)
    const { code, text } = await apply.ended
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("4 created") })
    expect([text.split("database: ").length, text.split("Token? ").length]).toEqual([2, 2])
    expect(text).not.toContain(DATABASE)
    expect(text).not.toContain(TOKEN)
    expect([user.read("url"), user.read("again"), user.read("token")]).toEqual([
      `postgres://shop:${DATABASE}@db`,
      DATABASE,
      TOKEN,
    ])
    for (const name of ["url", "again", "token"]) user.write(name, "")
    expect(filesWith(user, [DATABASE, TOKEN])).toEqual([])
  },
)

test.skipIf(!terminal)("the same answers are no change, and another one is", async () => {
  const user = place("prompted")
  const run = async (words: readonly string[], answer: string): Promise<{ code: number | null; text: string }> => {
    const running = onTerminal(user, [...words, "--param", "one=true"])
    await running.saw("database: ")
    running.type(`${answer}\n`)
    return running.ended
  }
  expect(await run(["apply", "--yes"], DATABASE)).toMatchObject({ code: 0 })
  expect(await run(["plan", "--check"], DATABASE)).toMatchObject({ code: 0 })
  const other = await run(["plan", "--check"], TOKEN)
  expect(other).toMatchObject({ code: 2, text: expect.stringContaining("2 to update") })
  expect(other.text).not.toContain(TOKEN)
})

test.skipIf(!terminal)("nothing is drawn over the question, however long it takes to answer", async () => {
  const user = place("prompted")
  const plan = onTerminal(user, ["plan", "--param", "one=true"])
  await plan.saw("database: ")
  await new Promise((later) => setTimeout(later, 2_500)) // a live area is drawn from the first second on
  plan.type(`${DATABASE}\n`)
  const { text } = await plan.ended
  expect(text).toMatch(/(^|\n)database: \r?\n/)
  expect(text.slice(0, text.indexOf("database: "))).not.toContain("\u001b[1A")
})

test.skipIf(!terminal)(
  "Ctrl-C at the question cancels, an empty answer is an error, and nothing is changed",
  async () => {
    const user = place("prompted")
    for (const [typed, code, words] of [
      ["\u0003", 130, /CANCELLED/],
      ["\n", 1, /SECRET_MISSING[\s\S]*nothing was typed/],
      ["\u0004", 1, /SECRET_MISSING[\s\S]*nothing was typed/],
      ["short\n", 1, /SECRET_WEAK/],
    ] as const) {
      const apply = onTerminal(user, ["apply", "--yes", "--param", "one=true"])
      await apply.saw("database: ")
      apply.type(typed)
      expect(await apply.ended).toMatchObject({ code, text: expect.stringMatching(words) })
    }
    expect([user.has("url"), user.has("again")]).toEqual([false, false])
  },
)

test("without a terminal it is an error that says what to do", async () => {
  const user = place("prompted")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({
    code: 1,
    text: expect.stringMatching(
      /SECRET_MISSING[\s\S]*asked for on a terminal, and there is none[\s\S]*run fettle on a terminal, or .*secret\.env/,
    ),
  })
  expect(user.has("url")).toBe(false)
})

/** What every process of this machine was started with, as far as we may see. */
function argumentsAndEnvironments(): string {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  return all.flatMap((pid) => ["cmdline", "environ"].map((name) => contentOf(`/proc/${pid}/${name}`))).join("\n")
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return "" // it has ended meanwhile, or is not ours
  }
}

function filesWith(user: Place, texts: readonly string[]): readonly string[] {
  return readdirSync(user.folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && !each.parentPath.includes("node_modules"))
    .map((each) => join(each.parentPath, each.name))
    .filter((path) => texts.some((text) => contentOf(path).includes(text)))
}
