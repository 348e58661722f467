import type { z } from "zod"
import type { FettleError } from "./errors.ts"
import type { Address } from "./program/address.ts"
import type { Secret } from "./secrets/secret.ts"

export type { Address } from "./program/address.ts"

/** Plain data: what stands in plans, state and events. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** What state remembers of a thing. Long texts in props are remembered by their hash. */
export interface Last<P, O> {
  readonly props: P
  readonly outputs: O
  readonly carry?: Json | undefined
  /** True where the last change of it did not end well. */
  readonly unfinished?: boolean
}

/** What a read is asked about. Without `want` the thing has left the program. */
export interface Key<P, O> {
  readonly address: Address
  /** The id on the far side, from props or as recorded; missing where the far side assigns ids and none is recorded. */
  readonly id?: string
  readonly want?: P
  readonly last?: Last<P, O>
  /** Tokens of creates that a crash left open: a kind that settles by mark looks for these. */
  readonly open?: readonly string[]
  /** What those calls had left with `progress`, by token. */
  readonly progress?: Readonly<Record<string, Json>>
}

/** The answer to one key. `mark` is the owner mark found on the thing. */
export type Seen<O> =
  | {
      readonly outputs: O
      readonly id?: string
      readonly mark?: string
      readonly shown?: Readonly<Record<string, Json>>
    }
  | { readonly absent: true; readonly shown?: Readonly<Record<string, Json>> }
  | { readonly failed: FettleError }

/** What to do with one thing: plain data, saved, shown, approved, replayed. */
export type Change<P> =
  | {
      readonly action: "none" | "create" | "run" | "check"
      readonly because?: string
      readonly text?: string
      readonly exactly?: readonly string[]
    }
  | {
      readonly action: "update" | "replace"
      readonly props: readonly (keyof P & string)[]
      readonly because: string
      /**
       * Which comes first in a replace. With "stop-first" `ensure` stops the old one itself before it makes the new one, and puts it
       * back where that fails: as with "create-first" the old one is deleted in the end. Default "delete-first".
       */
      readonly order?: "create-first" | "stop-first" | "delete-first"
      /** A diff of text, as unified lines. */
      readonly text?: string
      /**
       * What the change consists of, in the kind's words, where the plan must hold it fast: a saved plan is bound to it, and a
       * later look that lacks any of it makes the change stale. `ensure` gets it as it was planned.
       */
      readonly exactly?: readonly string[]
    }

/** How an intent left open by a crash is settled. */
export type Settles =
  /** The far side enforces uniqueness of the id, or the write is an upsert: looking or repeating is decisive. */
  | "unique"
  /** The far side makes a repeated call with the same token harmless. */
  | "token"
  /** Found by our mark; that it is absent is proof only after the horizon, counted from when its writer is known to be dead. */
  | { readonly mark: true; readonly horizonMs: number }
  /** No proof is possible: the node and its dependants stop until somebody says what happened. */
  | "ask"

/** The journal line behind a write: synced before the call is made. */
export interface Intent {
  /** Client token and owner mark: the same when the same intent is repeated. */
  readonly token: string
  readonly repeated: boolean
  /** What an earlier attempt left with `progress`. */
  readonly progress?: Json
  /** Tokens of intents of the same address that a crash left open and that looking has settled: what is left of them must not begin. */
  readonly supersedes?: readonly string[]
}

/** What a read may use. It cannot open secrets. */
export interface Read<C> {
  readonly connection: C
  readonly signal: AbortSignal
  /** The keyed fingerprint of a plain SHA-256 (hex), so that secret content is compared without its plain hash standing anywhere. */
  seal(sha256: string): string
  /** Wraps a value that the far side returned and that is secret. */
  secret(name: string, value: string): Secret<string>
}

/** What a write may use. */
export interface Write<C> extends Read<C> {
  readonly address: Address
  readonly intent: Intent
  /** Program and stage of the run, as in "shop/prod": for owner marks that people read. */
  readonly owner?: string
  /** Opens a secret that the node names. @throws FettleError `SECRET_NOT_NAMED` */
  reveal<T>(secret: Secret<T>): T
  /** Aborted where the run is to end in order: what waits for long may leave it there and say how it stands. */
  readonly stopping?: AbortSignal | undefined
  /** Writes a synced line that a repeat of the same intent gets back. */
  progress(json: Json): Promise<void>
  /**
   * The open driver of another connection that the node names besides its own.
   * @throws FettleError `CONNECTION_MISSING` where the node does not name it; what opening it throws
   */
  reach?(name: string): Promise<Driver>
  /** Text with every secret hidden that is known by now: for what is cut short before it is told, so that no half of one is left. */
  hide?(text: string): string
  /** Tells measured values, as data, for those who draw them. */
  measured?(facts: Json): void
  /** Tells what is going on: shown live, kept in the log of the run, redacted. */
  log(text: string, stream?: "stdout" | "stderr"): void
}

type AnySchema = z.ZodType

/** A provider knows one kind of thing: how to name it, read it, compare it and change it. */
export interface Provider<S extends AnySchema = AnySchema, O extends AnySchema = AnySchema, C = unknown> {
  /** Stored in state for ever: "postgres.role". */
  readonly kind: string
  /** Of props and outputs; `upgrade` brings older rows up. */
  readonly version: number
  /** One sentence for the docs page. */
  readonly about: string
  /** The type of connection it needs: "host", "http", "sqlite" …, or "none". */
  readonly connects: string
  readonly props: S
  readonly outputs: O
  readonly settles: Settles | ((want: z.output<S>) => Settles)
  /** Outputs that no update changes. */
  readonly stable?: readonly (keyof z.output<O> & string)[]
  /** Outputs that move by themselves and are never drift. */
  readonly volatile?: readonly (keyof z.output<O> & string)[]
  /** Kinds that only assert never remove what was already so before them. */
  readonly asserts?: boolean
  /** What it reads may be made by what it needs: where that changes, it is looked at again in its turn. */
  readonly followsNeeds?: boolean
  /**
   * Paths of this machine that a change of it may write to, as a task does; undefined where it may be any. Missing: it writes to none.
   * Pure.
   */
  makesHere?(want: z.output<S>): readonly string[] | undefined
  /**
   * Paths of this machine that are read for what is wanted, such as a source file. Where something that may make one of them changes
   * before it, it is looked at again in its turn, and decided then. Pure.
   */
  readsHere?(want: z.output<S>): readonly string[]
  /**
   * Where its result is an answer: what was made is recorded, and what comes after it is changed only on "yes". An error without a verdict
   * is one that its change ended with. Pure.
   */
  answer?(outputs: z.output<O>): { readonly verdict?: "yes" | "no" | "inconclusive"; readonly error?: FettleError }
  /** Facts to remember beside the outputs, from what `ensure` returned. */
  carry?(outputs: z.output<O>): Json | undefined
  /** There is nothing to delete when it leaves the program: state forgets it. Some kinds can tell only from what they were declared with. */
  readonly leavesNothing?: boolean | ((props: z.output<S>) => boolean)
  /** A thing found under our id is ours without a mark (its id is our secret, or the write is an upsert nobody else makes). */
  readonly adoptsFound?: boolean
  /**
   * True where the thing holds what cannot be made again, unless its props give leave to remove it: it is protected as with
   * `protect: true`. Pure.
   */
  protects?(want: z.output<S>): boolean
  /** Default limit of one call, in milliseconds; the engine's is 60,000. */
  readonly timeoutMs?: number
  /** The id, from props alone; undefined where the far side assigns it. */
  id(want: z.output<S>): string | undefined
  /**
   * Outputs known before the change is made, so that what uses them is planned and sent with it; verified afterwards. Pure.
   * @param seen what was read for these props, where they have been read for: what a local source was found to hold may stand under
   * `shown`. What is told from it `ensure` must hold fast: where the source has moved since, it fails with `STALE` and makes nothing
   */
  predict?(want: z.output<S>, seen?: Seen<z.output<O>>): Partial<z.output<O>>
  /** Every key gets an answer. */
  read(keys: readonly Key<z.output<S>, z.output<O>>[], call: Read<C>): Promise<ReadonlyMap<Address, Seen<z.output<O>>>>
  /** Pure. */
  plan(
    want: z.output<S>,
    seen: Seen<z.output<O>>,
    last: Last<z.output<S>, z.output<O>> | undefined,
  ): Change<z.output<S>>
  /** Create and update; safe to repeat with the same intent. */
  ensure(want: z.output<S>, seen: Seen<z.output<O>>, change: Change<z.output<S>>, call: Write<C>): Promise<z.output<O>>
  /** Already gone is success. `id` is what was recorded or found. */
  delete(seen: Seen<z.output<O>>, last: Last<z.output<S>, z.output<O>> | undefined, call: Write<C>): Promise<void>
  /** The id on the far side, from outputs, where it assigns it. */
  idOf?(outputs: z.output<O>): string | undefined
  /**
   * What tells a thing from all others of its kind behind its connection, where the id alone does not: each text does so
   * by itself. Two addresses that share one are refused. Pure. Default: the id.
   * @example identities: ({ bucket }, id) => (id === undefined ? [] : [`${bucket}/${id}`])
   */
  identities?(props: z.output<S>, id: string | undefined): readonly string[]
  upgrade?(old: unknown, version: number): Last<z.output<S>, z.output<O>>
}

/** A provider of any kind, as the kernel holds it. */
// biome-ignore lint/suspicious/noExplicitAny: the kernel holds kinds of every shape in one list; each was checked where it was declared
export type AnyProvider = Provider<any, any, any>

/** One question to a connection. */
export interface ReadItem {
  readonly provider: AnyProvider
  readonly key: Key<unknown, unknown>
  /** The node's own limit, where it has one; a driver that merges questions bounds by it what it asks for this node alone. */
  readonly timeoutMs?: number
  /**
   * True where the same plan asked it a moment ago, and more of its props are known now: a driver may answer from what it found then,
   * as far as that tells.
   */
  readonly again?: boolean
}

/** One change for a connection to make. */
export interface ChangeItem {
  readonly provider: AnyProvider
  readonly address: Address
  readonly action: "ensure" | "delete"
  /** Where `action` is "ensure". */
  readonly want?: unknown
  readonly seen: Seen<unknown>
  readonly last?: Last<unknown, unknown> | undefined
  readonly id?: string | undefined
  readonly change: Change<Record<string, unknown>>
  readonly intent: Intent
  /** Changes of the same call that must have ended well before this one begins; only drivers that chain are given any. */
  readonly after?: readonly ChangeItem[]
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** The call as a plain provider gets it; drivers that merge use its `reveal`, `progress` and `log`. */
  call<C>(connection: C): Write<C>
}

/** What came of one change; `undefined` outputs after a delete. */
export type ChangeResult =
  | { readonly outputs: unknown }
  | { readonly deleted: true }
  /** It was not begun, because the change at this address, which it comes after, did not end well. */
  | { readonly skipped: Address }
  | { readonly failed: FettleError; readonly maybe: boolean }

/** An open connection. It gets all questions and all changes that are ready at once, and merges them as its protocol allows. */
export interface Driver {
  /** Who the far side is: machine id, account, engine id. Pinned in state. */
  readonly identity: string
  /**
   * Whether the far side is the one that state remembers, where that is more than two equal texts. `remember` replaces what is
   * pinned; `other` says what differs.
   */
  recognize?(remembered: string): { readonly remember: string } | { readonly other: string }
  /** True where a change refuses by itself what has moved since it was read. */
  readonly guards: boolean
  /**
   * True where it takes changes together with those they wait for, and does them in order: one call, however many. Such a call
   * counts as one change toward what a run does at once.
   */
  readonly chains?: boolean
  /** Most changes it takes at once; what waits for its turn has no intent in the journal yet. Default: no limit but the run's. */
  readonly wave?: number
  read(
    items: readonly ReadItem[],
    call: Omit<Read<undefined>, "connection">,
  ): Promise<ReadonlyMap<Address, Seen<unknown>>>
  /**
   * Settles each item once, as soon as its result is known. What `settle` gives back resolves to true once the intent is closed in
   * the journal: until then a driver keeps what it needs to settle it later.
   */
  change(items: readonly ChangeItem[], settle: (item: ChangeItem, result: ChangeResult) => unknown): Promise<void>
  close(): Promise<void>
}

/** What opening a connection may use. */
export interface OpenContext {
  readonly signal: AbortSignal
  reveal<T>(secret: Secret<T>): T
  /** Text with every secret hidden that is known by now: for what is cut short before it is told. */
  hide?(text: string): string
  log(text: string): void
  /** A variable of the environment that fettle was started in, for connections that follow what another tool follows: `DOCKER_HOST`. */
  env?(name: string): string | undefined
  /** Asks the person at the terminal, where there is one: a second factor. What is typed is not shown. */
  ask?(question: string): Promise<string>
}

/** A declared way to a target. `C` is what providers get as `call.connection`. */
export interface Connection<C = unknown> {
  /** "host", "http", "sqlite" …: a kind's `connects` names it. */
  readonly type: string
  /** Stored in state beside what was made through it. */
  readonly name: string
  /** The target as people read it: no secrets. */
  readonly target: string
  readonly secrets: readonly Secret<unknown>[]
  /** Groups and tags: words by which `--limit` chooses it, besides its name. */
  readonly labels?: readonly string[]
  /** Of who sends traffic: the edges at which it counts latencies, in milliseconds; none where it counts none. */
  readonly latencyEdgesMs?: readonly number[]
  /** Most calls at once, and most calls per interval. */
  readonly limits?: ConnectionLimits
  open(context: OpenContext): Promise<Driver>
  /** Type only. */
  readonly "~client"?: C
}

export interface ConnectionLimits {
  readonly concurrent?: number
  readonly rate?: { readonly calls: number; readonly per: string; readonly burst?: number }
}

/**
 * Checks the shape of a provider and returns it with its types.
 * @example export const role = provider({ kind: "postgres.role", version: 1, … })
 */
export function provider<S extends AnySchema, O extends AnySchema, C>(
  definition: Provider<S, O, C>,
): Provider<S, O, C> {
  if (!/^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+$/i.test(definition.kind))
    throw new TypeError(`provider kind ${JSON.stringify(definition.kind)} is not dotted words, as in "postgres.role"`)
  for (const part of [definition.stable, definition.volatile, definition.settles]) Object.freeze(part)
  return Object.freeze(definition)
}
