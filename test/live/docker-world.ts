import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { engine } from "../../src/connect/docker/engine.ts"
import type { EngineClient } from "../../src/connect/docker/engine-client.ts"
import type { EngineOptions } from "../../src/connect/docker/engine-options.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { need } from "../support/need.ts"

/** An Engine may take so long to begin on a busy machine. */
const START_MS = 60_000
/** It stops its containers first. */
const STOP_MS = 30_000
/** Removing hundreds of containers at once can hang an Engine for good. */
const REMOVE_MS = 60_000
const started = new Set<DockerWorld>()

/** Whether Engines can be started here: as root on Linux, with Debian's docker.io. */
export function canStartEngines(): boolean {
  return (
    need("dockerd", { install: "apt-get install docker.io", found: () => found("/usr/sbin/dockerd") }) &&
    need("busybox", { install: "apt-get install busybox-static", found: () => found("/bin/busybox") }) &&
    need("root", { install: "run the tests as root", found: () => process.getuid?.() === 0 })
  )
}

function found(path: string): boolean {
  return execFileSync("sh", ["-c", `[ -x ${path} ] && echo yes || echo no`], { encoding: "utf8" }).trim() === "yes"
}

/** Stops every Engine that a test started. */
export async function stopEngines(): Promise<void> {
  await Promise.all([...started].map((each) => each.remove()))
}

export interface DockerWorldOptions {
  /** More arguments for dockerd. `at` gives a path in the world's own folder. */
  readonly args?: (at: (...names: readonly string[]) => string) => readonly string[]
  /** Done before dockerd starts. */
  readonly prepare?: (at: (...names: readonly string[]) => string) => void
}

/**
 * A Docker Engine of its own: dockerd with its own containerd, data, sockets, bridge and subnets, so that several run at once. All of it
 * is gone when it is removed. It reaches no registry, so `image()` brings what containers need.
 */
export class DockerWorld {
  readonly folder: string
  /** Its own subnet, as "10.213.7". */
  readonly subnet: string
  readonly #bridge: string
  readonly #options: DockerWorldOptions
  #child: ChildProcess | undefined
  #containerd: ChildProcess | undefined

  private constructor(folder: string, options: DockerWorldOptions) {
    this.folder = folder
    this.#options = options
    // The number of this process is nobody else's for as long as it lives; a file may start several.
    const number = (process.pid * 4 + worlds) % 16_384
    worlds += 1
    this.subnet = `10.${192 + (number >> 8)}.${number & 255}`
    this.#bridge = `fd${process.pid}-${worlds}`
  }

  static async start(options: DockerWorldOptions = {}): Promise<DockerWorld> {
    const world = new DockerWorld(mkdtempSync(join(tmpdir(), "fettle-docker-")), options)
    started.add(world)
    execFileSync("ip", ["link", "add", world.#bridge, "type", "bridge"])
    execFileSync("ip", ["address", "add", `${world.subnet}.1/25`, "dev", world.#bridge])
    execFileSync("ip", ["link", "set", world.#bridge, "up"])
    world.#startContainerd()
    options.prepare?.((...names) => world.at(...names))
    await world.up()
    return world
  }

  get socket(): string {
    return this.at("docker.sock")
  }

  /** For `docker.engine`. */
  get host(): string {
    return `unix://${this.socket}`
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /** A path in the world's own folder. */
  at(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** What dockerd said. */
  get log(): string {
    return readFileSync(this.at("log"), "utf8")
  }

  /** Beside the Engine, as on Debian: it goes on where the Engine is killed. */
  #startContainerd(): void {
    const log = openSync(this.at("containerd.log"), "a")
    const words = ["--root", this.at("containerd"), "--state", this.at("run"), "--address", this.at("containerd.sock")]
    this.#containerd = spawn("containerd", words, { stdio: ["ignore", log, log], detached: true })
    closeSync(log)
  }

  /** Starts the Engine, again where it was stopped, and waits until it answers. */
  async up(): Promise<void> {
    mkdirSync(this.at("home"), { recursive: true })
    const log = openSync(this.at("log"), "a")
    const words = [
      ...["--data-root", this.at("data"), "--exec-root", this.at("exec"), "-p", this.at("pid"), "-H", this.host],
      ...["--bridge", this.#bridge, "--iptables=false", "--ip-masq=false", "--ip-forward=false"],
      ...["--default-address-pool", `base=${this.subnet}.128/25,size=28`, "--shutdown-timeout", "2"],
      ...["--containerd", this.at("containerd.sock"), "--config-file", this.at("home", "daemon.json")],
      ...(this.#options.args?.((...names) => this.at(...names)) ?? []),
    ]
    const env = { PATH: process.env.PATH ?? "", HOME: this.at("home") }
    // Before Engine 24 the id is that of a key in /etc, which all Engines of a machine share.
    writeFileSync(this.at("home", "daemon.json"), JSON.stringify({ "deprecated-key-path": this.at("key.json") }))
    this.#child = spawn("/usr/sbin/dockerd", words, { stdio: ["ignore", log, log], detached: true, env })
    closeSync(log)
    const until = performance.now() + START_MS
    while (!existsSync(this.at("containerd.sock")) && performance.now() < until) await sleep(20)
    while (!this.#answers()) {
      if (this.#child.exitCode !== null || performance.now() > until)
        throw new Error(`dockerd: ${this.log.slice(-3_000)}`)
      await sleep(50)
    }
  }

  #answers(): boolean {
    try {
      this.docker("version")
      return true
    } catch {
      return false
    }
  }

  /** Runs Debian's docker command against this Engine and gives what it prints. */
  docker(...args: readonly string[]): string {
    return this.dockerWith("", ...args)
  }

  dockerWith(input: string | Buffer, ...args: readonly string[]): string {
    const env = { PATH: process.env.PATH ?? "", HOME: this.at("home"), DOCKER_BUILDKIT: "0" }
    const words = ["-H", this.host, ...args]
    return execFileSync("docker", words, { encoding: "utf8", env, input, stdio: ["pipe", "pipe", "pipe"] }).trim()
  }

  /** Ends the Engine as systemd would, or as the kernel does. */
  async down(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await end(this.#child, signal)
  }

  /** Ends the Engine and takes away all that it made. */
  async remove(): Promise<void> {
    if (!started.delete(this)) return
    const networks = this.#networks()
    this.#endContainers()
    await this.down()
    await end(this.#containerd, "SIGTERM")
    this.#endShims()
    for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n").reverse()) {
      const path = line.split(" ")[1] ?? ""
      if (path.startsWith(`${this.folder}/`)) quietly("umount", ["-l", path])
    }
    for (const name of [...networks, this.#bridge]) quietly("ip", ["link", "delete", name])
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The bridges of its networks: nobody else removes them. */
  #networks(): readonly string[] {
    try {
      const ids = this.docker("network", "ls", "-q", "--filter", "driver=bridge", "--filter", "type=custom").split("\n")
      return ids.filter((id) => id !== "").map((id) => `br-${id.slice(0, 12)}`)
    } catch {
      return []
    }
  }

  #endContainers(): void {
    try {
      const ids = this.docker("ps", "-aq").split("\n")
      const words = ["-H", this.host, "rm", "-f", ...ids]
      if (ids[0] !== "") execFileSync("docker", words, { stdio: "ignore", timeout: REMOVE_MS })
    } catch {
      // The Engine is stopped, or hangs over so many: what is left of them is ended with their shims.
    }
  }

  /** What an Engine that was killed left running. */
  #endShims(): void {
    for (const name of readdirSync("/proc")) {
      try {
        if (!/^\d+$/.test(name) || !readFileSync(`/proc/${name}/cmdline`, "utf8").includes(`${this.folder}/`)) continue
        const children = readFileSync(`/proc/${name}/task/${name}/children`, "utf8").trim().split(" ")
        for (const pid of [...children, name]) if (pid !== "") process.kill(Number(pid), "SIGKILL")
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  /** Makes an image of static busybox and nothing else; `sh`, `sleep`, `nc`, `httpd` and the like are in its PATH. */
  image(name = "base:1"): string {
    const root = this.at("base")
    mkdirSync(join(root, "bin"), { recursive: true })
    for (const folder of ["etc", "tmp", "srv"]) mkdirSync(join(root, folder), { recursive: true })
    execFileSync("cp", ["/bin/busybox", join(root, "bin", "busybox")])
    execFileSync("/bin/busybox", ["--install", "-s", join(root, "bin")], { stdio: "ignore" })
    writeFileSync(join(root, "etc", "passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    for (const applet of execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).trim().split("\n"))
      if (applet !== "busybox") quietly("ln", ["-sf", "busybox", join(root, "bin", applet)])
    const tar = execFileSync("tar", ["-C", root, "-cf", "-", "."], { maxBuffer: 1 << 28 })
    return this.dockerWith(tar, "import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin", "-", name)
  }
}

let worlds = 0

async function end(child: ChildProcess | undefined, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once("exit", resolve))
  child.kill(signal)
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS)
  await ended
  clearTimeout(late)
}

function quietly(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: "ignore" })
  } catch {
    // It was not there.
  }
}

const clients: (() => Promise<void>)[] = []

/** A secret as a run has opened it. */
export function openedSecret(name: string, value: string): Secret<string> {
  const secret = new Secret<string>(name, { type: "value", value }, { weak: true })
  Secret.remember(secret, { value, fingerprint: `fp:${value.length}` })
  return secret
}

export interface Opened {
  readonly client: EngineClient
  readonly identity: string
  /** What the connection told the run. */
  readonly notes: readonly string[]
  close(): Promise<void>
}

/** Opens a connection as a run does, with an environment of the test's own. */
export async function open(options: EngineOptions, env: Readonly<Record<string, string>> = {}): Promise<Opened> {
  const notes: string[] = []
  const driver = await engine({
    ...(env.DOCKER_CONFIG === undefined && { configFolder: "/nonexistent" }),
    ...options,
  }).open({
    signal: new AbortController().signal,
    reveal: (secret) => Secret.opened(secret)?.value as never,
    log: (text) => notes.push(text),
    env: (name) => env[name],
  })
  clients.push(() => driver.close())
  let client: EngineClient | undefined
  const asking = {
    kind: "test.client",
    read: async (keys: readonly { address: string }[], call: { connection: EngineClient }) => {
      client = call.connection
      return new Map(keys.map(({ address }) => [address, { absent: true }]))
    },
  }
  await driver.read([{ provider: asking as never, key: { address: "client" as never } }], {
    signal: new AbortController().signal,
    seal: (text) => text,
    secret: openedSecret,
  })
  return { client: client as unknown as EngineClient, identity: driver.identity, notes, close: () => driver.close() }
}

/** Closes what `open` opened. */
export async function closeAll(): Promise<void> {
  await Promise.all(clients.splice(0).map((close) => close()))
}
