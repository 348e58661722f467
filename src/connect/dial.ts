import { connect } from "node:net"
import type { Duplex } from "node:stream"
import { causeText, FettleError } from "../errors.ts"

/** Where a connection goes: an address and a port, or the path of a socket, as seen from where it is opened. */
export type DialTo = { readonly host: string; readonly port: number } | { readonly path: string }

/** As people write it. @example addressText({ host: "::1", port: 5432 }) // "[::1]:5432" */
export function addressText(to: DialTo): string {
  if ("path" in to) return to.path
  return `${to.host.includes(":") ? `[${to.host}]` : to.host}:${to.port}`
}

/** What a name or an address may be made of: it will stand on command lines. */
const HOST = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,253}$/

/** @throws FettleError `PROPS_INVALID` for what is no address */
export function refuseUndialable(to: DialTo): void {
  const fits =
    "path" in to
      ? to.path.startsWith("/") && !/\p{Cc}/u.test(to.path)
      : HOST.test(to.host) && Number.isInteger(to.port) && to.port > 0 && to.port < 65_536
  if (!fits) throw new FettleError("PROPS_INVALID", `nothing can be connected to at ${JSON.stringify(to)}`)
}

/** Connects from this machine. @throws FettleError `DIAL_FAILED`, or whatever `signal` was aborted with */
export function dialHere(to: DialTo, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = connect("path" in to ? { path: to.path } : { host: to.host, port: to.port })
    const abort = (): void => {
      socket.destroy()
      reject(signal.reason)
    }
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", abort)
      reject(dialFailed("this machine", to, causeText(error)))
    }
    signal.addEventListener("abort", abort, { once: true })
    socket.once("error", fail)
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort)
      socket.off("error", fail)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}

/** @param words of whoever tried */
export function dialFailed(from: string, to: DialTo, words: string): FettleError {
  return new FettleError("DIAL_FAILED", `${from} cannot connect to ${addressText(to)}: ${reason(words)}`)
}

/** Node says "connect ECONNREFUSED 127.0.0.1:1", ssh "connect failed: Connection refused", Python "[Errno 111] Connection refused". */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|connection refused/i, "the connection is refused"],
  [/ENOENT|no such file/i, "there is no such socket"],
  [/ENOTFOUND|EAI_|not known|no address associated|temporary failure in name/i, "there is no host of that name"],
  [/EHOSTUNREACH|ENETUNREACH|no route|unreachable/i, "there is no way to that address"],
  [/ETIMEDOUT|timed out/i, "it does not answer"],
  [/EACCES|EPERM|permission denied/i, "permission is denied"],
]

function reason(words: string): string {
  return REASONS.find(([pattern]) => pattern.test(words))?.[1] ?? words.trim().replace(/\s+/g, " ").slice(0, 200)
}
