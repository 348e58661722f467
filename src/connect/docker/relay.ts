import { createServer, type Socket } from "node:net"
import { endChild, endOf } from "../host/carrier.ts"
import { type PipedChild, startPiped } from "../process.ts"

/** Characters kept of what the programs say. */
const SAID_MAX = 4_096

export interface RelayParts {
  /** Where to listen: in a folder that nobody else can enter. */
  readonly socketPath: string
  /** What carries one connection on its standard input and output. */
  readonly argv: readonly [string, ...string[]]
  /** What it prints on standard error when its standard input is the far side's. */
  readonly ready: string
  /** Given on standard input, once, where the prompt stands on standard error. */
  readonly password?: { readonly prompt: string; readonly value: string }
}

export interface Relay {
  readonly socketPath: string
  /** The last words of the programs. */
  said(): string
  close(): Promise<void>
}

/** Makes a socket of a program: each connection to it is one run. */
export async function relayTo(parts: RelayParts): Promise<Relay> {
  const children = new Set<PipedChild>()
  let said = ""
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const child = startPiped(parts.argv)
    children.add(child)
    void endOf(child).then(() => {
      children.delete(child)
      socket.destroySoon()
    })
    socket.on("error", () => {})
    socket.once("close", () => endChild(child, "SIGTERM"))
    join(socket, child, parts, (text) => {
      said = (said + text).slice(-SAID_MAX)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(parts.socketPath, resolve)
  })
  return {
    socketPath: parts.socketPath,
    said: () => said,
    close: async () => {
      server.close()
      for (const child of children) endChild(child, "SIGTERM")
    },
  }
}

/** Both directions, each no faster than the other side reads, once the program says that it is ready. */
function join(socket: Socket, child: PipedChild, { ready, password }: RelayParts, tell: (text: string) => void): void {
  let heard = ""
  let isReady = false
  let isAsked = false
  child.stdin.on("error", () => {})
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (isReady) return tell(text)
    heard = (heard + text).slice(-SAID_MAX)
    if (heard.includes(ready)) {
      isReady = true
      socket.pipe(child.stdin)
      child.stdout.pipe(socket)
      return
    }
    if (password === undefined || !heard.endsWith(password.prompt)) return
    if (isAsked)
      endChild(child, "SIGTERM") // it was wrong; a second try brings the account nearer to being locked
    else child.stdin.write(`${password.value}\n`)
    isAsked = true
    heard = ""
  })
  child.once("close", () => {
    if (!isReady) tell(heard)
  })
}
