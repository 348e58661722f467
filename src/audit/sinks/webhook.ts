import { createHmac } from "node:crypto"
import { type Call, callWith } from "../../policies/policy.ts"
import { codeOf } from "../../policies/policy-errors.ts"
import { retry } from "../../policies/retry.ts"
import { discard } from "../../policies/retry-after.ts"
import { timeout } from "../../policies/timeout.ts"
import { lineOf, type Sink } from "./sink.ts"

/** One try, and how often it is repeated: nobody waits minutes for a sink. */
const TRY_MS = 5_000
const TIMES = 2
const TOTAL_MS = 12_000

/** What a webhook is reached with, opened only when it is used. */
export interface WebhookLogin {
  readonly url: string
  readonly key: string
}

/**
 * Sends entries by POST: `{ fettle: "audit/1", entries: [...] }`. Header `fettle-signature` is `t=SECONDS,v1=HEX`: HMAC-SHA256 of
 * `SECONDS.BODY`. An answer of 2xx says that the far side has them.
 */
export function webhookSink(id: string, required: boolean, login: () => Promise<WebhookLogin>): Sink {
  return {
    id,
    required,
    batch: 200,
    prepare: login,
    send: async (records, place, signal) => {
      const body = `{"fettle":"audit/1","entries":[${records.map((each) => lineOf(each, place)).join(",")}]}`
      const { url, key } = await login()
      const again = retry({ times: TIMES, baseDelayMs: 300, maxDelayMs: 2_000, maxWaitMs: TRY_MS })
      try {
        await callWith([timeout(TOTAL_MS), again, timeout(TRY_MS)], post(url, key, body), { name: "the sink", signal })
      } catch (thrown) {
        throw new Error(reason(thrown))
      }
    },
  }
}

/** What a far side checks: anybody who has the key can make it for a time and a body. */
export function signatureOf(key: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac("sha256", key).update(`${seconds}.${body}`).digest("hex")}`
}

/** A redirect is no answer: what is signed for one place is not sent to another. */
function post(url: string, key: string, body: string): Call<void> {
  return async (signal) => {
    const headers = {
      "content-type": "application/json",
      "fettle-signature": signatureOf(key, Math.floor(Date.now() / 1_000), body),
    }
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" })
    await discard(response)
    if (response.status < 200 || response.status > 299) throw new Refused(`status ${response.status}`, response)
  }
}

/** Where `retry` finds the status and a `Retry-After`. */
class Refused extends Error {
  readonly response: object

  constructor(fact: string, response: object) {
    super(fact)
    this.response = response
  }
}

/** Without the words of foreign errors, which may hold the address: it may be a password. */
function reason(thrown: unknown): string {
  const cause = codeOf(thrown) === "POLICY_RETRIES_SPENT" && thrown instanceof Error ? thrown.cause : thrown
  if (cause instanceof Refused) return cause.message
  return codeOf(cause instanceof Error && cause.cause !== undefined ? cause.cause : cause)
}
