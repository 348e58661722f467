import { writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"
import { ServerProcess } from "./server-process.ts"

/** A busy machine may take so long to start it, to scrape and to store. */
const WAIT_MS = 60_000

/** Whether a Prometheus can be started here. */
export function canStartPrometheus(): boolean {
  return need("prometheus", { install: "apt-get install prometheus" })
}

export interface PrometheusOptions {
  /** Addresses to scrape beside the exporter, by job. */
  readonly jobs?: Readonly<Record<string, readonly string[]>>
  /** More arguments, and files of its folder, as for its web config. */
  readonly args?: (at: (name: string) => string) => readonly string[]
  readonly prepare?: (at: (name: string) => string) => void
  /** How it is asked whether it is up; default: without credentials. */
  readonly headers?: Readonly<Record<string, string>>
  readonly scheme?: "http" | "https"
}

/** A real Prometheus that scrapes, every second, what a test exports. */
export class PrometheusWorld {
  readonly port: number
  /** What the exporter gives out: lines of the text format. */
  metrics = ""
  /** False: a scrape of the exporter fails, as where its process has died. */
  answers = true
  readonly #server: ServerProcess
  readonly #exporter: Server
  readonly #options: PrometheusOptions

  private constructor(port: number, exporter: Server, options: PrometheusOptions) {
    this.port = port
    this.#exporter = exporter
    this.#options = options
    this.#server = new ServerProcess("prometheus")
  }

  static async start(options: PrometheusOptions = {}): Promise<PrometheusWorld> {
    const exporter = createServer((_request, response) => {
      if (world.answers) response.setHeader("content-type", "text/plain; version=0.0.4").end(`${world.metrics}\n`)
      else response.destroy()
    })
    await new Promise<void>((ready) => exporter.listen(0, "127.0.0.1", ready))
    const world = new PrometheusWorld(await freePort(), exporter, options)
    writeFileSync(world.#at("prometheus.yml"), world.#config())
    options.prepare?.((name) => world.#at(name))
    world.#server.own()
    await world.up()
    return world
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async up(): Promise<void> {
    const { args = () => [], scheme = "http" } = this.#options
    const words = [
      "prometheus",
      `--config.file=${this.#at("prometheus.yml")}`,
      `--storage.tsdb.path=${this.#at("stored")}`,
      `--web.listen-address=127.0.0.1:${this.port}`,
      ...args((name) => this.#at(name)),
    ]
    await this.#server.start(words, async () => {
      if (scheme === "https") return
      const { status } = await fetch(`${this.url}/-/ready`, this.#asked())
      if (status !== 200) throw new Error(`not ready: ${status}`)
    })
  }

  /** The values of a query, as it tells them now. */
  async values(query: string): Promise<readonly string[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query })}`, this.#asked())
    const { data } = (await response.json()) as { data: { result: readonly { value: [number, string] }[] } }
    return data.result.map(({ value }) => value[1])
  }

  /** Waits until a query gives these values. */
  async until(query: string, values: readonly string[]): Promise<void> {
    for (const untilMs = performance.now() + WAIT_MS; ; await sleep(100)) {
      const found = [...(await this.values(query))].sort()
      if (JSON.stringify(found) === JSON.stringify([...values].sort())) return
      if (performance.now() > untilMs) throw new Error(`${query} is ${JSON.stringify(found)}`)
    }
  }

  async stop(): Promise<void> {
    this.#exporter.closeAllConnections()
    this.#exporter.close()
    await this.#server.stop()
  }

  #at(name: string): string {
    return this.#server.at(name)
  }

  #asked(): RequestInit {
    return this.#options.headers === undefined ? {} : { headers: { ...this.#options.headers } }
  }

  #config(): string {
    const own = `127.0.0.1:${(this.#exporter.address() as AddressInfo).port}`
    const jobs = Object.entries({ test: [own], ...this.#options.jobs })
    const lines = jobs.map(
      ([job, targets]) => `  - {job_name: ${job}, static_configs: [{targets: ${JSON.stringify(targets)}}]}`,
    )
    return `global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n${lines.join("\n")}\n`
  }
}
