import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"

/** Where an Engine looks for the CA of a registry. */
const CERTIFICATES = "/etc/docker/certs.d"
const START_MS = 20_000
const started = new Set<DockerRegistry>()

/** Whether registries can be started here: with Debian's docker-registry. */
export function canStartRegistries(): boolean {
  return need("docker-registry", { install: "apt-get install docker-registry" })
}

/** Stops every registry that a test started. */
export async function stopRegistries(): Promise<void> {
  await Promise.all([...started].map((each) => each.stop()))
}

export interface DockerRegistryOptions {
  /** Who may come in. Default: everybody. */
  readonly login?: { readonly username: string; readonly password: string }
  /** With a certificate for `address` from a CA of its own, which Engines here know. Default: plain HTTP, which Engines allow on loopback. */
  readonly tls?: boolean
  /** Default 127.0.0.1. An Engine checks no certificate on loopback. */
  readonly address?: string
}

/** A registry of its own: a real docker-registry, its images in a folder that goes when it stops. */
export class DockerRegistry {
  readonly folder: string
  /** As it stands in names of images: "127.0.0.1:5000". */
  readonly host: string
  readonly #child: ChildProcess

  private constructor(folder: string, host: string, child: ChildProcess) {
    this.folder = folder
    this.host = host
    this.#child = child
  }

  static async start({
    login,
    tls = false,
    address = "127.0.0.1",
  }: DockerRegistryOptions = {}): Promise<DockerRegistry> {
    const folder = mkdtempSync(join(tmpdir(), "fettle-registry-"))
    const port = await freePort()
    const host = `${address}:${port}`
    if (tls) certify(folder, address, host)
    if (login !== undefined) writeFileSync(join(folder, "htpasswd"), `${login.username}:${hashOf(login.password)}\n`)
    const config = {
      version: 0.1,
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: join(folder, "images") }, delete: { enabled: true } },
      http: {
        addr: host,
        secret: "of this test",
        ...(tls && { tls: { certificate: join(folder, "registry.pem"), key: join(folder, "registry-key.pem") } }),
      },
      ...(login && { auth: { htpasswd: { realm: "shop", path: join(folder, "htpasswd") } } }),
    }
    writeFileSync(join(folder, "config.yml"), JSON.stringify(config)) // which is YAML, too
    const log = openSync(join(folder, "log"), "a")
    const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], { stdio: ["ignore", log, log] })
    closeSync(log)
    const registry = new DockerRegistry(folder, host, child)
    started.add(registry)
    for (const until = performance.now() + START_MS; !(await answers(address, port)); await sleep(50))
      if (performance.now() > until) throw new Error(`docker-registry: ${registry.log}`)
    return registry
  }

  get log(): string {
    return readFileSync(join(this.folder, "log"), "utf8")
  }

  async stop(): Promise<void> {
    if (!started.delete(this)) return
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) await ended
    rmSync(join(CERTIFICATES, this.host), { recursive: true, force: true })
    rmSync(this.folder, { recursive: true, force: true })
    try {
      if (existsSync(CERTIFICATES)) rmdirSync(CERTIFICATES)
    } catch {
      // Others have certificates there.
    }
  }
}

/** It takes bcrypt alone. */
function hashOf(password: string): string {
  const program = "print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))"
  return execFileSync("perl", ["-e", program, password], { encoding: "utf8" })
}

function certify(folder: string, address: string, host: string): void {
  const words = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "3",
    "-subj",
    "/CN=registry",
  ]
  const names = ["-addext", `subjectAltName=IP:${address}`]
  const files = ["-keyout", join(folder, "registry-key.pem"), "-out", join(folder, "registry.pem")]
  execFileSync("openssl", ["req", "-x509", ...words, ...names, ...files], { stdio: "ignore" })
  mkdirSync(join(CERTIFICATES, host), { recursive: true })
  writeFileSync(join(CERTIFICATES, host, "ca.crt"), readFileSync(join(folder, "registry.pem")))
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address)
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once("connect", () => end(true)).once("error", () => end(false))
  })
}
