import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import { causeText, FettleError } from "../errors.ts"
import { onAbort } from "../policies/signals.ts"
import type { Job, Reply, Thrown } from "./cpu-worker.ts"

interface Pending {
  readonly job: Job
  readonly done: (value: unknown) => void
  readonly failed: (error: unknown) => void
  /** The call begins on its thread. */
  readonly begun: () => void
}

/** Our own ending: the sources run as they are, the package as JavaScript. */
const WORKER = import.meta.url.endsWith(".ts")
  ? new URL("./cpu-worker.ts", import.meta.url)
  : new URL("./cpu-worker.js", import.meta.url)

/**
 * Worker threads that start when there is work, at most `width` of them, and never keep the process alive while idle.
 * Each does one job at a time; the next in line goes to the first that is free.
 */
export class CpuPool {
  readonly #width: number
  readonly #line: Pending[] = []
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Pending>()

  constructor(width: number) {
    this.#width = width
  }

  /** Threads that are started. */
  get size(): number {
    return this.#idle.length + this.#busy.size
  }

  /** Does one job. Aborting the signal takes it out of the line, or ends its thread: nothing else stops a loop. */
  run(job: Job, signal?: AbortSignal, begun: () => void = () => {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let stop = (): void => {}
      const settle = (end: () => void): void => {
        stop()
        end()
      }
      const pending: Pending = {
        job,
        done: (value) => settle(() => resolve(value)),
        failed: (error) => settle(() => reject(error)),
        begun,
      }
      if (signal?.aborted === true) return reject(signal.reason)
      stop = onAbort(signal, (reason) => this.#abandon(pending, reason))
      this.#line.push(pending)
      this.#next()
    })
  }

  #next(): void {
    while (this.#line.length > 0) {
      const worker = this.#idle.pop() ?? (this.size < this.#width ? this.#start() : undefined)
      if (worker === undefined) return
      this.#give(worker, this.#line.shift() as Pending)
    }
  }

  #give(worker: Worker, pending: Pending): void {
    this.#busy.set(worker, pending)
    worker.ref()
    try {
      worker.postMessage(pending.job)
    } catch (cause) {
      this.#free(worker)
      pending.failed(
        unusable(
          `${pending.job.fn} was given something that cannot be passed between threads: ${causeText(cause)}`,
          cause,
        ),
      )
    }
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { name: "fettle" })
    worker.unref()
    worker.on("message", (reply: Reply) => this.#answered(worker, reply))
    worker.on("error", (cause) => this.#died(worker, `its thread died: ${causeText(cause)}`, cause))
    worker.on("exit", (code) => this.#died(worker, `its thread ended with code ${code}`, undefined))
    return worker
  }

  #answered(worker: Worker, reply: Reply): void {
    const pending = this.#busy.get(worker)
    if (pending === undefined) return
    if ("begun" in reply) {
      pending.begun()
      return
    }
    this.#free(worker)
    if ("value" in reply) pending.done(reply.value)
    else if ("thrown" in reply) pending.failed(asError(reply.thrown))
    else pending.failed(unusable(reply.unusable, undefined))
    this.#next()
  }

  #free(worker: Worker): void {
    this.#busy.delete(worker)
    worker.unref()
    this.#idle.push(worker)
  }

  #died(worker: Worker, fact: string, cause: unknown): void {
    const pending = this.#busy.get(worker)
    this.#busy.delete(worker)
    const at = this.#idle.indexOf(worker)
    if (at >= 0) this.#idle.splice(at, 1)
    pending?.failed(unusable(`${pending.job.fn}: ${fact}`, cause))
    this.#next()
  }

  #abandon(pending: Pending, reason: unknown): void {
    const at = this.#line.indexOf(pending)
    if (at >= 0) this.#line.splice(at, 1)
    for (const [worker, current] of this.#busy) {
      if (current !== pending) continue
      this.#busy.delete(worker)
      void worker.terminate()
    }
    pending.failed(reason)
    this.#next()
  }
}

function unusable(fact: string, cause: unknown): FettleError {
  return new FettleError("CPU_FAILED", fact, { cause })
}

function asError(thrown: Thrown): Error {
  const error = new Error(thrown.message, thrown.cause === undefined ? undefined : { cause: asError(thrown.cause) })
  if (thrown.name !== "" && thrown.name !== "Error") error.name = thrown.name
  if (thrown.stack !== undefined) error.stack = thrown.stack
  return Object.assign(error, thrown.fields)
}

/** The pool of this process: as many threads as cores. */
export const pool = new CpuPool(availableParallelism())
