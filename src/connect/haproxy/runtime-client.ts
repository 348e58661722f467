import { type Asking, exchange } from "./exchange.ts"
import { refusal } from "./runtime-error.ts"
import { type RuntimeView, type ServerCounters, VIEW_COMMANDS, viewOf } from "./server-row.ts"

/** An open way to HAProxy's runtime API: what kinds get as `call.connection`. */
export interface RuntimeClient {
  /** As people read it. */
  readonly target: string
  /** All backends and all their servers, by one request. */
  view(signal: AbortSignal): Promise<RuntimeView>
  /**
   * One command that changes something. `fine` says which answer is a success, besides none.
   * @returns what HAProxy said
   * @throws FettleError what it refused
   */
  tell(command: string, signal: AbortSignal, fine?: RegExp): Promise<string>
  /**
   * Sets the weights of several servers of one backend by one line: a share of traffic moves at once. 0 to 256 each.
   * @throws FettleError what HAProxy refused, where at least one was not set
   */
  setWeights(backend: string, weights: Readonly<Record<string, number>>, signal: AbortSignal): Promise<void>
  /** Requests, errors and times of each server of a backend, by its name. @throws FettleError `HAPROXY_NO_BACKEND` */
  counters(backend: string, signal: AbortSignal): Promise<ReadonlyMap<string, ServerCounters>>
}

/** Speaks the runtime API: one connection for each line of commands, as HAProxy wants it. */
export class SocketClient implements RuntimeClient {
  readonly target: string
  readonly #to: Omit<Asking, "signal">

  constructor(to: Omit<Asking, "signal">) {
    this.#to = to
    this.target = to.target
  }

  async view(signal: AbortSignal): Promise<RuntimeView> {
    const answer = await exchange(VIEW_COMMANDS, { ...this.#to, signal })
    if (/^(Permission denied|Unknown command)/m.test(answer.slice(0, 4_096)))
      throw refusal("show servers state", answer, this.target)
    return viewOf(answer)
  }

  async tell(command: string, signal: AbortSignal, fine?: RegExp): Promise<string> {
    const said = (await exchange([command], { ...this.#to, signal })).trim()
    if (said === "" || fine?.test(said) === true) return said
    throw refusal(command, said, this.target)
  }

  async setWeights(backend: string, weights: Readonly<Record<string, number>>, signal: AbortSignal): Promise<void> {
    const commands = Object.entries(weights).map(([name, weight]) => `set server ${backend}/${name} weight ${weight}`)
    if (commands.length === 0) return
    const said = await exchange(commands, { ...this.#to, signal })
    if (said.trim() !== "") throw refusal(`weights of ${backend}`, said, this.target)
  }

  async counters(backend: string, signal: AbortSignal): Promise<ReadonlyMap<string, ServerCounters>> {
    const { backends, servers } = await this.view(signal)
    if (!backends.has(backend)) throw refusal(`counters of ${backend}`, "No such backend.", this.target)
    const ofBackend = [...servers.values()].filter((each) => each.backend === backend)
    return new Map(ofBackend.map(({ name, counters }) => [name, counters]))
  }
}
