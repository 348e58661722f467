import { Agent, get } from "node:http"

/** One question each 20 ms: 50 a second. */
const EVERY_MS = 20
const LATE_MS = 10_000

export interface Probed {
  readonly asked: number
  /** What went wrong, each with when. */
  readonly failed: readonly string[]
  /** How often each answer came. */
  readonly answers: Readonly<Record<string, number>>
}

/** Asks a URL 50 times a second, on new connections and on kept ones by turns, until `end`. An answer other than 200 is a failure. */
export class Prober {
  readonly #url: string
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 8 })
  readonly #timer: NodeJS.Timeout
  readonly #pending = new Set<Promise<void>>()
  #asked = 0
  #failed: string[] = []
  #answers: Record<string, number> = {}
  /** The last answer. */
  last = ""

  constructor(url: string) {
    this.#url = url
    this.#timer = setInterval(() => {
      const asking = this.#ask(this.#asked++ % 2 === 0).finally(() => this.#pending.delete(asking))
      this.#pending.add(asking)
    }, EVERY_MS)
  }

  /** What came since the last call. */
  async take(): Promise<Probed> {
    await Promise.all(this.#pending)
    const taken = { asked: this.#asked, failed: this.#failed, answers: this.#answers }
    this.#asked = 0
    this.#failed = []
    this.#answers = {}
    return taken
  }

  async end(): Promise<Probed> {
    clearInterval(this.#timer)
    const taken = await this.take()
    this.#kept.destroy()
    return taken
  }

  #ask(isKept: boolean): Promise<void> {
    return new Promise((resolve) => {
      const fail = (what: string): void => {
        this.#failed.push(`${new Date().toISOString()} ${what}`)
        resolve()
      }
      const request = get(this.#url, { agent: isKept ? this.#kept : false, timeout: LATE_MS }, (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
        })
        response.on("error", (error) => fail(error.message))
        response.on("end", () => {
          this.last = text.trim()
          if (response.statusCode !== 200) return fail(`${response.statusCode} ${text.slice(0, 100)}`)
          this.#answers[this.last] = (this.#answers[this.last] ?? 0) + 1
          resolve()
        })
      })
      request.on("timeout", () => request.destroy(new Error(`no answer within ${LATE_MS} ms`)))
      request.on("error", (error) => fail(error.message))
    })
  }
}
