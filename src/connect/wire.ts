import { Duplex } from "node:stream"
import { DatabaseError } from "./database-session.ts"

export interface WireOptions {
  /** More than this is not read. */
  readonly bytesMax: number
  /** Whether the first byte, or bytes, are those of the protocol. */
  readonly begins: (first: Buffer) => boolean
  /** What a certificate must name. */
  readonly host: string
}

/**
 * A connection as the clients of databases get it, with a limit on what is read, and an error in place of what a client would throw
 * at nobody when a far side speaks something else.
 */
export class Wire extends Duplex {
  /** Where node:tls finds the name that a certificate must have, when it is an address. */
  readonly _host: string
  readonly #inner: Duplex
  readonly #options: WireOptions
  #read = 0

  constructor(inner: Duplex, options: WireOptions) {
    super({ allowHalfOpen: true })
    this._host = options.host
    this.#inner = inner
    this.#options = options
    inner.on("data", (bytes: Buffer) => this.#take(bytes))
    inner.once("end", () => this.push(null))
    inner.on("error", (error) => this.destroy(error))
    inner.once("close", () => this.destroy())
  }

  #take(bytes: Buffer): void {
    const { bytesMax, begins } = this.#options
    if (this.#read === 0 && !begins(bytes))
      return void this.destroy(new DatabaseError("no", "it speaks another protocol", bytes.toString("latin1", 0, 60)))
    this.#read += bytes.length
    if (this.#read > bytesMax)
      return void this.destroy(
        new DatabaseError("wrong", `the answer is larger than ${bytesMax / 1_048_576} MB: ask for less`),
      )
    if (!this.push(bytes)) this.#inner.pause()
  }

  override _read(): void {
    this.#inner.resume()
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#inner.write(bytes, done)
  }

  override _final(done: () => void): void {
    this.#inner.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner.destroy()
    done(error)
  }

  /** A client that stumbles over an answer throws here, where nobody would catch it. */
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    if (event !== "data") return super.emit(event as "data", ...(given as [unknown]))
    try {
      return super.emit("data", given[0])
    } catch (thrown) {
      this.destroy(thrown as Error)
      return true
    }
  }

  // What a client of PostgreSQL does with a socket: this one is connected already.
  connect(): this {
    process.nextTick(() => this.emit("connect"))
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
