import { randomBytes } from "node:crypto"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Carried, Carrier } from "./carrier.ts"
import { type Frame, FrameReader, type HostRecord } from "./frames.ts"
import { identityOf } from "./identity.ts"
import { bootArgv, opening } from "./shell.ts"

/** Exit codes above this say that a signal ended a process. */
const KILLED = 128
/** Most records, and most bytes in them, that one request may have: each is held until all are there. */
const RECORDS_MAX = 500_000
const RECORDS_BYTES_MAX = 256 * 1_048_576
/** How often it is told that a session waits for an earlier one. */
const NOTE_EACH_MS = 60_000
/** Bytes kept of what the session itself says on standard error; it is silent when all is well. */
const STDERR_MAX = 4_096

/** What a host says of itself when a session opens. */
export interface HostFacts {
  readonly uid: number
  /** The session's own folder; made at its first change. */
  readonly folder: string
  readonly machineId: string | undefined
  readonly bootId: string | undefined
  readonly hostname: string
  /** Which notes of scripts the host holds, see notes-shell.ts; undefined where it has noted none yet. */
  readonly ledger: string | undefined
  /** Tools and abilities that were found: "tar", "mv-t", "sync-files" … */
  readonly has: ReadonlySet<string>
}

/** One request: a script, and what it finds on standard input. */
export interface HostRequest {
  readonly script: string
  readonly payload?: { readonly length: number; readonly chunks: AsyncIterable<Uint8Array> } | undefined
  /** True where it may change the host: its session then has a folder, and others can see that it is at work. */
  readonly writes: boolean
  /** Longest silence, in milliseconds, before the session is killed. */
  readonly silenceMs: number
  readonly signal: AbortSignal
  /** The first byte is about to be sent: from here on the host may do it. */
  onSent?(): void
  onRecord(record: HostRecord): void
}

export interface OpenOptions {
  readonly signal: AbortSignal
  /** Longest silence before the session begins: while the host tells that it waits for an earlier one, it is not silent. */
  readonly timeoutMs: number
  log(text: string): void
}

interface Pending {
  readonly onRecord: (record: HostRecord) => void
  readonly resolve: (exitCode: number) => void
  readonly reject: (error: FettleError) => void
  readonly alive: () => void
  readonly seq: number
  records: number
  bytes: number
}

/**
 * A session with one shell on a host. It serves one request after the other; whoever wants more at once opens more.
 * @throws FettleError `CONNECTION_FAILED` where no session begins, `HOST_PROTOCOL` where the host does not follow the grammar
 */
export class Channel {
  readonly facts: HostFacts
  readonly #carried: Carried
  readonly #nonce: string
  readonly #frames: FrameReader
  readonly #complaints: Complaints
  readonly #target: string
  readonly #log: (text: string) => void
  #seq = 0
  #pending: Pending | undefined
  #failed: FettleError | undefined
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(parts: {
    facts: HostFacts
    carried: Carried
    nonce: string
    frames: FrameReader
    complaints: Complaints
    target: string
    log: (text: string) => void
  }) {
    this.facts = parts.facts
    this.#carried = parts.carried
    this.#nonce = parts.nonce
    this.#frames = parts.frames
    this.#complaints = parts.complaints
    this.#target = parts.target
    this.#log = parts.log
    parts.carried.stdout.removeAllListeners("data")
    parts.carried.stdout.on("data", (bytes: Buffer) => this.#receive(bytes))
    void parts.carried.ended.then((how) =>
      this.#fail(
        new FettleError("CONNECTION_FAILED", `the shell on ${this.#target} ended (${how})${this.#complaints}`),
      ),
    )
  }

  static async open(carrier: Carrier, options: OpenOptions): Promise<Channel> {
    const nonce = randomBytes(16).toString("hex")
    const carried = await carrier.start(bootArgv(carrier.shell), options.signal)
    const frames = new FrameReader(nonce)
    const complaints = new Complaints(carried.stderr)
    for (const stream of [carried.stdin, carried.stdout, carried.stderr]) stream.on("error", () => {}) // the end of the child tells more
    const body = opening(carrier.shell, carrier.strict, carrier.patienceS)
    void carried.ready.then(() =>
      carried.stdin.write(`FETTLE1 ${nonce} ${carrier.scope} ${Buffer.byteLength(body)}\n${body}`),
    )
    try {
      const facts = factsOf(await greeting(carried, frames, complaints, carrier.target, options))
      return new Channel({ facts, carried, nonce, frames, complaints, target: carrier.target, log: options.log })
    } catch (thrown) {
      carried.kill("SIGKILL")
      throw thrown
    }
  }

  /** Who the host is, by what proves it best. */
  get identity(): string {
    return this.#carried.identity?.() ?? identityOf({ ...this.facts, hostKey: this.#carried.hostKey?.() })
  }

  /** What the shell itself has said on standard error, as the end of a sentence; empty when all is well. */
  get complaint(): string {
    return String(this.#complaints)
  }

  /** False once the session has ended, however. */
  get usable(): boolean {
    return this.#failed === undefined
  }

  /**
   * Sends a request and resolves to its exit code when it has ended.
   * @throws FettleError `TIMEOUT`, `CANCELLED`, `HOST_PROTOCOL`, `CONNECTION_FAILED`; each of them ends the session
   */
  request(request: HostRequest): Promise<number> {
    const answer = this.#queue.then(() => this.#exchange(request))
    this.#queue = answer.catch(() => {})
    return answer
  }

  /**
   * Ends the session: what it had made for itself is gone when this resolves.
   * @param closed everything that it noted on the host is closed in the journal: the host may forget it
   */
  async close(closed = false): Promise<void> {
    await this.#queue
    if (closed && this.#failed === undefined) this.#carried.stdin.write(`${this.#nonce} bye\n`)
    this.#failed ??= new FettleError("CONNECTION_FAILED", "the session was closed")
    this.#carried.stdin.end()
    await this.#end()
  }

  async #exchange(request: HostRequest): Promise<number> {
    if (this.#failed !== undefined) throw this.#failed
    if (request.signal.aborted) throw cancelled(request.signal, this.#target)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const seq = ++this.#seq
    this.#complaints.forget()
    let timer: NodeJS.Timeout | undefined
    const alive = (): void => {
      clearTimeout(timer)
      timer = setTimeout(() => this.#kill(silent(request.silenceMs, this.#target)), request.silenceMs)
    }
    const abort = (): void => this.#kill(cancelled(request.signal, this.#target))
    request.signal.addEventListener("abort", abort, { once: true })
    this.#pending = { onRecord: request.onRecord, resolve, reject, alive, seq, records: 0, bytes: 0 }
    alive()
    request.onSent?.()
    try {
      void this.#send(request, seq, alive).catch((thrown) => this.#kill(asFettleError(thrown, "CONNECTION_FAILED")))
      return await promise
    } catch (thrown) {
      await this.#end()
      this.#carried.kill("SIGKILL") // what a killed shell was running would go on, and nobody would wait for it
      throw thrown
    } finally {
      clearTimeout(timer)
      request.signal.removeEventListener("abort", abort)
      this.#pending = undefined
    }
  }

  async #send({ script, payload, writes }: HostRequest, seq: number, alive: () => void): Promise<void> {
    const body = `${script}\n:` // a last line that is no newline: command substitution in the shell would drop that
    const { stdin } = this.#carried
    stdin.write(`${this.#nonce} ${seq} ${Buffer.byteLength(body)} ${payload?.length ?? 0} ${writes ? 1 : 0}\n${body}`)
    if (payload === undefined) return
    let left = payload.length
    for await (const chunk of payload.chunks) {
      left -= chunk.length
      if (left < 0) throw new FettleError("INTERNAL", "a payload is longer than announced")
      if (stdin.destroyed || this.#failed !== undefined) return
      if (!stdin.write(chunk)) await drained(stdin)
      alive()
    }
    if (left > 0) throw new FettleError("INTERNAL", `a payload is ${left} bytes shorter than announced`)
  }

  #receive(bytes: Buffer): void {
    if (this.#failed !== undefined) return
    try {
      for (const frame of this.#frames.push(bytes)) this.#handle(frame)
    } catch (thrown) {
      this.#kill(asFettleError(thrown, "HOST_PROTOCOL"))
    }
  }

  #handle(frame: Frame): void {
    const pending = this.#pending
    const seq = "line" in frame ? -1 : "end" in frame ? frame.end.seq : frame.seq
    if (pending === undefined || seq !== pending.seq)
      throw new FettleError("HOST_PROTOCOL", `${this.#target} answered what was not asked`)
    pending.alive()
    if ("end" in frame && frame.end.exitCode > KILLED) this.#kill(this.#halfDead(frame.end.exitCode))
    else if ("end" in frame) pending.resolve(frame.end.exitCode)
    else if ("record" in frame && frame.record.kind === "i")
      this.#log(`waiting for ${this.#target}: the shell ${frame.record.item} of another run works there`)
    else if ("record" in frame) {
      pending.records += 1
      pending.bytes += frame.record.out.length + frame.record.err.length
      if (pending.records > RECORDS_MAX || pending.bytes > RECORDS_BYTES_MAX)
        throw new FettleError("HOST_PROTOCOL", `${this.#target} does not stop answering`)
      pending.onRecord(frame.record)
    }
  }

  /** A part of it was killed from outside; another part may still be at work, and must not stay so. */
  #halfDead(exitCode: number): FettleError {
    return new FettleError(
      "CONNECTION_FAILED",
      `the shell on ${this.#target} lost a part of itself (exit code ${exitCode})${this.#complaints}`,
    )
  }

  /** Ends everything the session runs; what was under way fails with `error`. */
  #kill(error: FettleError): void {
    this.#fail(error)
    this.#carried.kill("SIGTERM", this.facts.folder)
  }

  #fail(error: FettleError): void {
    this.#failed ??= error
    this.#pending?.reject(this.#failed)
  }

  async #end(): Promise<void> {
    const timer = setTimeout(() => this.#carried.kill("SIGKILL"), this.#carried.graceMs)
    await this.#carried.ended
    clearTimeout(timer)
    this.#carried.stdout.destroy()
    this.#carried.stderr.destroy()
  }
}

/** Waits for the line that begins the session. */
async function greeting(
  carried: Carried,
  frames: FrameReader,
  complaints: Complaints,
  target: string,
  options: OpenOptions,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (fact: string): void => reject(new FettleError("CONNECTION_FAILED", fact))
  let [waiting, noteAt] = ["", 0]
  const timer = setTimeout(
    () => fail(`${target} did not begin a session within ${options.timeoutMs / 1000} s${waiting}${complaints}`),
    options.timeoutMs,
  )
  const abort = (): void => reject(cancelled(options.signal, target))
  options.signal.addEventListener("abort", abort, { once: true })
  if (options.signal.aborted) abort()
  void carried.ended.then((how) =>
    setImmediate(async () => {
      const told = await carried.failure?.(how, complaints.text).catch((thrown) => asFettleError(thrown, "INTERNAL"))
      if (told !== undefined) reject(told)
      else fail(`the shell on ${target} ended before the session began (${how})${complaints}${noise(frames)}`)
    }),
  )
  carried.stdout.on("data", (bytes: Buffer) => {
    try {
      for (const frame of frames.push(bytes)) {
        if (!("line" in frame)) throw new FettleError("HOST_PROTOCOL", `${target} answered what was not asked`)
        if (frame.line.startsWith("RDY1")) resolve(frame.line)
        else if (frame.line.startsWith("ERR1"))
          reject(new FettleError("HOST_TOOLS", `${target} lacks ${frame.line.split(" ").slice(2).join(" ")}`))
        else {
          timer.refresh() // a host that says what it waits for is not silent
          waiting = `: the shell ${frame.line.split(" ")[2]} of an earlier run still works there`
          if (Date.now() < noteAt) continue
          noteAt = Date.now() + NOTE_EACH_MS
          options.log(`waiting for ${target}${waiting}`)
        }
      }
    } catch (thrown) {
      reject(thrown)
    }
  })
  return promise.finally(() => {
    clearTimeout(timer)
    options.signal.removeEventListener("abort", abort)
  })
}

/** A login that runs no shell often says why on its standard output. */
function noise({ said }: FrameReader): string {
  return said === "" ? "" : `: it printed ${JSON.stringify(said)}`
}

/** `RDY1 nonce uid pid folder machine-id boot-id hostname ledger tools`; each of them goes into state, scripts or messages. */
const GREETING =
  /^RDY1 \w+ (\d{1,10}) \d{1,10} ([/-]\S{1,400}) ([\w-]{1,64}) ([\w-]{1,64}) ([\w.-]{1,255}) ([\w-]{1,64}) ([\w,-]{0,500})$/

function factsOf(line: string): HostFacts {
  const [, uid, folder = "", machineId, bootId, hostname = "", ledger, has = ""] = GREETING.exec(line) ?? []
  if (uid === undefined)
    throw new FettleError("HOST_PROTOCOL", `the host began a session with ${JSON.stringify(line.slice(0, 300))}`)
  const known = (text: string | undefined): string | undefined => (text === "-" ? undefined : text)
  return {
    uid: Number(uid),
    folder,
    machineId: known(machineId),
    bootId: known(bootId),
    hostname,
    ledger: known(ledger),
    has: new Set(has.split(",")),
  }
}

/** The first bytes of what a shell says on standard error, as the end of a sentence. */
class Complaints {
  #text = ""

  constructor(stderr: Carried["stderr"]) {
    stderr.setEncoding("utf8")
    stderr.on("data", (chunk: string) => {
      if (this.#text.length < STDERR_MAX) this.#text = (this.#text + chunk).slice(0, STDERR_MAX)
    })
  }

  get text(): string {
    return this.#text
  }

  forget(): void {
    this.#text = ""
  }

  toString(): string {
    const text = this.#text.trim()
    return text === "" ? "" : `: ${text}`
  }
}

function drained(stream: Carried["stdin"]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const name of ["drain", "close", "error"]) stream.off(name, done)
      resolve()
    }
    for (const name of ["drain", "close", "error"]) stream.once(name, done)
  })
}

function silent(silenceMs: number, target: string): FettleError {
  return new FettleError("TIMEOUT", `${target} said nothing for ${silenceMs} ms; the shell and all it ran were ended`)
}

function cancelled(signal: AbortSignal, target: string): FettleError {
  return signal.reason instanceof FettleError
    ? signal.reason
    : new FettleError("CANCELLED", `the call on ${target} was cancelled`)
}
