import { fileURLToPath } from "node:url"
import build, { type ReleaseNodesOptions } from "../fixtures/crash/release-nodes.ts"
import { freePort } from "../support/free-port.ts"
import { runsIn, testFolder } from "../support/runs.ts"
import { HaproxyWorld } from "./haproxy-world.ts"
import { Prober } from "./prober.ts"

/** The program that releases a small service; its default export builds it. */
export const RELEASE_MODULE = fileURLToPath(new URL("../fixtures/crash/release-nodes.ts", import.meta.url))

/** A HAProxy of its own, and a place for the versions of a service behind it. */
export class ReleaseWorld {
  readonly proxy: HaproxyWorld
  readonly folder: string
  readonly #port: number
  #prober: Prober | undefined

  private constructor(proxy: HaproxyWorld, folder: string, port: number) {
    this.proxy = proxy
    this.folder = folder
    this.#port = port
  }

  static async start(): Promise<ReleaseWorld> {
    return new ReleaseWorld(await HaproxyWorld.start(), testFolder(), await freePort(9)) // one for each copy in each slot
  }

  async end(): Promise<void> {
    await this.#prober?.end()
    await runsIn(this.folder).apply(build(this.optionsOf("0")), { destroy: true })
    await this.proxy.remove()
  }

  optionsOf(version: string, more: Partial<ReleaseNodesOptions> = {}): ReleaseNodesOptions {
    return { proxy: this.proxy.address, folder: this.folder, port: this.#port, version, ...more }
  }

  /** Begins to ask 50 times a second. */
  probe(): Prober {
    this.#prober = new Prober(this.proxy.url)
    return this.#prober
  }

  /** Which versions answer now. */
  async answersNow(): Promise<readonly string[]> {
    const answers = new Set<string>()
    for (let at = 0; at < 12; at += 1) answers.add(await (await fetch(this.proxy.url)).text())
    return [...answers].sort()
  }

  /** The weight of each server that HAProxy has. */
  async weights(): Promise<Record<string, number>> {
    const lines = (await this.proxy.servers()).map((line) => line.split(" "))
    return Object.fromEntries(lines.map(([name, , weight]) => [name, Number(weight)]))
  }
}
