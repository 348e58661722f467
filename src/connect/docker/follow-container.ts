import type { Readable } from "node:stream"
import { FettleError } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import { Demultiplexer, type OutputStream } from "./demultiplexer.ts"
import type { EngineClient } from "./engine-client.ts"
import { EntryReader, type LogEntry } from "./log-entry.ts"
import { LogMark } from "./log-mark.ts"
import type { LogsOptions } from "./logs-options.ts"
import { TerminalLines } from "./terminal-lines.ts"

/** When a container whose log has ended is looked at for the first time, and again: it may be about to start anew. */
const AFTER_END_MS = 100
/** Longest time between two looks at a stopped container, or at an Engine that is away. */
const LOOK_MAX_MS = 2_000

interface Parts extends LogsOptions {
  readonly awayMs: number
  readonly signal: AbortSignal
  /** How far it was read before, to go on from there; it learns how far it is read now. */
  readonly mark?: LogMark
}

type Give = (batch: readonly LogEntry[]) => Promise<void> | undefined

/** A container as far as its log matters. */
interface Watched {
  readonly id: string
  readonly hasTerminal: boolean
  readonly isRunning: boolean
}

/** Reads the log of one container to its end, or follows it for as long as is asked. */
export async function followContainer(client: EngineClient, name: string, parts: Parts, give: Give): Promise<void> {
  const reading = new Reading(client, name, parts, give)
  await reading.run()
}

class Reading {
  readonly #client: EngineClient
  readonly #name: string
  readonly #parts: Parts
  readonly #give: Give
  readonly #mark: LogMark
  readonly #entries: EntryReader
  #batch: LogEntry[] = []
  #awaySinceMs: number | undefined

  constructor(client: EngineClient, name: string, parts: Parts, give: Give) {
    this.#client = client
    this.#name = name
    this.#parts = parts
    this.#give = give
    this.#mark = parts.mark ?? new LogMark()
    this.#entries = new EntryReader(name, this.#mark, (entry) => this.#batch.push(entry))
  }

  async run(): Promise<void> {
    const { follow } = this.#parts
    const first = await inspect(this.#client, this.#name, this.#parts.signal)
    if (first === undefined)
      throw new FettleError("DOCKER_FAILED", `there is no container ${JSON.stringify(this.#name)}`)
    let container: Watched | undefined = first
    while (container !== undefined) {
      await this.#read(container)
      if (follow === undefined) break
      container = await this.#next(first.id)
    }
    this.#entries.end()
    await this.#hand()
  }

  /** Reads one stream to its end. Where it breaks off while following, what is missing comes with the next. */
  async #read(container: Watched): Promise<void> {
    this.#mark.again()
    this.#entries.breakOff()
    try {
      const body = await this.#open(container.id)
      if (body === undefined) return
      this.#awaySinceMs = undefined
      await this.#drain(container, body)
    } catch (thrown) {
      if (this.#parts.follow === undefined) throw thrown
      this.#mayGoOn(thrown)
    }
  }

  /** The stream from where we are; undefined where the container is gone. */
  async #open(id: string): Promise<Readable | undefined> {
    const { streams = ["stdout", "stderr"], since, tail, follow, signal } = this.#parts
    const again = this.#mark.since
    const query = {
      stdout: streams.includes("stdout"),
      stderr: streams.includes("stderr"),
      follow: follow !== undefined,
      timestamps: true,
      since: again ?? (since === undefined ? undefined : String(Date.parse(since) / 1_000)),
      tail: again === undefined ? tail : undefined,
    }
    const call = { query, signal, ...(follow !== undefined && { accept: [404] }) }
    const { status, body } = await this.#client.stream("GET", `/containers/${encodeURIComponent(id)}/logs`, call)
    if (status !== 404) return body
    body.destroy()
    return undefined
  }

  async #drain({ hasTerminal }: Watched, body: Readable): Promise<void> {
    const take = (stream: OutputStream, bytes: Buffer, isLast: boolean): void =>
      this.#entries.take(stream, bytes, isLast)
    const parser = hasTerminal ? new TerminalLines(take) : new Demultiplexer(take)
    try {
      for await (const chunk of body) {
        parser.push(chunk as Buffer)
        await this.#hand()
      }
      parser.end()
    } finally {
      await this.#hand()
    }
  }

  async #hand(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    await this.#give(batch)
    this.#parts.signal.throwIfAborted()
  }

  /** The container when there may be more of its log; undefined where there will not. */
  async #next(id: string): Promise<Watched | undefined> {
    const { follow, signal } = this.#parts
    let lookedAtEnd = false
    for (let pauseMs = AFTER_END_MS; ; pauseMs = Math.min(pauseMs * 1.5, LOOK_MAX_MS)) {
      await sleep(pauseMs, signal)
      const now = await this.#look(id)
      if (now === "absent") return undefined
      if (now !== "away") {
        if (now.isRunning) return now
        if (follow === "running" && lookedAtEnd) return undefined
        lookedAtEnd = true
      }
    }
  }

  async #look(id: string): Promise<Watched | "absent" | "away"> {
    try {
      const now = await inspect(this.#client, id, this.#parts.signal)
      this.#awaySinceMs = undefined
      return now ?? "absent"
    } catch (thrown) {
      this.#mayGoOn(thrown)
      return "away"
    }
  }

  /** @throws `thrown` where it is more than an Engine that is away for a moment */
  #mayGoOn(thrown: unknown): void {
    this.#parts.signal.throwIfAborted()
    const isAway = thrown instanceof FettleError && AWAY_CODES.has(thrown.code) && !isRefusal(thrown)
    if (!isAway) throw thrown
    const now = performance.now()
    this.#awaySinceMs ??= now
    if (now - this.#awaySinceMs > this.#parts.awayMs) throw thrown
  }
}

const AWAY_CODES: ReadonlySet<string> = new Set(["CONNECTION_FAILED", "DOCKER_FAILED", "TIMEOUT"])

/** Whether the Engine itself said no. One that shuts down says so with 500 and 503. */
function isRefusal({ details }: FettleError): boolean {
  const status = details?.status
  return typeof status === "number" && status < 500
}

async function inspect(client: EngineClient, name: string, signal: AbortSignal): Promise<Watched | undefined> {
  const path = `/containers/${encodeURIComponent(name)}/json`
  // An Engine that shuts down goes on answering over a kept connection, after it ended its containers.
  const { status, json } = await client.json("GET", path, { accept: [404], fresh: true, signal })
  if (status === 404) return undefined
  const { Id, Config, State } = (json ?? {}) as {
    readonly Id?: unknown
    readonly Config?: { readonly Tty?: unknown }
    readonly State?: { readonly Running?: unknown; readonly Restarting?: unknown }
  }
  if (typeof Id !== "string" || typeof Config?.Tty !== "boolean")
    throw new FettleError("DOCKER_PROTOCOL", `the Engine tells no id of the container ${JSON.stringify(name)}`)
  return { id: Id, hasTerminal: Config.Tty, isRunning: State?.Running === true || State?.Restarting === true }
}
