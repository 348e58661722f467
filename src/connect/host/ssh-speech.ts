import { PassThrough, type Readable } from "node:stream"

/** Longest line of ssh that is looked at; what is longer comes from somebody else. */
const LINE_MAX = 4_096
/** What ssh adds at this level without saying so. */
const CHATTER = /^(?:debug[12]: |Authenticated to |Transferred: sent |Bytes per second: sent )/

/** What ssh itself told of the way it took. */
export interface SshWay {
  /** "ssh-ed25519 SHA256:…": missing where it went over a connection that was there already. */
  readonly hostKey?: string
  readonly keyExchange?: string
  /** The network was there and the far side began to speak. */
  readonly reached: boolean
  readonly authenticated: boolean
}

/**
 * Standard error of ssh, where four speak: ssh itself, programs it connects through, sudo, and the far side. Takes the facts out of
 * ssh's own lines, up to the login and each only once, so that nobody after ssh can add to them; what people should see stays.
 */
export class SshSpeech {
  /** What is left when ssh's own chatter is taken out. */
  readonly rest = new PassThrough()
  #way: SshWay = { reached: false, authenticated: false }
  #line = ""
  readonly #waiting = new Map<RegExp, () => void>()

  constructor(stderr: Readable, onText?: (unfinished: string) => boolean) {
    stderr.setEncoding("utf8")
    stderr.on("data", (text: string) => {
      this.#line += text
      for (let at = this.#line.indexOf("\n"); at >= 0; at = this.#line.indexOf("\n")) {
        this.#take(this.#line.slice(0, at + 1))
        this.#line = this.#line.slice(at + 1)
      }
      if (onText?.(this.#line) === true) this.#line = ""
      if (this.#line.length > LINE_MAX) this.#flush()
    })
    stderr.once("end", () => {
      this.#flush()
      this.rest.end()
    })
    stderr.once("close", () => this.rest.end())
  }

  get way(): SshWay {
    return this.#way
  }

  /** Resolves at the first line that is like this: never, where there comes none. */
  hears(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(pattern, resolve))
  }

  #flush(): void {
    if (this.#line !== "") this.rest.write(this.#line)
    this.#line = ""
  }

  #take(line: string): void {
    if (!this.#way.authenticated) this.#learn(line)
    for (const [pattern, heard] of this.#waiting) if (pattern.test(line)) heard()
    if (!CHATTER.test(line)) this.rest.write(line.replace("\r\n", "\n"))
  }

  #learn(line: string): void {
    const { hostKey, keyExchange } = this.#way
    const key = /^debug1: Server host (?:key|certificate): (\S{1,64}) (SHA256:[A-Za-z0-9+/=]{43,44})(?:,.*)?\s*$/.exec(
      line,
    )
    if (key !== null && hostKey === undefined)
      this.#way = { ...this.#way, hostKey: `${key[1]?.replace(/-cert-v\d\d@openssh\.com$/, "")} ${key[2]}` }
    const exchange = /^debug1: kex: algorithm: (\S{1,64})\s*$/.exec(line)
    if (exchange?.[1] !== undefined && keyExchange === undefined) this.#way = { ...this.#way, keyExchange: exchange[1] }
    if (line.startsWith("debug1: Remote protocol version ")) this.#way = { ...this.#way, reached: true }
    // The second is all that is said where a connection was there already, and is shared.
    if (/^(?:Authenticated to |debug1: mux_client_request_session: master session id)/.test(line))
      this.#way = { ...this.#way, reached: true, authenticated: true }
  }
}
