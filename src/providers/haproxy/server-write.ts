import type { RuntimeClient } from "../../connect/haproxy/runtime-client.ts"
import { addCommand, admit, drained, letGo, lookAt, untilUp } from "../../connect/haproxy/server-life.ts"
import type { RuntimeServer } from "../../connect/haproxy/server-row.ts"
import { asFettleError, causeText, FettleError } from "../../errors.ts"
import type { Change, Last, Seen, Write } from "../../provider.ts"
import { pathOf, type ServerOutputs, type ServerProps } from "./server-props.ts"
import { outputsOf } from "./server-read.ts"

type Call = Write<RuntimeClient>

/** Adds a server, or brings the one that is there to what is wanted. */
export async function ensureServer(
  want: ServerProps,
  seen: Seen<ServerOutputs>,
  _change: Change<ServerProps>,
  call: Call,
): Promise<ServerOutputs> {
  const path = pathOf(want)
  const before = await lookAt(path, call)
  if (before === undefined) return add(want, call)
  await bring(want, before, call)
  const now = (await lookAt(path, call)) ?? before
  return outputsOf(now, "outputs" in seen && seen.outputs.added)
}

/** A new server takes nothing until its first check has passed; one that never passes is taken away again. */
async function add(want: ServerProps, call: Call): Promise<ServerOutputs> {
  const path = pathOf(want)
  const { connection, signal } = call
  await connection.tell(addCommand(path, want), signal, /^New server registered/)
  try {
    if (want.check !== false) await connection.tell(`enable health ${path}`, signal)
    if (want.state !== "maint") await admit(path, want, call)
  } catch (thrown) {
    throw await takenBack(path, thrown, call)
  }
  const made = await lookAt(path, call)
  if (made === undefined) throw new FettleError("HAPROXY_REFUSED", `${connection.target}: ${path} is gone again`)
  return outputsOf(made, true)
}

async function takenBack(path: string, thrown: unknown, call: Call): Promise<unknown> {
  if (call.signal.aborted) return thrown
  const error = asFettleError(thrown, "CHANGE_FAILED")
  try {
    await call.connection.tell(`set server ${path} state maint`, call.signal)
    await call.connection.tell(`del server ${path}`, call.signal, /^(Server deleted|No such server)/)
  } catch (failed) {
    call.log(`${path} could not be taken back: ${causeText(failed)}`, "stderr")
    return thrown
  }
  const { code, fact, next, details } = error
  return new FettleError(code, fact, { next, details: { ...details, notMade: true }, cause: error })
}

async function bring(want: ServerProps, there: RuntimeServer, call: Call): Promise<void> {
  const path = pathOf(want)
  const tell = (command: string, fine?: RegExp): Promise<string> => call.connection.tell(command, call.signal, fine)
  const isMoved = there.address !== want.address || there.port !== want.port
  if (isMoved)
    await tell(
      `set server ${path} addr ${want.address} port ${want.port}`,
      /(changed from|no need to change|nothing changed)/,
    )
  if (there.weight !== want.weight) await tell(`set server ${path} weight ${want.weight}`)
  if (there.maxConnections !== want.maxConnections && (want.maxConnections !== undefined || there.maxConnections))
    await tell(`set maxconn server ${path} ${want.maxConnections ?? 0}`)
  if (there.state === want.state)
    return isMoved && want.state === "ready" ? untilUp(path, want.withinMs, call) : undefined
  if (want.state === "ready") {
    if (there.check !== undefined) await tell(`enable health ${path}`)
    return admit(path, want, call)
  }
  await tell(`set server ${path} state ${want.state}`)
}

/** Gives a server nothing new, waits until what it has has ended, and deletes it. Already gone is success. */
export async function deleteServer(
  seen: Seen<ServerOutputs>,
  last: Last<ServerProps, ServerOutputs> | undefined,
  call: Call,
): Promise<void> {
  const outputs = "outputs" in seen ? seen.outputs : undefined
  if (outputs === undefined) return
  const path = `${outputs.backend}/${outputs.name}`
  if (!(await drained(path, last?.props.drainWithinMs ?? 0, call))) return
  const { connection, signal } = call
  await connection.tell(`set server ${path} state maint`, signal, /^No such server/)
  await connection.tell(`shutdown sessions server ${path}`, signal, /^No such server/)
  if (outputs.added) return letGo(path, call)
  call.log(`${path} stands in the config file: it stays, in maintenance; take it out of that file`)
}
