import { expect, test } from "vitest"
import { type Answer, inconclusive, no, yes } from "./answer.ts"
import { askUntil, type Timing } from "./ask-until.ts"

const ONCE: Timing = { withinMs: 0, forMs: 0, everyMs: undefined }

/** Gives these answers one after another, the last one for ever. */
function answers(...list: Answer[]) {
  const limits: (number | undefined)[] = []
  const question = async (limitMs: number | undefined): Promise<Answer> => {
    limits.push(limitMs)
    return list[Math.min(limits.length, list.length) - 1] as Answer
  }
  return { question, limits }
}

const signal = new AbortController().signal

test.each([yes("ok"), no("not"), inconclusive("who knows")])(
  "without within it asks once: $verdict",
  async (answer) => {
    const { question, limits } = answers(answer)
    expect(await askUntil(question, ONCE, signal)).toMatchObject({ answer, attempts: 1 })
    expect(limits).toEqual([undefined])
  },
)

test("asks until yes", async () => {
  const { question } = answers(no("1"), inconclusive("2"), yes("3"))
  expect(await askUntil(question, { withinMs: 5_000, forMs: 0, everyMs: 1 }, signal)).toMatchObject({
    answer: { evidence: "3" },
    attempts: 3,
  })
})

test("asks a last time when the time is over, and says what it saw then", async () => {
  const { question, limits } = answers(no("first"), yes("last"))
  const begun = performance.now()
  expect(await askUntil(question, { withinMs: 100, forMs: 0, everyMs: 10_000 }, signal)).toMatchObject({
    answer: { evidence: "last" },
    attempts: 2,
  })
  expect(performance.now() - begun).toBeGreaterThan(95)
  expect(limits[1]).toBe(1_000)
})

test("a question may take no longer than is left, and a second at the end", async () => {
  const { question, limits } = answers(no("no"))
  await askUntil(question, { withinMs: 1_300, forMs: 0, everyMs: 650 }, signal)
  expect(limits[0]).toBeGreaterThan(1_250)
  expect(limits.every((limit) => limit !== undefined && limit >= 1_000 && limit <= 1_300)).toBe(true)
})

test("what asking cannot change is not asked again", async () => {
  const { question } = answers({ ...no("for ever"), lasting: true })
  expect(await askUntil(question, { withinMs: 5_000, forMs: 0, everyMs: 1 }, signal)).toMatchObject({ attempts: 1 })
})

test("yes must hold; a break begins anew", async () => {
  const { question } = answers(yes("1"), no("2"), yes("3"))
  const asked = await askUntil(question, { withinMs: 5_000, forMs: 60, everyMs: 20 }, signal)
  expect(asked.answer.verdict).toBe("yes")
  expect(asked.heldMs).toBeGreaterThanOrEqual(60)
  expect(asked.attempts).toBeGreaterThanOrEqual(5)
})

test("a break without time left is the answer, and says how long it held", async () => {
  const { question } = answers(yes("1"), yes("2"), no("3"))
  const asked = await askUntil(question, { withinMs: 0, forMs: 10_000, everyMs: 5 }, signal)
  expect(asked).toMatchObject({ answer: { evidence: "3" }, attempts: 3, heldMs: expect.any(Number) })
})

test("is cancelled in a pause at once", async () => {
  const cancel = new AbortController()
  setTimeout(() => cancel.abort(new Error("stop")), 20)
  const { question } = answers(no("no"))
  await expect(askUntil(question, { withinMs: 60_000, forMs: 0, everyMs: 30_000 }, cancel.signal)).rejects.toThrow(
    "stop",
  )
})
