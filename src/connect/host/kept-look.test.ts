import { expect, test } from "vitest"
import { type Asked, sharedBy } from "./asked.ts"
import { KeptLook, type Looked } from "./kept-look.ts"
import type { HostQuestion, ScriptRecord } from "./kind.ts"

const record = (out: string): ScriptRecord => ({ exitCode: 0, out, err: "" })
const asked = (...questions: readonly (HostQuestion & { readonly again?: boolean })[]): readonly Asked[] =>
  questions.map(({ again = true, ...question }, number) => ({
    item: { provider: {} as never, key: { address: `a${number}` as never }, again },
    kind: {} as never,
    listing: undefined,
    question,
    number,
  }))

/** A look at /hashed with its hash and at /seen without, by the script "look", and by "list" for a and b. */
function kept(): KeptLook {
  const look = new KeptLook()
  const first = asked({ sha256: ["/hashed"], stat: ["/seen"], script: "look" }, list("a", "b"))
  const paths: Looked["paths"] = new Map([
    ["/hashed", "absent"],
    ["/seen", "absent"],
  ])
  const scripts = new Map([
    [0, record("looked")],
    [2, record("listed")],
  ])
  look.keep(first, sharedBy(first, first.length), { paths, scripts })
  return look
}

const list = (...words: string[]): HostQuestion => ({ shared: { script: "list", words } })
const told = (questions: readonly Asked[]): readonly string[] => {
  const { paths, scripts } = kept().tells(questions, sharedBy(questions, questions.length))
  return [...paths.keys(), ...[...scripts.values()].map(({ out }) => out)]
}

test.each<readonly [string, readonly Asked[], readonly string[]]>([
  ["the same question", asked({ sha256: ["/hashed"], script: "look" }), ["/hashed", "looked"]],
  ["a hash that is not wanted any more", asked({ stat: ["/hashed"] }), ["/hashed"]],
  ["a hash of what was only looked at", asked({ sha256: ["/seen"] }), []],
  ["a look where another wants the hash", asked({ stat: ["/seen"] }, { sha256: ["/seen"] }), []],
  ["another script", asked({ stat: ["/seen"], script: "look " }), ["/seen"]],
  ["some of the words of a shared one", asked(list("b")), ["listed"]],
  ["a word more", asked(list("b"), list("c")), []],
  ["asked by one for the first time, too", asked({ stat: ["/seen"] }, { stat: ["/seen"], again: false }), []],
  ["asked for the first time", asked({ stat: ["/seen"], script: "look", again: false }), []],
  ["a shared one by one for the first time, too", asked(list("a"), { ...list("a"), again: false }), []],
])("what is told of what was found before: %s", (_what, questions, expected) => {
  expect(told(questions)).toEqual(expected)
})
