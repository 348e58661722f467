import type { z } from "zod"
import { FettleError } from "../errors.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import type { Address } from "../program/address.ts"
import { CHECK_KIND, type CheckOutputs, checkOutputs, checkProps } from "../program/check.ts"
import { type Key, type Provider, provider, type Seen, type Write } from "../provider.ts"
import type { Answer, Before } from "./answer.ts"
import { type Asked, askUntil, type Timing } from "./ask-until.ts"
import { openSettings } from "./open-settings.ts"
import { type Ask, prepare } from "./question.ts"
import { cancelled } from "./task-run.ts"
import { LONGEST_MS, type LocalTools } from "./tools.ts"
import { standpointOf } from "./where.ts"

type CheckProps = z.output<typeof checkProps>

/** Longest evidence, in characters: one line that a person reads. */
const EVIDENCE_MAX = 400
/** A check that waits says so this often, in milliseconds. */
const TELL_MS = 2_000

/**
 * Asks checks as nodes of a plan, each time anew: nothing of a verdict is remembered as truth. "no" and "inconclusive" are
 * results, not errors. Its limits are `within`, `for` and the probe's own `timeoutMs`.
 */
export const checkProvider: Provider<typeof checkProps, typeof checkOutputs, LocalTools> = provider({
  kind: CHECK_KIND,
  version: 1,
  about: "A question with a verdict: yes, no or inconclusive.",
  connects: "local",
  props: checkProps,
  outputs: checkOutputs,
  settles: "unique",
  volatile: ["verdict", "evidence", "attempts", "durationMs", "measured"],
  adoptsFound: true,
  timeoutMs: LONGEST_MS,
  id: () => undefined,
  read: async (keys) => new Map(keys.map((key) => [key.address, lastOf(key)])),
  plan: () => ({ action: "check", because: "asked at every apply" }),
  ensure: (want, _seen, _change, call) => askCheck(want, call),
  delete: async () => {},
})

/** There is nothing to read: what was said last is all that can be told without asking. */
function lastOf({ last }: Key<CheckProps, CheckOutputs> & { readonly address: Address }): Seen<CheckOutputs> {
  return last === undefined ? { absent: true } : { outputs: last.outputs }
}

/**
 * Asks one check, with its waits.
 * @param before the release that it belongs to
 * @throws FettleError `CANCELLED`; all else is a verdict
 */
export async function askCheck(
  want: CheckProps,
  call: Write<LocalTools>,
  before?: Before | undefined,
): Promise<CheckOutputs> {
  const started = performance.now()
  const { settings, hide: hideOpened } = openSettings(
    want.probe,
    (secret) => call.reveal(secret),
    (name, value) => call.secret(name, value),
  )
  const hide = (text: string): string => hideOpened(call.hide?.(text) ?? text)
  const standpoint = await standpointOf(want.on, call)
  const question = told(await prepare(settings, { ...standpoint, before, signal: call.signal, hide }), hide, call)
  const asked = await untilCancelled(() => askUntil(question, timingOf(want), call.signal), call.signal)
  const { verdict, measured = {} } = asked.answer
  return {
    verdict,
    evidence: oneLine(evidenceOf(asked, timingOf(want))),
    attempts: asked.attempts,
    durationMs: Math.round(performance.now() - started),
    ...(Object.keys(measured).length > 0 ? { measured } : {}),
  }
}

/** Keeps opened secrets out of each answer, and tells what is waited for: at once where it changes, else every 2 s. */
function told(question: Ask, hide: (text: string) => string, call: Write<LocalTools>): Ask {
  let said = ""
  let saidAtMs = Number.NEGATIVE_INFINITY
  return async (limitMs) => {
    const answer = hiding(await question(limitMs), hide)
    const now = performance.now()
    const isNews =
      answer.verdict === said
        ? answer.verdict !== "yes" && now - saidAtMs >= TELL_MS
        : !(answer.verdict === "yes" && said === "")
    if (isNews) {
      call.log(`${answer.verdict}: ${oneLine(answer.evidence)}`)
      saidAtMs = now
    }
    said = answer.verdict
    return answer
  }
}

function hiding(answer: Answer, hide: (text: string) => string): Answer {
  const measured = Object.entries(answer.measured ?? {}).map(
    ([name, value]) => [name, typeof value === "string" ? hide(value) : value] as const,
  )
  return { ...answer, evidence: hide(answer.evidence), measured: Object.fromEntries(measured) }
}

async function untilCancelled(work: () => Promise<Asked>, signal: AbortSignal): Promise<Asked> {
  try {
    return await work()
  } catch (error) {
    if (signal.aborted) throw cancelled(signal)
    throw error instanceof FettleError
      ? error
      : new FettleError("INTERNAL", "a check could not be asked", { cause: error })
  }
}

function timingOf(want: CheckProps): Timing {
  const ms = (value: number | string | undefined): number | undefined =>
    value === undefined
      ? undefined
      : durationMs((typeof value === "string" ? value.replace(/\s/g, "") : value) as Duration)
  return { withinMs: ms(want.within) ?? 0, forMs: ms(want.for) ?? 0, everyMs: ms(want.every) }
}

function evidenceOf({ answer, attempts, heldMs }: Asked, { forMs }: Timing): string {
  if (forMs === 0 || heldMs === undefined) return answer.evidence
  if (answer.verdict === "yes") return `${answer.evidence}; so for ${Math.round(heldMs)} ms, asked ${attempts} times`
  return `was yes for ${Math.round(heldMs)} ms, then: ${answer.evidence}`
}

/** What stands in a terminal line: no line breaks, no control characters, bounded. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim()
  return line.length <= EVIDENCE_MAX ? line : `${line.slice(0, EVIDENCE_MAX - 1)}…`
}
