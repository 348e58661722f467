import type { EngineClient } from "./engine-client.ts"
import { jsonLines } from "./json-lines.ts"

/** Attributes kept of an event, and characters of each: labels of a container are among them. */
const ATTRIBUTES_MAX = 256
const ATTRIBUTE_CHARACTERS = 4_096

/** Something that happened in an Engine. */
export interface EngineEvent {
  /** "container", "image", "network", "volume", "builder", "daemon" … */
  readonly type: string
  /** One word: "start", "die", "health_status", "exec_create" … */
  readonly action: string
  /** Of a health check: "healthy", "unhealthy", "starting". */
  readonly health?: string
  /** Of the thing. */
  readonly id: string
  /** Of the thing, where it has one. */
  readonly name?: string
  /** Of a "die" or an "exec_die". */
  readonly exitCode?: number
  readonly attributes: Readonly<Record<string, string>>
  /** Nanoseconds since 1970, as a text of digits: a number would round them. */
  readonly timeNs: string
}

export interface EventsOptions {
  /** Which types, as "container". Default: all. */
  readonly types?: readonly string[]
  /** Which actions, as one word. Default: all. */
  readonly actions?: readonly string[]
  /** Which labels a container must have, as "name" or "name=value". */
  readonly labels?: readonly string[]
  /** Nanoseconds since 1970: events from then on, as far as the Engine remembers (the last 256). */
  readonly sinceNs?: string
  readonly signal?: AbortSignal
}

/**
 * What happens in an Engine, while it happens. The stream ends with an error where the Engine goes away: what happened meanwhile
 * nobody remembers, so who follows looks anew.
 * @throws FettleError `DOCKER_FAILED`, `DOCKER_PROTOCOL`, `CANCELLED`
 * @example for await (const event of events(engine, { types: ["container"], actions: ["die"] })) console.log(event.name)
 */
export async function* events(
  client: EngineClient,
  { types, actions, labels, sinceNs, signal }: EventsOptions = {},
): AsyncGenerator<EngineEvent, void, undefined> {
  const filters = { ...(types && { type: types }), ...(labels && { label: labels }) }
  const since =
    sinceNs === undefined ? undefined : `${sinceNs.slice(0, -9) || "0"}.${sinceNs.slice(-9).padStart(9, "0")}`
  const { body } = await client.stream("GET", "/events", { query: { filters, since }, ...(signal && { signal }) })
  try {
    for await (const value of jsonLines(body, { exact: true })) {
      const event = eventOf(value)
      // Not all by the Engine: to it, "health_status: healthy" is one word.
      if ((actions ?? [event.action]).includes(event.action) && (types ?? [event.type]).includes(event.type))
        yield event
    }
  } finally {
    body.destroy()
  }
}

/**
 * Reads an event. In the Engine's words the action may have more behind a colon: the health, or the whole command line of an exec,
 * which is left out because it may hold anything.
 */
export function eventOf(value: unknown): EngineEvent {
  const { Type, Action, Actor, timeNano } = Object(value)
  const [action = "", more] = textOf(Action).split(/:\s*/, 2)
  const { ID, Attributes } = Object(Actor)
  const attributes = attributesOf(Attributes)
  const { name, exitCode } = attributes
  return {
    type: textOf(Type),
    action,
    ...(action === "health_status" && more !== undefined && { health: more.trim() }),
    id: textOf(ID),
    ...(name !== undefined && { name }),
    ...(exitCode !== undefined && /^-?\d+$/.test(exitCode) && { exitCode: Number(exitCode) }),
    attributes,
    timeNs: /^\d+$/.test(String(timeNano)) ? String(timeNano) : "0",
  }
}

function attributesOf(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(Object(value)).slice(0, ATTRIBUTES_MAX)
  return Object.fromEntries(pairs.map(([name, text]) => [name, textOf(text).slice(0, ATTRIBUTE_CHARACTERS)]))
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}
