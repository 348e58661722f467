import { outsideContext } from "./context.ts"
import { checkNames, checkTexts, checkWord } from "./given.ts"
import { offer } from "./logged.ts"
import { type Call, callWith, type Policy } from "./policy.ts"
import { badSetting, codeOf } from "./policy-errors.ts"
import { retry } from "./retry.ts"
import { discard } from "./retry-after.ts"
import { timeout } from "./timeout.ts"

/** A text that is opened only when it is used, such as a `Secret`: the address of many a webhook is a password. */
export interface Sealed {
  toJSON(): unknown
}

interface NotifySettings {
  /** When to tell. Default `failure`. */
  readonly on?: "failure" | "success" | "always" | undefined
  /** How long one try may take. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined
  /** How often a failed try is repeated. Default 3. */
  readonly times?: number | undefined
}

/** Where and when to tell: a webhook that gets the payload as JSON by POST, or a command that gets it on its input. */
export type NotifyOptions = NotifySettings &
  (
    | { readonly webhook: string | Sealed; readonly command?: undefined }
    | { readonly command: readonly string[]; readonly webhook?: undefined }
  )

/** A notification to be sent, as plain data. */
export interface NotifyRule {
  readonly name: "notify"
  readonly on: "failure" | "success" | "always"
  readonly timeoutMs: number
  readonly times: number
  readonly webhook?: string | Sealed
  readonly command?: readonly string[]
}

/** What is told: JSON, already free of secrets. */
export interface NotifyPayload {
  readonly outcome: "failure" | "success"
  readonly [fact: string]: unknown
}

/** How a sending ended. */
export type NotifyResult =
  | { readonly name: "notify"; readonly outcome: "sent" | "not due" }
  | { readonly name: "notify"; readonly outcome: "failed"; readonly errorCode: string; readonly because: string }

/** The ways out of the process, given by whoever may use them. */
export interface NotifyDeps {
  readonly fetch?: NotifyFetch | undefined
  readonly run?: NotifyRun | undefined
  /** Opens a sealed webhook. */
  readonly reveal?: ((sealed: Sealed) => string | Promise<string>) | undefined
  /** Hears how each sending ended. */
  readonly sink?: ((result: NotifyResult) => unknown) | undefined
}

/** The part of `fetch` that is used; `globalThis.fetch` fits. */
export type NotifyFetch = (
  url: string,
  init: { method: "POST"; headers: Record<string, string>; body: string; signal: AbortSignal },
) => Promise<{ readonly status: number; readonly headers: object }>

/** Runs a command without a shell, with a text on its input. */
export type NotifyRun = (
  command: readonly string[],
  options: { readonly input: string; readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<{ readonly exitCode?: number | null | undefined }>

/**
 * Says whom to tell how a run ended, as data: nothing is sent until `sendNotification`.
 *
 * @example
 * const tell = notify({ webhook: "https://example.com/hooks/deploys", on: "always" })
 * const page = notify({ command: ["pager", "--urgent"] })
 */
export function notify(options: NotifyOptions): NotifyRule {
  checkNames("notify", options, ["on", "timeoutMs", "times", "webhook", "command"])
  const { on = "failure", timeoutMs = 10_000, times = 3, webhook, command } = options
  if ((webhook === undefined) === (command === undefined)) throw badSetting("notify", "give a webhook or a command")
  checkWord("notify", "on", on, ["failure", "success", "always"])
  if (!Number.isInteger(times) || times < 0) throw badSetting("notify", `times must be 0 or more, not ${times}`)
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0))
    throw badSetting("notify", `timeoutMs must be more than 0 ms, not ${timeoutMs}`)
  checkTexts("notify", "command", command)
  if (command?.length === 0) throw badSetting("notify", "the command is empty")
  if (typeof webhook === "string" && !/^https?:$/.test(URL.parse(webhook)?.protocol ?? "")) {
    throw badSetting("notify", "the webhook is not an http or https URL")
  }
  const target = webhook === undefined ? { command: [...(command ?? [])] } : { webhook }
  return { name: "notify", on, timeoutMs, times, ...target }
}

/**
 * Sends a notification where it is due; it never rejects: a failure is the result and goes to the sink.
 *
 * A try that fails is repeated, so a far side may hear the same twice. It is not cut off by an abort around it: that a run
 * was cancelled is worth telling.
 *
 * @example
 * const result = await sendNotification(tell, { outcome: "failure", run: "r42" }, { fetch, sink: report })
 */
export async function sendNotification(
  rule: NotifyRule,
  payload: NotifyPayload,
  deps: NotifyDeps,
): Promise<NotifyResult> {
  const result = await outsideContext(() => outcomeOf(rule, payload, deps))
  if (deps.sink !== undefined) offer(deps.sink, result)
  return result
}

/**
 * A policy that sends a notification of each call once it ended, then gives the call's own result or error.
 *
 * The payload is `{ outcome, name, errorCode? }`. Outside `retry` it tells of all tries as one.
 *
 * @example
 * const nightly = guarded(importOrders, [notified(notify({ webhook }), { fetch }), retry()])
 */
export function notified(rule: NotifyRule, deps: NotifyDeps): Policy {
  const { on, timeoutMs, times } = rule
  const tell = (payload: NotifyPayload): Promise<NotifyResult> => sendNotification(rule, payload, deps)
  return {
    name: "notify",
    settings: { on, timeoutMs, times, to: rule.command ?? "webhook" },
    wrap:
      (call, { name }) =>
      async (signal) => {
        try {
          const value = await call(signal)
          await tell({ outcome: "success", name })
          return value
        } catch (error) {
          await tell({ outcome: "failure", name, errorCode: codeOf(error) })
          throw error
        }
      },
  }
}

async function outcomeOf(rule: NotifyRule, payload: NotifyPayload, deps: NotifyDeps): Promise<NotifyResult> {
  if (rule.on !== "always" && rule.on !== payload.outcome) return { name: "notify", outcome: "not due" }
  // All tries together may take this long: nobody waits minutes for a word about a result that is already there.
  const totalMs = (rule.times + 1) * rule.timeoutMs
  const again = retry({ times: rule.times, baseDelayMs: 500, maxDelayMs: 5_000, maxWaitMs: rule.timeoutMs })
  try {
    const send = sender(rule, JSON.stringify(payload), deps)
    await callWith([timeout(totalMs), again, timeout(rule.timeoutMs)], send, { name: "the notification" })
    return { name: "notify", outcome: "sent" }
  } catch (error) {
    return { name: "notify", outcome: "failed", errorCode: codeOf(error), because: reason(error) }
  }
}

/** One try. */
function sender(rule: NotifyRule, body: string, deps: NotifyDeps): Call<void> {
  const { command, webhook, timeoutMs } = rule
  const { fetch, run } = deps
  if (command !== undefined) {
    if (run === undefined) throw new Undelivered("a command needs run, and none was given")
    return async (signal) => {
      const { exitCode } = await run(command, { input: body, timeoutMs, signal })
      if (exitCode !== 0) throw new Undelivered(`exit code ${exitCode ?? "none"}`)
    }
  }
  if (fetch === undefined) throw new Undelivered("a webhook needs fetch, and none was given")
  return async (signal) => {
    const url = await opened(webhook, deps)
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, signal })
    await discard(response)
    if (response.status < 200 || response.status > 299) throw new Undelivered(`status ${response.status}`, response)
  }
}

async function opened(webhook: string | Sealed | undefined, { reveal }: NotifyDeps): Promise<string> {
  if (typeof webhook === "string") return webhook
  if (webhook === undefined || reveal === undefined) throw new Undelivered("a sealed webhook needs reveal")
  return reveal(webhook)
}

/** A delivery that failed, in words that hold no address: it may be a password. */
class Undelivered extends Error {
  /** Where `retry` finds the status and a `Retry-After`. */
  readonly response: object | undefined

  constructor(fact: string, response?: object) {
    super(fact)
    this.response = response
  }
}

/** Why it failed, without the words of foreign errors, which may hold the address: their code says enough. */
function reason(error: unknown): string {
  const isSpent = codeOf(error) === "POLICY_RETRIES_SPENT" && error instanceof Error
  const cause = isSpent ? error.cause : error
  if (cause instanceof Undelivered) return cause.message
  return codeOf(cause instanceof Error && cause.cause !== undefined ? cause.cause : cause)
}
