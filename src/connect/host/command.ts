import { FettleError } from "../../errors.ts"
import type { Channel } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import { quoteAll } from "./quote.ts"

/** Blocks of 64 KB that are kept of each stream, by the host already: 1 MB. A host that prints without end costs nobody memory. */
const BLOCKS_MAX = 16
/** How long after its time a command that is being ended may still be silent. */
const BACKSTOP_MS = 5_000

/** One command on a host, as its argument list. */
export interface HostCommand {
  readonly argv: readonly [string, ...string[]]
  /** Given on standard input; without it standard input is empty. */
  readonly input?: Uint8Array | undefined
  /** True where it may change the host: it then takes its turn among all who do. Default false. */
  readonly writes?: boolean
  /** Then it and all it started is ended. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What a command came to. */
export interface HostCommandEnd {
  /** 128 and more: the number of the signal that ended it. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** More was printed than was kept. */
  readonly cut: boolean
}

/**
 * Runs a command through an open session.
 * @throws FettleError `TIMEOUT`, `CANCELLED`, `CONNECTION_FAILED`, `HOST_PROTOCOL`
 */
export async function runOnHost(channel: Channel, target: string, command: HostCommand): Promise<HostCommandEnd> {
  const { input, timeoutMs } = command
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(new FettleError("TIMEOUT", `${target}: not done within ${timeoutMs / 1_000} s; it was ended`)),
    timeoutMs,
  )
  const records: HostRecord[] = []
  try {
    await channel.request({
      script: commandScript(command.argv),
      ...(input === undefined ? {} : { payload: { length: input.length, chunks: once(input) } }),
      writes: command.writes ?? false,
      silenceMs: timeoutMs + BACKSTOP_MS,
      signal: AbortSignal.any([command.signal, late.signal]),
      onRecord: (record) => void records.push(record),
    })
  } finally {
    clearTimeout(timer)
  }
  const [code, out, err] = ["x", "o", "e"].map((kind) => records.find((record) => record.kind === kind))
  if (code === undefined || out === undefined || err === undefined)
    throw new FettleError("HOST_PROTOCOL", `${target} did not tell how the command ended${channel.complaint}`)
  return {
    exitCode: code.exitCode,
    stdout: out.out.toString("utf8"),
    stderr: err.out.toString("utf8"),
    cut: out.exitCode + err.exitCode > 0,
  }
}

/**
 * Runs an argument list as somebody who logged in would have it: in the home folder, with the usual umask and signals. Its streams
 * are kept apart and told one after the other (a record that is cut into by another would be none): the second reader hears the end
 * of its pipe only when the first is done.
 */
function commandScript(argv: readonly string[]): string {
  return `
keep() { o=$(dd bs=65536 count=${BLOCKS_MAX} iflag=fullblock 2>/dev/null; printf x); R 0 "$1" $(( $(wc -c) > 0 )) "\${o%x}" "" >&7; }
exec 7>&1
{ {
  ( exec 7>&-; trap - HUP PIPE; umask 022; cd "$HOME" 2>/dev/null || cd /; exec ${quoteAll(argv)} ) 2>&3 3>&-
  R 0 x $? "" "" >&7
} | keep o 3>&-; } 3>&1 | keep e
`
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
