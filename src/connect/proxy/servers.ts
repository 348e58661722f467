import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { z } from "zod"

/** Edges of the histogram of latencies, in milliseconds. */
export const EDGES_MS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000] as const

const entry = z.object({
  name: z.string().regex(/^[A-Za-z0-9_.-]{1,200}$/, "a name is letters, digits and _ . -"),
  address: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  weight: z.number().int().min(0).max(1_000_000),
})

/** A server as it is written down. */
export type ServerEntry = z.output<typeof entry>

export const entries = z.array(entry).max(10_000)

/** One server, while the proxy runs. */
export class Upstream implements ServerEntry {
  readonly name: string
  readonly address: string
  readonly port: number
  weight: number
  /** Whether it took its last connection. */
  isUp = false
  /** How often it took none after it had taken some. */
  falls = 0
  openRequests = 0
  requests = 0
  errors = 0
  /** How many took at most each edge. */
  readonly atMost = EDGES_MS.map(() => 0)
  /** For taking turns: grows by the weight at each turn, and falls by all weights when it is chosen. */
  turn = 0

  constructor({ name, address, port, weight }: ServerEntry) {
    this.name = name
    this.address = address
    this.port = port
    this.weight = weight
  }

  /** It takes no connection now. */
  fall(): void {
    if (this.isUp) this.falls += 1
    this.isUp = false
  }

  /** Counts one request that has ended. @param tookMs infinite where it had no answer */
  count(tookMs: number, isBad: boolean): void {
    this.requests += 1
    if (isBad) this.errors += 1
    for (const [at, edgeMs] of EDGES_MS.entries()) if (tookMs <= edgeMs) this.atMost[at] = (this.atMost[at] ?? 0) + 1
  }
}

/**
 * The servers that a proxy sends requests to, by weight. What is changed is written down before it holds, so that a proxy which is killed and
 * started again sends its requests as before.
 */
export class Servers {
  readonly #all = new Map<string, Upstream>()
  readonly #file: string

  /** @throws where the file holds no servers */
  constructor(file: string) {
    this.#file = file
    if (!existsSync(file)) return
    for (const each of entries.parse(JSON.parse(readFileSync(file, "utf8"))))
      this.#all.set(each.name, new Upstream(each))
  }

  get all(): readonly Upstream[] {
    return [...this.#all.values()]
  }

  /** Makes these weights so, all at once; servers that are not named stay as they are. One that has moved begins anew. */
  set(wanted: readonly ServerEntry[]): void {
    const next = new Map(this.#all)
    for (const each of wanted) {
      const known = next.get(each.name)
      const isSame = known !== undefined && known.address === each.address && known.port === each.port
      next.set(each.name, isSame ? Object.assign(known, { weight: known.weight }) : new Upstream(each))
    }
    this.#write([...next.values()].map((each) => ({ ...entryOf(each), weight: weightIn(wanted, each) })))
    for (const each of next.values()) each.weight = weightIn(wanted, each)
    this.#all.clear()
    for (const [name, each] of next) this.#all.set(name, each)
  }

  remove(names: readonly string[]): void {
    const left = this.all.filter(({ name }) => !names.includes(name))
    this.#write(left.map(entryOf))
    for (const name of names) this.#all.delete(name)
  }

  /**
   * Whose turn it is, smoothly by weight: of 1 and 19 the first gets every twentieth request, not one in a row of twenty. Undefined where
   * nobody takes requests.
   * @param tried names that have refused this request already
   */
  next(tried: ReadonlySet<string>): Upstream | undefined {
    const able = this.all.filter(({ weight, name }) => weight > 0 && !tried.has(name))
    const up = able.filter(({ isUp }) => isUp)
    const among = up.length > 0 ? up : able // a check may be wrong: rather ask one that seems down than nobody
    let chosen: Upstream | undefined
    let sum = 0
    for (const each of among) {
      sum += each.weight
      each.turn += each.weight
      if (chosen === undefined || each.turn > chosen.turn) chosen = each
    }
    if (chosen !== undefined) chosen.turn -= sum
    return chosen
  }

  #write(all: readonly ServerEntry[]): void {
    const file = openSync(`${this.#file}.new`, "w", 0o600)
    try {
      writeSync(file, JSON.stringify(all))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(`${this.#file}.new`, this.#file)
  }
}

function weightIn(wanted: readonly ServerEntry[], { name, weight }: ServerEntry): number {
  return wanted.find((each) => each.name === name)?.weight ?? weight
}

function entryOf({ name, address, port, weight }: ServerEntry): ServerEntry {
  return { name, address, port, weight }
}
