import { join } from "node:path"
import { FettleError } from "../../errors.ts"
import type { OpenContext } from "../../provider.ts"
import { quote } from "../host/quote.ts"
import type { SshReach } from "../host/ssh.ts"
import { becomeWords, remoteLine } from "../host/ssh-line.ts"
import { type SshMaster, startMaster } from "../host/ssh-master.ts"
import { sshSays } from "../host/ssh-says.ts"
import { exchange, type Socketed } from "./exchange.ts"
import type { Place } from "./place.ts"
import { relayTo } from "./relay.ts"
import type { Way } from "./way.ts"

/** Longest time that ssh may take to set up a forwarding over a connection that is there. */
const FORWARD_MS = 15_000
/** Longest time until the first byte comes through. */
const PROBE_MS = 30_000

/**
 * The way to an Engine behind ssh: one login of the operator's own ssh, and over it the Engine's socket as a socket in a private folder.
 * Where sshd forwards no sockets, or another user must be become, each connection is `docker system dial-stdio` there.
 * @throws FettleError what ssh cannot be reached with
 */
export async function sshWay({ reach, path }: Extract<Place, { at: "ssh" }>, context: OpenContext): Promise<Way> {
  const { destination, options, become } = reach
  const target = reach.target.startsWith("ssh://") ? reach.target : `the Docker Engine of ${reach.target}`
  const asks = context.ask === undefined ? undefined : { ask: context.ask, tell: context.log }
  const master = startMaster({ destination, target: reach.target, options, asks })
  await master.begun
  try {
    const forwarded = become === undefined ? await forward(master, path, target, context.signal) : undefined
    if (forwarded !== undefined) return { to: forwarded, target, close: async () => master.end() }
    return await dialing({ reach, path, target, master }, context)
  } catch (thrown) {
    master.end()
    throw thrown
  }
}

/**
 * The forwarded socket; undefined where nothing comes through: sshd says the same where it forwards no sockets and where nobody listens.
 * @throws FettleError where ssh itself does not forward
 */
async function forward(
  master: SshMaster,
  path: string,
  target: string,
  signal: AbortSignal,
): Promise<Socketed | undefined> {
  const socketPath = join(master.folder, "e")
  const { ok, err } = await sshSays(
    [...muxed(master), "-O", "forward", "-L", `${socketPath}:${path}`, "engine"],
    FORWARD_MS,
  )
  if (!ok) throw new FettleError("CONNECTION_FAILED", `${target}: ssh does not forward ${path}`, { cause: err.trim() })
  const to: Socketed = { socketPath }
  try {
    const headers = { connection: "close" }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)])
    const { response } = await exchange({ to, agent: false, method: "GET", path: "/_ping", headers, signal: limit })
    response.destroy()
    return to
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

interface Dialing {
  readonly reach: SshReach
  readonly path: string
  readonly target: string
  readonly master: SshMaster
}

/** One `docker system dial-stdio` for each connection, behind a socket of ours. */
async function dialing({ reach, path, target, master }: Dialing, context: OpenContext): Promise<Way> {
  const { become } = reach
  const secret = become?.by === "sudo" ? become.password : undefined
  const prompt = "fettle-docker:"
  const dial = `printf 'fettle-ready\\n' >&2; exec docker --host unix://${quote(path)} system dial-stdio`
  const command = remoteLine([...becomeWords(become, prompt), "sh", "-c", dial])
  const relay = await relayTo({
    socketPath: join(master.folder, "d"),
    argv: [...muxed(master), "-T", "--", "engine", command],
    ready: "fettle-ready\n",
    ...(secret === undefined ? {} : { password: { prompt, value: context.reveal(secret) } }),
  })
  return {
    to: { socketPath: relay.socketPath },
    target,
    failure: async () => {
      const said = `${master.said()}\n${relay.said()}`.trim()
      if (said === "") return undefined
      return new FettleError("CONNECTION_FAILED", `${target}: nothing answers at ${path} there`, {
        cause: (context.hide?.(said) ?? said).slice(-2_000),
        next: "see that the Engine runs there, and that the user who logs in is one of the group docker or becomes root",
      })
    },
    close: async () => {
      await relay.close()
      master.end()
    },
  }
}

/** Ssh over a connection that is there: nothing of ssh_config, and no login of its own where that has ended. */
function muxed({ socket }: SshMaster): readonly [string, ...string[]] {
  return ["ssh", "-F", "none", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR", "-S", socket]
}
