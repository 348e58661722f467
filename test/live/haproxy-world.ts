import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { type AddressInfo, createConnection } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"

const START_MS = 20_000
const started = new Set<HaproxyWorld>()

/** Whether a HAProxy can be started here. */
export function canStartHaproxy(): boolean {
  return need("haproxy", { install: "apt-get install haproxy" })
}

export async function stopHaproxies(): Promise<void> {
  await Promise.all([...started].map((each) => each.remove()))
}

/** A HAProxy of its own, with a backend `web` that has no servers, on loopback and a socket in its own folder. */
export class HaproxyWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "fettle-haproxy-"))
  readonly port: number
  #child: ChildProcess | undefined
  readonly #servers: Server[] = []

  private constructor(port: number) {
    this.port = port
  }

  /** @param more lines for the end of the config file, and one for its global section */
  static async start(more = "", global = ""): Promise<HaproxyWorld> {
    const world = new HaproxyWorld(await freePort())
    started.add(world)
    writeFileSync(world.at("haproxy.cfg"), configOf(world, more, global))
    await world.up()
    return world
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  /** What HAProxy said: servers that its checks took down, too. */
  get log(): string {
    return readFileSync(this.at("log"), "utf8")
  }

  get address(): string {
    return `unix://${this.at("admin.sock")}`
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`
  }

  /** Starts it, again where it was stopped: what was changed at run time is lost. */
  async up(): Promise<void> {
    const log = openSync(this.at("log"), "a")
    this.#child = spawn("haproxy", ["-db", "-f", this.at("haproxy.cfg")], { stdio: ["ignore", log, log] })
    closeSync(log)
    const until = performance.now() + START_MS
    while ((await this.ask("show info").catch(() => "")) === "") {
      if (this.#child.exitCode !== null || performance.now() > until)
        throw new Error(`haproxy: ${this.log.slice(-2_000)}`)
      await sleep(30)
    }
  }

  async down(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
    rmSync(this.at("admin.sock"), { force: true })
  }

  /** One command of the runtime API, asked without Fettle. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.at("admin.sock"))
      let text = ""
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      })
      socket.on("end", () => resolve(text.trim())).on("error", reject)
      socket.write(`${command}\n`)
    })
  }

  /** The servers of a backend as "name address:port weight admin-state". */
  async servers(backend = "web"): Promise<readonly string[]> {
    const lines = (await this.ask(`show servers state ${backend}`)).split("\n").slice(2).filter(Boolean)
    return lines.map((line) => {
      const cells = line.split(" ")
      return `${cells[3]} ${cells[4]}:${cells[18]} ${cells[7]} ${cells[6]}`
    })
  }

  /** A small service that answers with its own name. */
  async service(
    name: string,
    answer: (path: string) => { readonly status?: number; readonly waitMs?: number } = () => ({}),
  ): Promise<number> {
    const server = createServer(async (request, response) => {
      const { status = 200, waitMs = 0 } = answer(request.url ?? "")
      if (waitMs > 0) await sleep(waitMs)
      response.writeHead(status).end(name)
    })
    this.#servers.push(server)
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    return (server.address() as AddressInfo).port
  }

  async remove(): Promise<void> {
    started.delete(this)
    await this.down()
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function configOf(world: HaproxyWorld, more: string, global: string): string {
  return `global
  stats socket ${world.at("admin.sock")} mode 600 level admin
  stats socket ${world.at("user.sock")} mode 600 level user
  maxconn 500
  ${global}
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout queue 5s
  timeout check 5s
frontend front
  bind 127.0.0.1:${world.port}
  default_backend web
backend web
  balance roundrobin
  option httpchk GET /health
backend fixed
  balance roundrobin
  server written 127.0.0.1:9 weight 10
backend static
  balance static-rr
${more}`
}
