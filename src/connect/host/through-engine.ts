import { FettleError } from "../../errors.ts"
import type { Connection } from "../../provider.ts"
import type { HostClient } from "./kind.ts"

const words = new WeakMap<Connection<HostClient>, string>()

/** Says that a host is a container: no ssh leads to it, and it is not this machine. */
export function rememberThroughEngine(connection: Connection<HostClient>, word: string): void {
  words.set(connection, word)
}

/** What a container is called, where a connection leads to one. */
export function throughEngine(connection: Connection<HostClient>): string | undefined {
  return words.get(connection)
}

/** @throws FettleError `CONNECTION_WRONG` for a container where `what` can only be reached on this machine or over ssh */
export function refuseContainer(connection: Connection<HostClient>, what: string): void {
  const word = words.get(connection)
  if (word === undefined) return
  throw new FettleError("CONNECTION_WRONG", `${word} is a container: ${what} is not reached through it`, {
    next: "reach it on the machine itself, as host.local() or host.ssh(NAME)",
  })
}
