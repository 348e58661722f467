import { isDeepStrictEqual } from "node:util"
import { isPlain } from "../program/output.ts"
import type { ExpectedData } from "../program/probe-settings.ts"

/** Longest value quoted in evidence, in characters. */
const SHOWN_MAX = 120

/** Quotes a value in evidence: a short line without secrets. */
export type Show = (value: unknown) => string

/**
 * What is wrong with a value, in words; undefined where it is as expected.
 * @example fault("status", 500, { min: 200, max: 299 }, show) // "status is 500, expected 200 to 299"
 */
export function fault(name: string, value: unknown, expected: ExpectedData, show: Show): string | undefined {
  return holds(value, expected) ? undefined : unfulfilled(name, value, expected, show)
}

/** The same, where it is known that the value is not as expected. */
export function unfulfilled(name: string, value: unknown, expected: ExpectedData, show: Show): string {
  const is = value === undefined ? "is missing" : `is ${show(value)}`
  return `${name} ${is}, expected ${inWords(expected, show)}`
}

/**
 * The part of a value that a path names: keys and indexes with dots between; a dot in a key is written `\.`.
 * @example at({ items: [{ name: "tea" }] }, "items.0.name") // "tea"
 */
export function at(value: unknown, path: string): unknown {
  let part = value
  for (const key of path.split(/(?<!\\)\./)) {
    const name = key.replaceAll("\\.", ".")
    if (typeof part !== "object" || part === null || !Object.hasOwn(part, name)) return undefined
    part = (part as Record<string, unknown>)[name]
  }
  return part
}

type Rules = Extract<ExpectedData, { readonly exists?: unknown }>

/** Whether a value is as expected. */
export function holds(value: unknown, expected: ExpectedData): boolean {
  if (!isPlain(expected)) return value === expected
  if (isPattern(expected)) return matches(value, expected)
  const { exists, equals, not, min, max, contains, matches: like } = expected as Rules
  if (exists !== undefined && exists !== (value !== undefined)) return false
  if (equals !== undefined && !isDeepStrictEqual(value, equals)) return false
  if (not !== undefined && isDeepStrictEqual(value, not)) return false
  if (min !== undefined && !(asNumber(value) >= min)) return false
  if (max !== undefined && !(asNumber(value) <= max)) return false
  if (contains !== undefined && !includes(value, contains)) return false
  return like === undefined || matches(value, like)
}

interface Pattern {
  readonly regex: string
  readonly flags: string
}

function isPattern(expected: object): expected is Pattern {
  return "regex" in expected
}

/** A pattern without what makes it remember where it stopped. */
export function regexOf({ regex, flags }: Pattern): RegExp {
  return new RegExp(regex, flags.replace(/[gy]/g, ""))
}

function matches(value: unknown, pattern: Pattern): boolean {
  return (typeof value === "string" || typeof value === "number") && regexOf(pattern).test(String(value))
}

/** Headers and columns often give numbers as text. */
function asNumber(value: unknown): number {
  if (typeof value === "number") return value
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN
}

function includes(value: unknown, part: string): boolean {
  if (typeof value === "string") return value.includes(part)
  return Array.isArray(value) && value.includes(part)
}

function inWords(expected: ExpectedData, show: Show): string {
  if (!isPlain(expected)) return show(expected)
  if (isPattern(expected)) return `to match /${expected.regex}/${expected.flags}`
  const { exists, equals, not, min, max, contains, matches: like } = expected as Rules
  const words: string[] = []
  if (exists !== undefined) words.push(exists ? "to be there" : "not to be there")
  if (equals !== undefined) words.push(show(equals))
  if (not !== undefined) words.push(`not ${show(not)}`)
  if (min !== undefined && max !== undefined) words.push(`${min} to ${max}`)
  else if (min !== undefined) words.push(`at least ${min}`)
  else if (max !== undefined) words.push(`at most ${max}`)
  if (contains !== undefined) words.push(`to contain ${show(contains)}`)
  if (like !== undefined) words.push(`to match /${like.regex}/${like.flags}`)
  return words.join(" and ")
}

/** A value as one short line. Secrets are hidden before it is cut: what the cut leaves of one nobody would know again. */
export function shown(value: unknown, hide: (text: string) => string): string {
  const whole = value instanceof Uint8Array ? `${value.length} bytes` : (JSON.stringify(value) ?? "nothing")
  const text = hide(whole)
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}… (${whole.length} characters)`
}
