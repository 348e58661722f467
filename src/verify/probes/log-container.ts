import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { followContainer } from "../../connect/docker/follow-container.ts"
import type { LogEntry } from "../../connect/docker/log-entry.ts"
import { LogMark } from "../../connect/docker/log-mark.ts"
import { causeText } from "../../errors.ts"
import { type Answer, inconclusive, type Question } from "../answer.ts"
import { cpu } from "../cpu.ts"
import type { LogPlace, Looked, Since, Sought } from "./log-place.ts"
import type { scanText } from "./log-scan.ts"

/** Characters that are looked at as one text. */
const STEP_CHARACTERS = 256 << 10
/** Longest line that is looked at, in characters. */
const LONGEST_LINE = 1 << 20

const WORK = import.meta.url.endsWith(".ts") ? "./log-scan.ts" : "./log-scan.js"

/** How far the log of a container was read. */
interface Reading {
  readonly id: string
  readonly mark: LogMark
  /** Of each output: the beginning of a line that was not ended yet. */
  readonly begun: Record<LogEntry["stream"], string>
}

/** What a container writes, as its Engine gives it: read as a stream, in constant memory. */
export function containerLog(container: string, sought: Sought, question: Question): LogPlace | Answer {
  const { where } = question
  if (where.type !== "docker") return { ...inconclusive("the log of a container needs its Engine"), lasting: true }
  const name = `${container} on ${where.name}`
  return {
    name,
    look: async (since) => {
      try {
        return await look(where.engine, container, since, sought, question)
      } catch (error) {
        if (question.signal.aborted) throw error
        return inconclusive(`the log of ${name} cannot be read: ${question.hide(causeText(error))}`)
      }
    },
    mark: async () => {
      try {
        const { json } = await where.engine.json("GET", "/info", { signal: question.signal })
        const time = Object(json).SystemTime
        return typeof time === "string" ? { time } : inconclusive(`the Engine of ${name} tells no time`)
      } catch (error) {
        return inconclusive(`the Engine of ${name} tells no time: ${question.hide(causeText(error))}`)
      }
    },
  }
}

async function look(
  engine: EngineClient,
  container: string,
  since: Since,
  sought: Sought,
  { memory, signal }: Question,
): Promise<Looked | Answer> {
  const path = `/containers/${encodeURIComponent(container)}/json`
  const { status, json } = await engine.json("GET", path, { accept: [404], fresh: true, signal })
  const id = Object(json).Id
  if (status === 404 || typeof id !== "string") return inconclusive(`there is no container ${container}`)
  const known = memory.get("reading") as Reading | undefined
  const reading = known?.id === id ? known : { id, mark: new LogMark(), begun: { stdout: "", stderr: "" } }
  memory.set("reading", reading)
  const lines = new Lines(sought, reading.begun, signal)
  const isTime = typeof since === "object" && "time" in since
  const parts = { mark: reading.mark, awayMs: 0, signal, ...(isTime ? { since: since.time } : {}) }
  await followContainer(engine, id, parts, (batch) => lines.take(batch))
  return { ...(await lines.end()), lost: known !== undefined && known.id !== id, next: since, again: false }
}

/** Lines of two outputs, counted on a worker thread while more of them come. */
class Lines {
  readonly #sought: Sought
  readonly #begun: Reading["begun"]
  readonly #scan: (range: Parameters<typeof scanText>[0]) => Promise<ReturnType<typeof scanText>>
  #text: string[] = []
  #characters = 0
  #under: Promise<void> = Promise.resolve()
  #count = 0
  #first: string | undefined
  #cut = false
  #bytes = 0

  constructor(sought: Sought, begun: Reading["begun"], signal: AbortSignal) {
    this.#sought = sought
    this.#begun = begun
    this.#scan = cpu<typeof scanText>(new URL(WORK, import.meta.url), "scanText", { signal })
  }

  /** Waits where more comes than is counted. */
  async take(batch: readonly LogEntry[]): Promise<void> {
    for (const { stream, text, more } of batch) {
      const line = this.#begun[stream] + text
      this.#bytes += Buffer.byteLength(text) + (more ? 0 : 1)
      this.#cut ||= line.length > LONGEST_LINE
      this.#begun[stream] = more ? line.slice(0, LONGEST_LINE) : ""
      if (!more) this.#add(line)
    }
    if (this.#characters >= STEP_CHARACTERS) await this.#hand()
  }

  #add(line: string): void {
    this.#text.push(line.slice(0, LONGEST_LINE).replaceAll("\n", " "), "\n")
    this.#characters += line.length + 1
  }

  async #hand(): Promise<void> {
    await this.#under
    const text = this.#text.join("")
    this.#text = []
    this.#characters = 0
    this.#under = this.#search(text)
    this.#under.catch(() => {}) // told where it is waited for
  }

  async #search(text: string): Promise<void> {
    if (text === "") return
    const { regex, flags } = this.#sought
    const { count, first } = await this.#scan({ text, regex, flags })
    this.#count += count
    this.#first ??= first
  }

  /** Waits for all of it. What is not ended yet is looked at, and again when it is. */
  async end(): Promise<Pick<Looked, "count" | "first" | "restMatches" | "doubt" | "scannedBytes">> {
    await this.#hand()
    await this.#under
    const { regex, flags, words } = this.#sought
    const rest = Object.values(this.#begun).filter((each) => each !== "")
    const begun = rest.length === 0 ? undefined : await this.#scan({ text: `${rest.join("\n")}\n`, regex, flags })
    return {
      count: this.#count,
      first: this.#first ?? begun?.first,
      restMatches: (begun?.count ?? 0) > 0,
      scannedBytes: this.#bytes,
      doubt: this.#cut ? `a line is above 1 MiB, and ${words} may match more of it than is looked at` : undefined,
    }
  }
}
