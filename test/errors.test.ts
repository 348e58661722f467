import { FettleError } from "fettle"
import { expect, test } from "vitest"
import { asFettleError, causeText } from "../src/errors.ts"

test("a cause is told once, however often it was wrapped", () => {
  const bottom = new Error("connection refused")
  const cause = new Error("no answer", { cause: bottom })
  const failed = asFettleError(cause, "READ_FAILED")
  expect(failed.fact).toBe("no answer: connection refused")
  expect(causeText(new FettleError("READ_FAILED", failed.fact, { cause: failed }))).toBe(
    "no answer: connection refused",
  )
  expect(causeText(new Error("outer", { cause }))).toBe("outer: no answer: connection refused")
})

test("what is thrown without a word is told all the same", () => {
  for (const [thrown, fact] of [
    [undefined, "it threw undefined"],
    [null, "it threw null"],
    ["", "it threw an empty text"],
    [new TypeError(""), "TypeError"],
  ] as const)
    expect(asFettleError(thrown, "PROVIDER_THREW").fact).toBe(fact)
})
