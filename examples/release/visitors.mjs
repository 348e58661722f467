import { Agent, get } from "node:http"

/** Visitors a second. */
const PER_SECOND = 60

/** Asks a URL again and again, as visitors would, and counts what they see. */
export class Visitors {
  #url
  #agent = new Agent({ keepAlive: true, maxSockets: 20 })
  #timer
  #open = new Set()
  #asked = 0
  #failed = 0

  constructor(url) {
    this.#url = url
  }

  begin() {
    this.#timer = setInterval(() => {
      const asking = this.#ask().finally(() => this.#open.delete(asking))
      this.#open.add(asking)
    }, 1000 / PER_SECOND)
  }

  /** What was seen since the last call. */
  take() {
    const taken = { asked: this.#asked, failed: this.#failed }
    this.#asked = 0
    this.#failed = 0
    return taken
  }

  async end() {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    this.#agent.destroy()
    return this.take()
  }

  #ask() {
    return new Promise((resolve) => {
      const seen = (isGood) => {
        this.#asked += 1
        if (!isGood) this.#failed += 1
        resolve()
      }
      const request = get(this.#url, { agent: this.#agent, timeout: 10_000 }, (response) => {
        response.resume()
        response.on("end", () => seen(response.statusCode === 200))
        response.on("error", () => seen(false))
      })
      request.on("timeout", () => request.destroy(new Error("no answer")))
      request.on("error", () => seen(false))
    })
  }
}
