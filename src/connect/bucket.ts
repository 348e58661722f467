import { createHash } from "node:crypto"
import { causeText } from "../errors.ts"

/** A bucket and who asks for it. */
export interface BucketLogin {
  /** With the bucket, without a slash at its end: https://bucket.s3.eu-central-1.amazonaws.com, http://127.0.0.1:9000/bucket. */
  readonly url: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  /** Longest wait for one answer, in milliseconds. */
  readonly answerMs: number
}

/** An object as it is now. */
export interface BucketObject {
  readonly text: string
  /** Another one for other contents. */
  readonly etag: string
  /** Milliseconds since 1970 by the clock of the bucket's server: of its answer, and of the last change. */
  readonly nowMs: number
  readonly changedMs: number
}

/** What an object must be for a write to take place: there with this mark, or not there. */
export type Condition = { readonly etag: string } | "absent"

/** That a bucket gave no answer, or another one than was asked for. */
export class BucketError extends Error {
  /** Undefined where there was no answer. */
  readonly status: number | undefined
  /** As in NoSuchBucket. */
  readonly code: string
  /** Trying again may help: what was to be written may be written by now. */
  readonly mayPass: boolean

  constructor(status: number | undefined, code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = "BucketError"
    this.status = status
    this.code = code
    this.mayPass = status === undefined || status >= 500 || status === 429 || status === 408 || status === 409
  }
}

/** A difference of clocks that is put right, in milliseconds: S3 refuses what was signed more than 15 minutes away. */
const SKEW_MS = 60_000
/** Most bytes of an object that is read, 1 GiB. */
const BYTES_MAX = 2 ** 30

/** Objects of a bucket that speaks S3, with conditions on writes. */
export class Bucket {
  readonly #login: BucketLogin
  /** How far the server's clock is ahead of ours; ours may stand anywhere. */
  #aheadMs = 0

  constructor(login: BucketLogin) {
    this.#login = login
  }

  /** Undefined where there is none. @throws BucketError */
  async get(key: string): Promise<BucketObject | undefined> {
    const answer = await this.#ask("GET", key)
    if (answer.status === 404 && codeIn(answer.text) !== "NoSuchBucket") return undefined
    if (answer.status !== 200) throw refused(answer)
    const changed = Date.parse(answer.headers.get("last-modified") ?? "")
    const nowMs = Date.parse(answer.headers.get("date") ?? "")
    return { text: answer.text, etag: answer.headers.get("etag") ?? "", nowMs, changedMs: changed }
  }

  /** Its new mark; undefined where it is not as it must be. @throws BucketError */
  async put(key: string, text: string, condition?: Condition): Promise<string | undefined> {
    const headers: Record<string, string> = { "content-type": "application/json" }
    if (condition === "absent") headers["if-none-match"] = "*"
    else if (condition !== undefined) headers["if-match"] = condition.etag
    const answer = await this.#ask("PUT", key, { text, headers })
    if (answer.status === 412) return undefined
    if (answer.status === 404 && condition !== undefined && codeIn(answer.text) !== "NoSuchBucket") return undefined
    if (answer.status !== 200) throw refused(answer)
    return answer.headers.get("etag") ?? ""
  }

  /** One that is not there is deleted already. @throws BucketError */
  async delete(key: string): Promise<void> {
    const answer = await this.#ask("DELETE", key)
    if (answer.status !== 204 && answer.status !== 200 && answer.status !== 404) throw refused(answer)
  }

  async #ask(method: string, key: string, body?: Body): Promise<Answer> {
    const answer = await this.#send(method, key, body)
    const server = Date.parse(answer.headers.get("date") ?? "")
    const aheadMs = server - Date.now()
    if (answer.status !== 403 || !(Math.abs(aheadMs - this.#aheadMs) > SKEW_MS)) return answer
    this.#aheadMs = aheadMs
    return this.#send(method, key, body)
  }

  async #send(method: string, key: string, { text, headers = {} }: Body = {}): Promise<Answer> {
    const { AwsV4Signer } = await import("aws4fetch")
    const { url, answerMs, sessionToken, ...login } = this.#login
    const path = key.split("/").map(encodeURIComponent).join("/")
    const hash = createHash("sha256")
      .update(text ?? "")
      .digest("hex")
    const signed = await new AwsV4Signer({
      ...login,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      method,
      url: `${url}/${path}`,
      service: "s3",
      datetime: new Date(Date.now() + this.#aheadMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      headers: { ...headers, "x-amz-content-sha256": hash },
    }).sign()
    try {
      const given = {
        method,
        headers: signed.headers,
        redirect: "manual",
        signal: AbortSignal.timeout(answerMs),
      } as const
      const answer = await fetch(signed.url, text === undefined ? given : { ...given, body: text })
      return { status: answer.status, headers: answer.headers, text: await bounded(answer) }
    } catch (thrown) {
      const late = (thrown as Error).name === "TimeoutError"
      throw new BucketError(undefined, "", late ? `no answer within ${answerMs} ms` : causeText(thrown), thrown)
    }
  }
}

interface Body {
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function bounded(answer: Response): Promise<string> {
  const length = Number(answer.headers.get("content-length") ?? 0)
  if (length > BYTES_MAX) throw new Error(`the answer has ${length} bytes`)
  return answer.text()
}

function codeIn(xml: string): string {
  return /<Code>(\w{1,80})<\/Code>/.exec(xml)?.[1] ?? ""
}

function refused({ status, text, headers }: Answer): BucketError {
  const code = codeIn(text)
  const words = /<Message>([^<]{1,300})/.exec(text)?.[1] ?? ""
  const region = headers.get("x-amz-bucket-region")
  const where = region === null ? "" : ` (the bucket is in ${region.slice(0, 40)})`
  return new BucketError(status, code, `HTTP ${status} ${code}${words === "" ? "" : `: ${words}`}${where}`)
}
