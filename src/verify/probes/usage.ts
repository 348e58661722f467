import { type Answer, judgedUnlessUnsure, type Measured, type Question } from "../answer.ts"

/** One thing that is used, and what is expected of it. */
export interface Amount {
  /** Its name among what was measured. */
  readonly name: string
  /** How it is counted: "bytes of memory". */
  readonly words: string
  /** At most so many. */
  readonly limit?: number | undefined
  /** At most so many times what it was before the release. */
  readonly times?: number | undefined
}

/** Measured amounts. What could not be measured is not there. */
export type Amounts = Readonly<Record<string, number | undefined>>

/**
 * Judges what is used by its limits, and by what was used before. What is asked for and was not measured is inconclusive, unless
 * something else is wrong already.
 * @param who whose it is: "process 12"
 * @param more what is wrong or unsure beside amounts
 */
export function judgeUsage(
  who: string,
  amounts: readonly Amount[],
  measured: Amounts,
  { before }: Pick<Question, "before">,
  more: { readonly wrong?: string | undefined; readonly unsure?: string | undefined } = {},
): Answer {
  const judged = amounts.map((amount) => judgeAmount(amount, measured[amount.name], before))
  const seen = amounts.flatMap(({ name, words }) =>
    measured[name] === undefined ? [] : [`${measured[name]} ${words}`],
  )
  const all = [...judged, more]
  return judgedUnlessUnsure(
    all.map(({ wrong }) => wrong && `${who}: ${wrong}`),
    all.map(({ unsure }) => unsure && `${who}: ${unsure}`),
    `${who}: ${seen.join(", ")}${ratioWords(amounts, measured, before)}`,
    Object.fromEntries(Object.entries(measured).filter(([, value]) => value !== undefined)) as Measured,
  )
}

type Before = Question["before"]

function judgeAmount(
  { name, words, limit, times }: Amount,
  value: number | undefined,
  before: Before,
): { readonly wrong?: string; readonly unsure?: string } {
  if (limit === undefined && times === undefined) return {}
  if (value === undefined) return { unsure: `the ${words} could not be measured` }
  if (limit !== undefined && value > limit) return { wrong: `${value} ${words}, expected at most ${limit}` }
  if (times === undefined || before?.isNow === true) return {}
  const then = numberBefore(before, name)
  if (then === undefined) return { unsure: `the ${words} were not measured before the release` }
  if (value <= times * then) return {}
  if (then === 0) return { unsure: `${value} ${words}, and 0 before: no number of times is that` }
  return {
    wrong: `${value} ${words}, ${rounded(value / then)} times the ${then} before, expected at most ${times} times`,
  }
}

/** What was measured before the version got traffic; undefined where it was not. */
export function numberBefore(before: Before, name: string): number | undefined {
  const value = before?.measured?.[name]
  return typeof value === "number" ? value : undefined
}

function ratioWords(amounts: readonly Amount[], measured: Amounts, before: Before): string {
  if (before === undefined || amounts.every(({ times }) => times === undefined)) return ""
  if (before.isNow) return "; this is what it is compared with from now on"
  const ratios = amounts.flatMap(({ name, times }) => {
    const [value, then] = [measured[name], numberBefore(before, name)]
    return times === undefined || value === undefined || then === undefined || then === 0 ? [] : [value / then]
  })
  return ratios.length === 0 ? "" : `; at most ${rounded(Math.max(...ratios))} times what it was before`
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
