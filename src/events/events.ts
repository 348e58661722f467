import { randomBytes } from "node:crypto"
import type { Json } from "../provider.ts"
import type { Plan } from "./plan.ts"

/** How a node's turn ended. */
export type NodeOutcome = "done" | "failed" | "maybe" | "skipped" | "unchanged"

/** An error as data: what reporters and JSON lines show. */
export interface ErrorFacts {
  readonly code: string
  readonly fact: string
  readonly next: string
  readonly address?: string | undefined
  readonly place?: string | undefined
  readonly cause?: string | undefined
  readonly details?: Json | undefined
}

/** Every fact that a run tells. Each carries a type and only plain data. */
export type EventBody =
  | {
      readonly type: "run.started"
      readonly command: string
      readonly program: string
      readonly stage: string
      readonly who: string
      /** Of what runs it, by name: fettle, node, system. */
      readonly versions?: Readonly<Record<string, string>> | undefined
    }
  | { readonly type: "plan.started"; readonly nodes: number }
  | { readonly type: "plan.read"; readonly connection: string; readonly items: number; readonly durationMs: number }
  | {
      readonly type: "plan.ordered"
      /** Addresses, needs first. */
      readonly nodes: readonly string[]
      /** Of each of them the positions of what it needs. */
      readonly needs: readonly (readonly number[])[]
    }
  | { readonly type: "plan.made"; readonly plan: Plan }
  | { readonly type: "apply.started"; readonly total: number; readonly pass: number }
  | { readonly type: "settle.started"; readonly intents: number; readonly waitMs: number }
  | { readonly type: "settle.done"; readonly address: string; readonly how: string }
  | { readonly type: "node.started"; readonly address: string; readonly action: string }
  | {
      readonly type: "node.log"
      readonly address: string
      readonly stream: "stdout" | "stderr" | "fettle"
      readonly text: string
    }
  | { readonly type: "node.measured"; readonly address: string; readonly measured: Json }
  | {
      readonly type: "node.finished"
      readonly address: string
      readonly action: string
      /** Of a replace. */
      readonly order?: "create-first" | "stop-first" | "delete-first" | undefined
      readonly outcome: NodeOutcome
      readonly durationMs: number
      readonly error?: ErrorFacts | undefined
      readonly because?: string | undefined
    }
  | {
      readonly type: "check.finished"
      readonly address: string
      readonly verdict: "yes" | "no" | "inconclusive"
      readonly evidence: string
      readonly durationMs: number
      readonly measured?: Json | undefined
    }
  | {
      readonly type: "note"
      readonly level: "info" | "warning" | "error"
      readonly text: string
      readonly error?: ErrorFacts | undefined
    }
  | {
      readonly type: "run.finished"
      readonly outcome: "done" | "unchanged" | "changes" | "failed" | "no" | "inconclusive" | "cancelled"
      readonly exitCode: number
      readonly durationMs: number
      readonly counts: Readonly<Record<string, number>>
    }

/** What every event carries besides its own facts. */
export interface EventHead {
  readonly runId: string
  /** 32 hex digits, as W3C trace context has it. */
  readonly traceId: string
  /** Position in the run, from 1. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export type FettleEvent = EventHead & EventBody
export type Subscriber = (event: FettleEvent) => void
export type Emit = (body: EventBody) => void

/** The one stream of a run. Everything is redacted before anybody sees it. */
export class EventStream {
  readonly runId: string
  readonly traceId = randomBytes(16).toString("hex")
  readonly #subscribers: Subscriber[] = []
  readonly #redact: (text: string) => string
  #seq = 0

  constructor(runId: string, redact: (text: string) => string) {
    this.runId = runId
    this.#redact = redact
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber)
  }

  readonly emit: Emit = (body) => {
    if (this.#subscribers.length === 0) return
    this.#seq += 1
    const clean = redactAll(body, this.#redact) as EventBody
    const head = { runId: this.runId, traceId: this.traceId, seq: this.#seq, at: Date.now() }
    const event = Object.freeze({ ...head, ...clean, type: body.type } as FettleEvent)
    for (const subscriber of this.#subscribers) subscriber(event)
  }
}

/** Smallest number that may be a secret: one of 8 digits. Shorter ones are counts and times. */
const SECRET_NUMBER_MIN = 10_000_000

/** The same data with every text redacted, keys too, and every number that is a secret as a whole. */
export function redactAll(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === "string") return redact(value)
  if (typeof value === "number" && Math.abs(value) >= SECRET_NUMBER_MIN) {
    const hidden = redact(String(value))
    return /^-?\[secret [^\]]*\]$/.test(hidden) ? hidden : value
  }
  if (Array.isArray(value)) return value.map((each) => redactAll(each, redact))
  if (typeof value !== "object" || value === null) return value
  const result: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) result[redact(key)] = redactAll(each, redact)
  return result
}
