import { Resolver } from "node:dns/promises"
import { causeText } from "../../errors.ts"
import type { ExpectedData, ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, type Question } from "../answer.ts"
import { fault, type Show } from "../expectation.ts"

type Settings = ProbeSettings<"dns">

/** A question goes over UDP and may get lost: it is put again after this long, in milliseconds, and then after longer. */
const AGAIN_AFTER_MS = 1_000
const TRIES = 3

/** What a server says where a name, or a record of this type, is not there. All else says nothing about the name. */
const NOTHING: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no such name (NXDOMAIN)",
  ENODATA: "the name has no such record",
}

/** What the usual failures mean, in words. */
const WORDS: Readonly<Record<string, string>> = {
  ESERVFAIL: "the server failed (SERVFAIL)",
  EREFUSED: "the server refuses to answer (REFUSED)",
  ENOTIMP: "the server does not know this type of question (NOTIMP)",
  EFORMERR: "the server did not understand the question (FORMERR)",
  ETIMEOUT: "no answer",
  ECONNREFUSED: "nothing listens there",
}

/**
 * Asks for the records of a name once, without a cache. Only an answer can be "no": a server that fails, refuses or is silent
 * has said nothing about the name, so late is "inconclusive".
 */
export const dns: Asker<Settings> = { timeoutMs: 5_000, late: "inconclusive", ask }

/** What was answered, and why it is nothing where it is. */
interface Found {
  readonly answers: readonly string[]
  readonly nothing?: string | undefined
}

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const { name, type, server } = settings
  const target = `${name} ${type}${server === undefined ? "" : ` from ${server}`}`
  question.at(`asking for ${target}`)
  const resolver = new Resolver({ timeout: AGAIN_AFTER_MS, tries: TRIES })
  if (server !== undefined) resolver.setServers([server])
  question.signal.addEventListener("abort", () => resolver.cancel(), { once: true })
  const started = performance.now()
  try {
    const found = await recordsOf(resolver, settings)
    return answerOf(found, settings, target, Math.round(performance.now() - started), question.show)
  } catch (error) {
    if (question.signal.aborted) throw error
    const code = (error as { code?: string }).code ?? ""
    const words = WORDS[code] === undefined ? causeText(error) : WORDS[code]
    const answer = inconclusive(`${target} could not be asked: ${words}`)
    return code === "EBADNAME" ? { ...answer, lasting: true } : answer
  }
}

async function recordsOf(resolver: Resolver, { name, type }: Settings): Promise<Found> {
  try {
    return { answers: (await texts[type](resolver, name)).sort() }
  } catch (error) {
    const nothing = NOTHING[(error as { code?: string }).code ?? ""]
    if (nothing === undefined) throw error
    return { answers: [], nothing }
  }
}

/** Records of each type as texts that can be compared: names have no case. */
const texts: { readonly [T in Settings["type"]]: (resolver: Resolver, name: string) => Promise<string[]> } = {
  A: (resolver, name) => resolver.resolve4(name),
  AAAA: (resolver, name) => resolver.resolve6(name),
  CNAME: async (resolver, name) => (await resolver.resolveCname(name)).map(domain),
  NS: async (resolver, name) => (await resolver.resolveNs(name)).map(domain),
  MX: async (resolver, name) =>
    (await resolver.resolveMx(name)).map(({ priority, exchange }) => `${priority} ${domain(exchange)}`),
  TXT: async (resolver, name) => (await resolver.resolveTxt(name)).map((parts) => parts.join("")),
  SRV: async (resolver, name) =>
    (await resolver.resolveSrv(name)).map(
      ({ priority, weight, port, name: host }) => `${priority} ${weight} ${port} ${domain(host)}`,
    ),
  // Node gives `{ critical, type: "CAA", issue: "ca.test" }`: the property is the key that is left.
  CAA: async (resolver, name) =>
    (await resolver.resolveCaa(name)).map(({ critical, ...rest }) => {
      const [property = "", value = ""] = Object.entries(rest).find(([key]) => key !== "type") ?? []
      return `${critical} ${property} ${value}`
    }),
}

function domain(name: string): string {
  return name.toLowerCase().replace(/(?<=.)\.$/, "")
}

function answerOf(
  { answers, nothing }: Found,
  settings: Settings,
  target: string,
  latencyMs: number,
  show: Show,
): Answer {
  const { answer, exactly, count = { min: 1 }, maxLatencyMs } = settings
  const wrongCount = fault("the number of answers", answers.length, count, show)
  const wrong = [
    wrongCount === undefined ? undefined : (nothing ?? `${wrongCount}: ${list(answers, show)}`),
    answer === undefined ? undefined : noneIs(answers, answer, show),
    exactly === undefined ? undefined : otherThan(answers, exactly, show),
    maxLatencyMs !== undefined && latencyMs > maxLatencyMs
      ? `it took ${latencyMs} ms, expected at most ${maxLatencyMs}`
      : undefined,
  ]
  const measured = { answers: answers.join(", "), count: answers.length, latencyMs }
  const judgement = judged(wrong, `${nothing ?? list(answers, show)}, in ${latencyMs} ms`, measured)
  return { ...judgement, evidence: `${target}: ${judgement.evidence}` }
}

function noneIs(answers: readonly string[], expected: ExpectedData, show: Show): string | undefined {
  const faults = answers.map((each) => fault("the answer", each, expected, show))
  if (faults.includes(undefined)) return undefined
  return faults.length < 2 ? faults[0] : `of ${faults.length} answers none is as expected; ${faults[0]}`
}

/** What is missing among the answers, and what is there besides. */
function otherThan(answers: readonly string[], expected: readonly string[], show: Show): string | undefined {
  const missing = expected.filter((each) => !answers.includes(each))
  const others = answers.filter((each) => !expected.includes(each))
  const words = [
    ...(missing.length > 0 ? [`missing: ${list(missing, show)}`] : []),
    ...(others.length > 0 ? [`not expected: ${list(others, show)}`] : []),
  ]
  return words.length === 0 ? undefined : words.join(", ")
}

function list(answers: readonly string[], show: Show): string {
  return answers.map(show).join(" ")
}
