import { isPlain } from "../program/output.ts"
import type { ExpectedData } from "../program/probe-settings.ts"
import type { Question } from "./answer.ts"
import { at, fault, type Show, unfulfilled } from "./expectation.ts"
import type { holdsEach } from "./judge-work.ts"
import { onThread } from "./on-thread.ts"

/** One value, and what it must be. */
export interface Claim {
  readonly name: string
  readonly value: unknown
  readonly expected: ExpectedData
  /** Quotes the value where the question's own way may not. */
  readonly show?: Show
}

/** The parts of a value that a record of paths names, as claims. */
export function claimsOf(value: unknown, expected: Readonly<Record<string, ExpectedData>>): readonly Claim[] {
  return Object.entries(expected).map(([path, each]) => ({ name: path, value: at(value, path), expected: each }))
}

/**
 * What is wrong with each claim, in words. Patterns that may take for ever are tried on a worker thread, which the limit of
 * the question ends: nothing else stops a regular expression, and this thread must hear Ctrl-C.
 */
export async function judge(claims: readonly Claim[], question: Question): Promise<readonly (string | undefined)[]> {
  const slow = claims.filter(({ expected }) => mayTakeLong(expected))
  const held = new Map<Claim, boolean>()
  if (slow.length > 0) {
    const words = `matching ${slow.map(({ name }) => name).join(", ")} against a pattern`
    const tried = onThread<typeof holdsEach>(WORK, "holdsEach", question, words)
    const answers = await tried(slow.map(({ value, expected }) => ({ value, expected })))
    for (const [index, claim] of slow.entries()) held.set(claim, answers[index] === true)
    question.goesOn()
  }
  return claims.map((claim) => {
    const { name, value, expected, show = question.show } = claim
    if (!held.has(claim)) return fault(name, value, expected, show)
    return held.get(claim) === true ? undefined : unfulfilled(name, value, expected, show)
  })
}

const WORK = new URL(import.meta.url.endsWith(".ts") ? "./judge-work.ts" : "./judge-work.js", import.meta.url)

/** A pattern without repetition is done after one pass; one with it may try every way to share a text out. */
function mayTakeLong(expected: ExpectedData): boolean {
  if (!isPlain(expected)) return false
  const pattern = "regex" in expected ? expected : expected.matches
  return isPlain(pattern) && /[*+?{]/.test(String(pattern.regex))
}
