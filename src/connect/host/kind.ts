import type { Duplex } from "node:stream"
import type { z } from "zod"
import { FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import {
  type AnyProvider,
  type Change,
  type ChangeItem,
  type ChangeResult,
  type Key,
  type Last,
  type Provider,
  provider,
  type Read,
  type ReadItem,
  type Seen,
  type Settles,
  type Write,
} from "../../provider.ts"
import type { Secret } from "../../secrets/secret.ts"
import type { DialTo } from "../dial.ts"
import type { HostCommand, HostCommandEnd } from "./command.ts"
import type { LocalSeen } from "./local-file.ts"
import type { LocalFolder, LocalListing } from "./local-folder.ts"
import type { PathFacts, PathSeen } from "./look.ts"

/** What a host kind wants to know, as data: the driver merges the questions of all items of all kinds into one request. */
export interface HostQuestion {
  /** Absolute paths whose type, mode, size and owner are asked for. Links are not followed. */
  readonly stat?: readonly string[]
  /** The same, and the SHA-256 of those that are files. */
  readonly sha256?: readonly string[]
  /**
   * The text, at most 64 KB, of a file whose hash differs from this one, for a diff; what a local file decides is told from what was
   * found of it. Never ask for the text of a file that may hold a secret.
   */
  readonly textUnless?: {
    readonly path: string
    readonly sha256: string | ((local: HostAnswer["local"]) => string | undefined)
    readonly maxBytes: number
  }
  /** Files on the machine where fettle runs. */
  readonly local?: readonly string[]
  /** Shell text that only looks, for what paths cannot tell. Runs in a subshell; its standard error is part of its output. */
  readonly script?: string
  /** A look that one process can make for many items. */
  readonly shared?: SharedQuestion
}

/**
 * Questions with the same script are asked once in a request, with the words of all of them as `"$@"`; a function makes the script
 * from these words, where one process is to serve what a shell could only ask in turn. Otherwise as `script`.
 */
export interface SharedQuestion {
  readonly script: string | ((words: readonly string[]) => string)
  /** What this item asks about: the name of a package. Each word is given once. */
  readonly words: readonly string[]
}

/** What a question came to. Everything asked for is there; asking for more is a fault of the kind. */
export interface HostAnswer {
  path(path: string): PathSeen
  local(path: string): LocalSeen
  /** Where the hash differed, and the file is text within the limit. */
  readonly text?: string | undefined
  readonly script?: ScriptRecord | undefined
  /** The same object for all items that asked with the same script: what is made of it can be kept by it. */
  readonly shared?: ScriptRecord | undefined
  /** Of each open intent of a kind that has its scripts noted. */
  readonly noted?: ReadonlyMap<string, Noted> | undefined
  /** Of the kind's `folder`. */
  readonly listing?: LocalListing | undefined
}

/** What is known of a script that a crash cut off: it ended so, it never began, or why nobody can tell. */
export type Noted = { readonly exitCode: number; readonly word: string } | "not begun" | { readonly unknown: string }

/** What a script came to. */
export interface ScriptRecord {
  readonly exitCode: number
  readonly out: string
  /** Empty where standard error is part of `out`: questions and brief scripts. */
  readonly err: string
}

/** A file of the machine where fettle runs: streamed, or rendered where it is a template. What comes out must have the hash that was planned. */
export interface LocalContent {
  readonly local: string
  readonly sha256?: string
  readonly render?: (text: string) => string
}

/** A text around secrets that the node names: it is built when they are open, and nobody else sees it. */
export interface SealedContent {
  readonly secrets: readonly Secret<unknown>[]
  readonly build: (open: (secret: Secret<unknown>) => string) => string
}

/** What a file shall hold. */
export type HostContent = string | Uint8Array | Secret<string> | LocalContent | SealedContent

/**
 * "absent", "any", or the hash, plain or sealed, that was read: what must still be there when its turn comes, else `STALE`. What is
 * already as wanted is never stale.
 */
export type Expected = string

/** A file to be put in place whole: staged in its own folder, owner and mode set, synced, renamed, verified. */
export interface HostPut {
  readonly path: string
  readonly content: HostContent
  /** Octal, four digits. */
  readonly mode: string
  readonly owner?: string | undefined
  readonly group?: string | undefined
  readonly expect: Expected
}

/** A file to be removed. Already gone is success. */
export interface HostRemove {
  readonly path: string
  readonly expect: Expected
}

/** A folder to be made before files are put: its parent is there, or stands before it. One that is there is left as it is. */
export interface HostFolder {
  readonly path: string
  /** Octal, four digits. */
  readonly mode: string
  readonly owner?: string | undefined
  readonly group?: string | undefined
}

/** A change as data. Folders, then files, all together with those of the other items; then the script, if all of them went well. */
export interface HostChange {
  readonly folders?: readonly HostFolder[]
  readonly puts?: readonly HostPut[]
  readonly removes?: readonly HostRemove[]
  /**
   * Shell text. Runs in `/`, in a subshell, with `$S` the folder of its slots; exit code 10 says that what was read is no longer so.
   * It may be logged and shows in the process list: secrets go into slots or puts.
   */
  readonly script?: string
  /**
   * Folders in which a script that is not brief writes as root: it finds in `$ASTRAY` why it must not, where somebody else could lead
   * root astray there. `unlessAstray` ends it with that.
   */
  readonly writesIn?: readonly string[]
  /** Files of mode 0600 under `$S`, gone after the request. */
  readonly slots?: Readonly<Record<string, HostContent>>
  /**
   * True for scripts of a few file system calls: run in turn, without a shell and a timeout of their own. `keep PATH…` syncs, `safely
   * FOLDER…` ends it where root could be led astray; `take` and `give` of edit-shell.ts change a part of a file.
   */
  readonly brief?: boolean
}

/** What a change came to; only given where all of it went well. */
export interface HostOutcome {
  /** What stands at a path that was put, read back after the rename. */
  path(path: string): PathFacts
  readonly script?: ScriptRecord | undefined
}

/** What a change is planned from. */
export interface ChangeParts<P, O> {
  readonly want: P
  readonly seen: Seen<O>
  readonly change: Change<P>
  readonly last: Last<P, O> | undefined
  /** Of the intent: the same when it is repeated. */
  readonly token: string
  /** Of the kind's `folder`, where what was read before the change does not say under `shown.folder` that it was listed then. */
  readonly listing?: LocalListing | undefined
}

/** What a removal is planned from. */
export interface RemovalParts<P, O> {
  readonly seen: Seen<O>
  readonly last: Last<P, O> | undefined
}

/** A kind on a host as pure pairs: question and answer, change and result. It touches nothing itself, so tables test it. */
export interface HostKind<S extends z.ZodType, O extends z.ZodType> {
  readonly kind: string
  readonly version: number
  readonly about: string
  readonly props: S
  readonly outputs: O
  readonly settles?: Settles | ((want: z.output<S>) => Settles)
  readonly stable?: readonly (keyof z.output<O> & string)[]
  readonly volatile?: readonly (keyof z.output<O> & string)[]
  readonly asserts?: boolean
  /** What it reads may be made by what it needs: where that changes, it is looked at again in its turn, in a request of its own. */
  readonly followsNeeds?: boolean
  readonly timeoutMs?: number
  id(want: z.output<S>): string
  predict?(want: z.output<S>, seen?: Seen<z.output<O>>): Partial<z.output<O>>
  /** As in the contract: paths of the machine where fettle runs that are read for what is wanted. */
  readsHere?(want: z.output<S>): readonly string[]
  /** A folder of the machine where fettle runs that is listed before the question is put. */
  folder?(want: z.output<S>): LocalFolder
  question(key: Key<z.output<S>, z.output<O>>, listing?: LocalListing): HostQuestion
  answer(key: Key<z.output<S>, z.output<O>>, found: HostAnswer, seal: (sha256: string) => string): Seen<z.output<O>>
  plan(
    want: z.output<S>,
    seen: Seen<z.output<O>>,
    last: Last<z.output<S>, z.output<O>> | undefined,
  ): Change<z.output<S>>
  change(parts: ChangeParts<z.output<S>, z.output<O>>): HostChange
  removal(seen: Seen<z.output<O>>, last: Last<z.output<S>, z.output<O>> | undefined): HostChange
  /**
   * A word without spaces where neither looking nor repeating proves anything, else undefined: beginning and end of its script are
   * noted on the host with the word, under the token of the intent, and `noted` of an answer tells them after a crash. Not for
   * brief scripts.
   */
  noted?(want: z.output<S>): string | undefined
  /**
   * The text, by its path, of which it changes a part by putting a new whole in place. Changes and removals of one text go in requests
   * of their own, each looked at again.
   */
  partOf?(props: z.output<S>): string | undefined
  /**
   * Folders in which its changes and removals write, as whoever works: where root could be led astray there, it is refused in the
   * plan, and not only when it is made.
   */
  writesAt?(key: Key<z.output<S>, z.output<O>>): readonly string[]
  /** Scripts with the same word are never at work at once on one host: "dpkg". */
  exclusive?(want: z.output<S> | undefined): string | undefined
  /**
   * Changes for which it gives the same word can be made by one script, from `changeAll`: forty packages by one run of apt. Each
   * gets `result` with what that script came to; where it fails, each is tried alone.
   */
  together?(parts: ChangeParts<z.output<S>, z.output<O>>): string | undefined
  /** Script and slots only; slots without secrets. */
  changeAll?(all: readonly ChangeParts<z.output<S>, z.output<O>>[]): HostChange
  /** The same for removals. */
  removedTogether?(parts: RemovalParts<z.output<S>, z.output<O>>): string | undefined
  removalAll?(all: readonly RemovalParts<z.output<S>, z.output<O>>[]): HostChange
  result(
    outcome: HostOutcome,
    want: z.output<S>,
    seal: (sha256: string) => string,
    parts: ChangeParts<z.output<S>, z.output<O>>,
  ): z.output<O>
  /** A better error than `CHANGE_FAILED` with the script's own words. */
  failure?(script: ScriptRecord, want: z.output<S> | undefined): FettleError | undefined
  upgrade?(old: unknown, version: number): Last<z.output<S>, z.output<O>>
}

/** A host kind of any shape, as the driver holds it. */
// biome-ignore lint/suspicious/noExplicitAny: the driver holds kinds of every shape; each was checked where it was declared
export type AnyHostKind = HostKind<any, any>

/** An open host, as providers get it. */
export interface HostClient {
  read(
    items: readonly ReadItem[],
    call: Omit<Read<undefined>, "connection">,
  ): Promise<ReadonlyMap<Address, Seen<unknown>>>
  change(items: readonly ChangeItem[], settle: (item: ChangeItem, result: ChangeResult) => unknown): Promise<void>
  /** Runs one command, outside of everything that is planned and recorded. */
  run(command: HostCommand): Promise<HostCommandEnd>
  /**
   * Opens a connection from the host, as a stream of bytes.
   * @throws FettleError `DIAL_FAILED` where the host cannot connect to it; `HOST_TOOLS` and what the host cannot be reached with
   */
  dial(to: DialTo, signal: AbortSignal): Promise<Duplex>
}

const kinds = new WeakMap<AnyProvider, AnyHostKind>()

/** The pure pairs behind a provider, where it is a host kind. */
export function hostKindOf(of: AnyProvider): AnyHostKind | undefined {
  return kinds.get(of)
}

/**
 * Makes a provider of a host kind. The engine hands its items to the host's driver, which merges them; called one by one it does
 * the same for one.
 * @example export const link = hostKind({ kind: "host.link", version: 1, question: (key) => ({ stat: [key.want.path] }), … })
 */
export function hostKind<S extends z.ZodType, O extends z.ZodType>(kind: HostKind<S, O>): Provider<S, O, HostClient> {
  const { question: _, folder: _folder, answer, change, removal, result, failure, exclusive, noted, ...more } = kind
  const { together, changeAll, removedTogether, removalAll, partOf, writesAt, ...shared } = more
  const self: Provider<S, O, HostClient> = provider<S, O, HostClient>({
    ...shared,
    connects: "host",
    settles: kind.settles ?? "unique",
    read: async (keys, call) => {
      const items = keys.map((key) => ({ provider: self as AnyProvider, key }))
      return (await call.connection.read(items, call)) as ReadonlyMap<Address, Seen<z.output<O>>>
    },
    ensure: async (want, seen, planned, call) => {
      const done = await alone(
        { provider: self, action: "ensure", want, seen, change: planned as Change<Record<string, unknown>> },
        call,
      )
      return ("outputs" in done ? done.outputs : undefined) as z.output<O>
    },
    delete: async (seen, last, call) => {
      await alone({ provider: self, action: "delete", seen, last, change: { action: "none" } }, call)
    },
  })
  kinds.set(self, kind)
  return self
}

/** One change by itself. @throws FettleError whatever it failed with */
async function alone(
  parts: Pick<ChangeItem, "provider" | "action" | "seen" | "change"> & {
    readonly want?: unknown
    readonly last?: Last<unknown, unknown> | undefined
  },
  call: Write<HostClient>,
): Promise<ChangeResult> {
  const { address, intent, signal } = call
  const timeoutMs = parts.provider.timeoutMs ?? 60_000
  const item: ChangeItem = { ...parts, address, intent, signal, timeoutMs, call: <C>() => call as unknown as Write<C> }
  let result: ChangeResult | undefined
  await call.connection.change([item], (_item, came) => {
    result = came
  })
  if (result === undefined || "skipped" in result) throw new FettleError("INTERNAL", `${address} got no result`)
  if ("failed" in result) throw result.failed
  return result
}
