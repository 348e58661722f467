import { request } from "node:http"
import { startTimer } from "../policies/timer.ts"
import type { VersionInstances } from "./servers.ts"

/** How both versions are asked by ourselves, so that there are counts where there is little traffic. */
export interface ProbeSettings {
  readonly path: string
  readonly perMinute: number
  /** What takes longer is bad. */
  readonly timeoutMs: number
}

/** Requests of our own to one version so far. */
export interface Probed {
  readonly requests: number
  readonly bad: number
}

/**
 * Asks the instances of both versions in turn, evenly over time, until it is ended. An answer of 500 and more, none, or none in time, is bad.
 * A request is counted when it has ended.
 */
export class Probing {
  readonly #settings: ProbeSettings
  readonly #sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances }
  readonly #counts = { candidate: { requests: 0, bad: 0 }, baseline: { requests: 0, bad: 0 } }
  #turn = 0
  #stop: (() => void) | undefined

  constructor(
    settings: ProbeSettings,
    sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances },
  ) {
    this.#settings = settings
    this.#sides = sides
  }

  begin(): void {
    if (this.#stop === undefined) this.#next()
  }

  end(): void {
    this.#stop?.()
    this.#stop = () => {}
  }

  /** What has come since the last call. */
  take(): { readonly candidate: Probed; readonly baseline: Probed } {
    const taken = { candidate: { ...this.#counts.candidate }, baseline: { ...this.#counts.baseline } }
    for (const side of Object.values(this.#counts)) Object.assign(side, { requests: 0, bad: 0 })
    return taken
  }

  #next(): void {
    for (const side of ["candidate", "baseline"] as const) void this.#ask(side)
    this.#turn += 1
    this.#stop = startTimer(60_000 / this.#settings.perMinute, () => this.#next())
  }

  async #ask(side: "candidate" | "baseline"): Promise<void> {
    const { instances } = this.#sides[side]
    const instance = instances[this.#turn % instances.length]
    if (instance === undefined) return
    const isGood = await answers(instance.address, instance.port, this.#settings)
    this.#counts[side].requests += 1
    if (!isGood) this.#counts[side].bad += 1
  }
}

function answers(host: string, port: number, { path, timeoutMs }: ProbeSettings): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ host, port, path, agent: false, timeout: timeoutMs }, (response) => {
      response.resume()
      response.on("end", () => resolve((response.statusCode ?? 500) < 500))
      response.on("close", () => resolve(false))
    })
    asking.on("timeout", () => asking.destroy())
    asking.on("error", () => resolve(false))
    asking.end()
  })
}
