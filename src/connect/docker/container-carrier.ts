import { type Duplex, PassThrough } from "node:stream"
import { FettleError } from "../../errors.ts"
import { sleep } from "../../policies/timer.ts"
import type { Carried, Carrier } from "../host/carrier.ts"
import { endRemote } from "../host/end-remote.ts"
import { Demultiplexer } from "./demultiplexer.ts"
import type { EngineClient } from "./engine-client.ts"
import { createExec } from "./exec.ts"

/** From asking to cutting where a session must go: it is asked by another one, which an Engine far away takes a while to start. */
const GRACE_MS = 15_000
/** The exit code is known a moment after the last output. */
const EXIT_LOOK_MS = 20
const EXIT_LOOKS = 50
/** A shell that cannot be started: the Engine's words for it, whatever runs its containers. */
const NO_SHELL = /executable file not found|no such file or directory|exec format error|permission denied/i
/** So much of the first output is kept: the Engine puts there why nothing could be started. */
const FIRST_BYTES = 1_000

export interface ContainerCarrierOptions {
  readonly client: EngineClient
  /** Its name or id. */
  readonly container: string
  /** What people call it. */
  readonly target: string
  readonly shell: string
  /** Default: the container's. */
  readonly user: string | undefined
  readonly scope: string
  /** Ends what leads to the Engine. */
  close(): Promise<void>
}

/** Carries frames to a shell in a running container, by the Engine's `exec`: one of them for each session. */
export function containerCarrier(parts: ContainerCarrierOptions): Carrier {
  const carrier: Carrier = {
    target: parts.target,
    shell: parts.shell,
    strict: true,
    scope: parts.scope,
    start: (argv, signal) => start(parts, argv, signal, (folder) => void endRemote(carrier, folder)),
    close: () => parts.close(),
  }
  return carrier
}

/**
 * The Engine ends no command that runs in a container. So a session ends as one behind ssh does: its standard input is closed, or
 * another session ends it; where neither arrives, its limits do, and the next writer waits for it.
 */
async function start(
  parts: ContainerCarrierOptions,
  argv: readonly string[],
  signal: AbortSignal,
  endThere: (folder: string) => void,
): Promise<Carried> {
  const { client, target, shell, user } = parts
  const id = await runningId(parts, signal)
  const exec = await createExec(client, id, argv, { input: true, ...(user !== undefined && { user }) }, signal)
  const socket = await begin(client, exec, signal)
  const { stdout, stderr, broken } = parted(socket)
  let [cut, first] = [false, ""]
  const listen = (bytes: Buffer): void => {
    first += bytes.toString("latin1", 0, FIRST_BYTES)
    if (first.length >= FIRST_BYTES) stdout.off("data", listen)
  }
  stdout.on("data", listen)
  const ended = endOf(socket).then(async () =>
    cut ? "it was cut off" : (broken() ?? (await howItEnded(client, exec))),
  )
  return {
    stdin: socket,
    stdout,
    stderr,
    ended,
    ready: Promise.resolve(),
    graceMs: GRACE_MS,
    kill: (how, folder) => {
      if (how === "SIGTERM" && folder !== undefined) return endThere(folder)
      cut = true
      socket.destroy()
    },
    identity: () => `container:${id}`,
    failure: async (how, said) => {
      const words = [said, first, how].find((text) => NO_SHELL.test(text))
      return words === undefined ? undefined : noShell(target, shell, words)
    },
  }
}

/** The id behind the name, now: another container may have it a moment later. */
async function runningId({ client, container, target }: ContainerCarrierOptions, signal: AbortSignal): Promise<string> {
  const path = `/containers/${encodeURIComponent(container)}/json`
  const { status, json } = await client.json("GET", path, { accept: [404], signal })
  if (status === 404)
    throw new FettleError("CONNECTION_FAILED", `${target}: there is no such container`, {
      next: "docker ps shows what runs",
    })
  const { Id, State } = Object(json)
  const { Running, Paused, Restarting, Status } = Object(State)
  if (typeof Id !== "string" || !/^[0-9a-f]{64}$/.test(Id))
    throw new FettleError("DOCKER_PROTOCOL", `the Engine tells no id of ${target}`)
  if (Running === true && Paused !== true && Restarting !== true) return Id
  throw new FettleError("CONNECTION_FAILED", `${target} does not run: it is ${String(Status).slice(0, 40)}`, {
    next: `docker ${Paused === true ? "unpause" : "start"} ${container}`,
  })
}

/** The signal is for the beginning: what ends a session later is `kill`, which lets it clean up. */
async function begin(client: EngineClient, exec: string, signal: AbortSignal): Promise<Duplex> {
  const beginning = new AbortController()
  const abort = (): void => beginning.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener("abort", abort, { once: true })
  try {
    const call = { body: { Detach: false, Tty: false }, signal: beginning.signal }
    return await client.upgrade("POST", `/exec/${exec}/start`, "tcp", call)
  } finally {
    signal.removeEventListener("abort", abort)
  }
}

/** Both outputs of an exec; the Engine waits where nobody reads them. `broken` says what the stream broke off with. */
function parted(socket: Duplex): {
  readonly stdout: PassThrough
  readonly stderr: PassThrough
  readonly broken: () => string | undefined
} {
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() }
  const parser = new Demultiplexer((stream, bytes) => {
    if (bytes.length === 0 || outputs[stream].write(bytes)) return
    socket.pause()
    outputs[stream].once("drain", () => socket.resume())
  })
  let broken: string | undefined
  const end = (): void => void [outputs.stdout, outputs.stderr].map((output) => output.end())
  socket.on("data", (chunk: Buffer) => {
    try {
      parser.push(chunk)
    } catch (thrown) {
      broken = thrown instanceof FettleError ? thrown.fact : String(thrown)
      socket.destroy()
    }
  })
  socket.once("end", end).once("close", end)
  return { ...outputs, broken: () => broken }
}

function endOf(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {}) // its end tells
    socket.once("close", resolve).once("end", () => {
      resolve()
      socket.end()
    })
  })
}

async function howItEnded(client: EngineClient, exec: string): Promise<string> {
  try {
    for (let look = 0; look < EXIT_LOOKS; look += 1) {
      const { json } = await client.json("GET", `/exec/${exec}/json`, { timeoutMs: GRACE_MS })
      const { Running, ExitCode } = Object(json)
      if (Running !== true && typeof ExitCode === "number") return `exit code ${ExitCode}`
      await sleep(EXIT_LOOK_MS, AbortSignal.timeout(GRACE_MS))
    }
    return "the connection to it was lost"
  } catch {
    return "the Engine does not answer any more"
  }
}

function noShell(target: string, shell: string, words: string): FettleError {
  return new FettleError("HOST_TOOLS", `${target} has no ${shell} that runs`, {
    cause: words.trim(),
    next: "a container is a host only with a POSIX shell and its tools in it: declare what it holds by its image",
  })
}
