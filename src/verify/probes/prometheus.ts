import { type Duration, durationMs } from "../../policies/duration.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { BEFORE_THE_RELEASE } from "../../program/usage-settings.ts"
import { type Answer, type Asker, inconclusive, judgedUnlessUnsure, type Question } from "../answer.ts"
import { fault } from "../expectation.ts"
import { type AskingPrometheus, askPrometheus, keyOf, type Series, seriesName, type Told } from "./prometheus-ask.ts"

type Settings = ProbeSettings<"prometheus">
type Asking = Question & AskingPrometheus
type Dial = NonNullable<AskingPrometheus["dial"]>

/** Asks a Prometheus server. It is not the target: what is wrong with it is inconclusive. */
export const prometheus: Asker<Settings> = { timeoutMs: 10_000, late: "inconclusive", ask }

/** So many series are named in evidence. */
const NAMED_MAX = 3

async function ask(settings: Settings, asked: Question): Promise<Answer> {
  const { where } = asked
  const dial = where.type === "host" ? (...to: Parameters<Dial>) => where.host.dial(...to) : undefined
  const question = { ...asked, dial }
  const now = await askPrometheus(settings, settings.query, question)
  if ("missing" in now) return missing(now)
  if (now.series.length === 0) return inconclusive(await whyNone(settings, question))
  const values = reduced(now.series, settings.of)
  const earlier = settings.against === undefined ? undefined : await askEarlier(settings, now.atS, question)
  if (earlier !== undefined && "missing" in earlier) return missing(earlier)
  const nameIt = (each: Series): string => nameOf(each, settings, question)
  const found: readonly Compared[] = values.map((each) => ({ name: nameIt(each), ...judgeOne(each, settings) }))
  const compared =
    earlier === undefined ? [] : compareEach(values, reduced(earlier.series, settings.of), settings, nameIt)
  const [only] = values.length === 1 ? values : []
  const seen =
    only === undefined
      ? `${values.length} series are as expected, from ${range(values)}`
      : `${nameIt(only)} is ${shortNumber(only.value)}`
  return judgedUnlessUnsure(
    told([...found, ...compared], "wrong"),
    told([...found, ...compared], "unsure"),
    `${seen}${comparedWords(compared)}`,
    { series: now.series.length, ...(only === undefined || Number.isNaN(only.value) ? {} : { value: only.value }) },
  )
}

function missing({ missing: why, lasting }: Extract<Told, { readonly missing: string }>): Answer {
  return { ...inconclusive(why), ...(lasting === true ? { lasting } : {}) }
}

/** What was measured a while ago and is not any more is stale; what never was may be misspelt. */
async function whyNone({ query, ...settings }: Settings, question: Asking): Promise<string> {
  const ended = await askPrometheus(
    settings as Settings,
    `count(last_over_time((\n${query}\n)[10m:5s]) or last_over_time((\n${query}\n)[1h:1m]))`,
    question,
  )
  const words = "no series answers to the query now"
  if ("missing" in ended || ended.series.length === 0) return `${words}, and none is known from the last hour`
  return `${words}: the last ones are stale, from within the last hour`
}

/** The same query before: from the release's start where there is one, else from now. */
async function askEarlier(settings: Settings, atS: number, question: Asking): Promise<Told> {
  const { against = "", query } = settings
  const { before } = question
  const isStart = against === BEFORE_THE_RELEASE
  if (isStart && before === undefined)
    return { missing: "there is no release, and so no time before it", lasting: true }
  const sinceS = before === undefined ? 0 : (Date.now() - before.startedMs) / 1_000
  const backS = isStart ? 0 : durationMs(against.replace(" before", "") as Duration) / 1_000
  const told = await askPrometheus(settings, query, question, atS - sinceS - backS)
  if ("missing" in told || told.series.length > 0) return told
  return {
    missing: `no series answered to the query ${isStart ? against : against.replace(" before", " before that")}`,
  }
}

interface Judged {
  readonly wrong?: string | undefined
  readonly unsure?: string | undefined
}

/** A value that is no number is no answer; an infinite one may be too much, and is never enough: it may come from nothing at all. */
function judgeOne({ value }: Series, { max, min, equals }: Settings): Judged {
  if (Number.isNaN(value)) return { unsure: "is NaN: it was made of nothing" }
  const expected = {
    ...(max === undefined ? {} : { max }),
    ...(min === undefined ? {} : { min }),
    ...(equals === undefined ? {} : { equals }),
  }
  const wrong = fault("", value, expected, () => shortNumber(value))?.trim()
  if (wrong !== undefined)
    return { wrong: equals === undefined ? wrong : `is ${shortNumber(value)}, expected ${equals}` }
  return Number.isFinite(value) ? {} : { unsure: `is ${value}, which nothing can be told from` }
}

interface Compared extends Judged {
  readonly name: string
  readonly times?: number
}

function compareEach(
  values: readonly Series[],
  earlier: readonly Series[],
  { atMostTimes, atLeastTimes, against }: Settings,
  nameOf: (series: Series) => string,
): readonly Compared[] {
  const known = new Map(earlier.map((each) => [keyOf(each), each.value]))
  return values.map((each) => {
    const name = nameOf(each)
    const then = known.get(keyOf(each))
    if (then === undefined) return { name, unsure: `was not there ${against}` }
    if (!Number.isFinite(then) || !Number.isFinite(each.value) || then < 0)
      return { name, unsure: `was ${then} ${against} and is ${each.value}: there is no ratio of them` }
    if (then === 0) {
      if (each.value === 0 && atLeastTimes === undefined) return { name, times: 1 }
      return {
        name,
        unsure: `was 0 ${against} and is ${shortNumber(each.value)}: give max, too, where that is to count`,
      }
    }
    const times = each.value / then
    const words = `is ${shortNumber(each.value)}, ${shortNumber(times)} times the ${shortNumber(then)} ${against}`
    if (atMostTimes !== undefined && times > atMostTimes)
      return { name, times, wrong: `${words}, expected at most ${atMostTimes} times` }
    if (atLeastTimes !== undefined && times < atLeastTimes)
      return { name, times, wrong: `${words}, expected at least ${atLeastTimes} times` }
    return { name, times }
  })
}

function comparedWords(compared: readonly Compared[]): string {
  const times = compared.flatMap((each) => (each.times === undefined ? [] : [each.times]))
  return times.length === 0 ? "" : `, at most ${shortNumber(Math.max(...times))} times what it was`
}

/** One number of all series, or each. */
function reduced(series: readonly Series[], of: Settings["of"]): readonly Series[] {
  if (of === "each" || series.length === 0) return series
  const values = series.map(({ value }) => value)
  const sum = values.reduce((all, value) => all + value, 0)
  const isUnknown = values.some(Number.isNaN)
  const value = { sum, average: sum / values.length, largest: Math.max(...values), smallest: Math.min(...values) }[of]
  return [{ labels: {}, value: isUnknown ? Number.NaN : value }]
}

function nameOf(series: Series, { of }: Settings, question: Question): string {
  if (of !== "each") return `the ${of} of all series`
  return Object.keys(series.labels).length === 0 ? "it" : seriesName(series, question)
}

/** The first of them, and how many there are. */
function told(all: readonly Compared[], what: "wrong" | "unsure"): readonly string[] {
  const words = all.flatMap((each) => (each[what] === undefined ? [] : [`${each.name} ${each[what]}`]))
  return words.length <= NAMED_MAX ? words : [...words.slice(0, NAMED_MAX), `and ${words.length - NAMED_MAX} more`]
}

function range(values: readonly Series[]): string {
  const all = values.map(({ value }) => value)
  return `${shortNumber(Math.min(...all))} to ${shortNumber(Math.max(...all))}`
}

/** As many digits as a person reads. */
function shortNumber(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)))
}
