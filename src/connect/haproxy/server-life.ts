import { isIPv6 } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import type { RuntimeClient } from "./runtime-client.ts"
import type { RuntimeServer } from "./server-row.ts"

/** What the life of a server is changed with. */
export interface ServerCall {
  readonly connection: RuntimeClient
  readonly signal: AbortSignal
  log(text: string): void
}

/** A server as it is added at run time. */
export interface NewServer {
  readonly address: string
  readonly port: number
  readonly weight: number
  readonly check: false | { readonly intervalMs: number; readonly rise: number; readonly fall: number }
  readonly maxConnections?: number | undefined
}

/** Between two looks: felt by nobody at first, and a small load where it takes long. */
const LOOK_MS = 30
const LOOK_MAX_MS = 500
/** HAProxy frees the last connections of a server that takes no more in so long. */
const LET_GO_MS = 10_000

/** One server by "backend/server"; undefined where there is none. */
export async function lookAt(
  path: string,
  { connection, signal }: Pick<ServerCall, "connection" | "signal">,
): Promise<RuntimeServer | undefined> {
  return (await connection.view(signal)).servers.get(path)
}

/** The command that adds a server: in maintenance, and without a check that runs. */
export function addCommand(path: string, { check, maxConnections, weight, ...want }: NewServer): string {
  const address = isIPv6(want.address) ? `ipv6@${want.address}` : want.address
  const words = ["add server", path, `${address}:${want.port}`, `weight ${weight}`]
  if (check !== false) words.push(`check inter ${check.intervalMs} rise ${check.rise} fall ${check.fall}`)
  if (maxConnections !== undefined) words.push(`maxconn ${maxConnections}`)
  return words.join(" ")
}

/** Out of maintenance by way of draining, where it is checked and gets nothing; then to what is wanted. */
export async function admit(
  path: string,
  want: { readonly state: "ready" | "drain" | "maint"; readonly withinMs: number },
  call: ServerCall,
): Promise<void> {
  await call.connection.tell(`set server ${path} state drain`, call.signal)
  await untilUp(path, want.withinMs, call)
  if (want.state === "ready") await call.connection.tell(`set server ${path} state ready`, call.signal)
}

/** @throws FettleError `HAPROXY_SERVER_DOWN` with what its last check said */
export async function untilUp(path: string, withinMs: number, call: ServerCall): Promise<void> {
  const startedMs = performance.now()
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS)) {
    const server = await lookAt(path, call)
    if (server === undefined) throw new FettleError("HAPROXY_REFUSED", `${call.connection.target}: ${path} is gone`)
    if (server.isUp && server.check?.passed !== false) return
    if (performance.now() - startedMs > withinMs) throw down(path, server, withinMs, call)
    await sleep(pauseMs, undefined, { signal: call.signal })
  }
}

function down(path: string, { check }: RuntimeServer, withinMs: number, { connection }: ServerCall): FettleError {
  const words = check === undefined ? "it is not up" : `its last check: ${check.words || "none yet"}`
  return new FettleError(
    "HAPROXY_SERVER_DOWN",
    `${connection.target}: ${path} is not up after ${withinMs} ms; ${words}`,
  )
}

/**
 * Gives a server nothing new and waits until what it has has ended, or its time is over.
 * @returns false where it is gone
 */
export async function drained(path: string, withinMs: number, call: ServerCall): Promise<boolean> {
  const { connection, signal } = call
  if ((await lookAt(path, call)) === undefined) return false
  await connection.tell(`set server ${path} state drain`, signal, /^No such server/)
  const startedMs = performance.now()
  for (let pauseMs = LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LOOK_MAX_MS)) {
    const server = await lookAt(path, call)
    if (server === undefined) return false
    const left = server.sessions + server.queued
    if (left === 0) return true
    if (performance.now() - startedMs >= withinMs) {
      call.log(`${path} still has ${left} after ${withinMs} ms: they are cut`)
      return true
    }
    await sleep(pauseMs, undefined, { signal })
  }
}

/** Deletes a server that takes nothing any more, as soon as HAProxy lets go of its last connections. Already gone is success. */
export async function letGo(path: string, { connection, signal }: ServerCall): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    try {
      await connection.tell(`del server ${path}`, signal, /^(Server deleted|No such server)/)
      return
    } catch (thrown) {
      const isHeld = thrown instanceof FettleError && /still has connections/.test(thrown.fact)
      if (!isHeld || performance.now() - startedMs > LET_GO_MS) throw thrown
    }
    await sleep(LOOK_MS, undefined, { signal })
  }
}
