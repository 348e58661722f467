import type { Json } from "../provider.ts"
import type { DataKey } from "../secrets/key.ts"

/** One thing that Fettle remembers. Texts are JSON as `encode` writes it. */
export interface Row {
  readonly address: string
  /** Empty for the current one; the token of its replacement for one that still waits to be deleted. */
  readonly deposed: string
  readonly kind: string
  readonly version: number
  /** Name of the connection; empty for none. */
  readonly connection: string
  readonly id: string | undefined
  /** False for what was already there: adopted, or asserted. */
  readonly owned: boolean
  readonly protect: boolean
  readonly retain: boolean
  /** True where its last change did not end well. */
  readonly unfinished: boolean
  /** True where the outputs were taken over from the world with --refresh-only, and the props not yet made true again. */
  readonly refreshed?: boolean | undefined
  readonly props: string
  readonly outputs: string
  readonly carry: string | undefined
  /** Who may change or delete it and on which stages, as its `allowed` policies said: JSON; undefined where they said nothing. */
  readonly allowed?: string | undefined
  /** Addresses it needed, so that deletes go in reverse. */
  readonly needs: readonly string[]
}

export type IntentAction = "create" | "update" | "replace" | "delete" | "run" | "finally"

/** A line of the journal: written and synced before its effect. */
export interface IntentLine {
  readonly seq: number
  readonly run: number
  readonly address: string
  readonly deposed: string
  readonly action: IntentAction
  readonly kind: string
  readonly connection: string
  readonly id: string | undefined
  /** Client token and owner mark. */
  readonly token: string
  /** The wanted props, encoded. */
  readonly want: string
  readonly needs: readonly string[]
  readonly progress: Json | undefined
  /** Milliseconds since 1970 by this machine's clock. */
  readonly startedAt: number
  /** When a later run first knew that the writer was dead; absence is proof only some time after this. */
  readonly orphanedAt: number | undefined
}

export type Outcome = "done" | "failed" | "maybe" | "settled"

export interface NewIntent extends Omit<IntentLine, "seq" | "run" | "progress" | "orphanedAt"> {}

export interface Result {
  readonly seq: number
  readonly outcome: Outcome
  readonly endedAt: number
  /** Code and fact of an error, redacted. */
  readonly error?: string | undefined
  /** False keeps the intent open: what happened is not known. */
  readonly closes: boolean
}

/** What one synced transaction writes. */
export interface Batch {
  readonly intents?: readonly NewIntent[]
  readonly progress?: readonly { readonly seq: number; readonly json: Json }[]
  readonly results?: readonly Result[]
  readonly rows?: readonly Row[]
  readonly removed?: readonly { readonly address: string; readonly deposed: string }[]
  readonly moved?: readonly { readonly from: string; readonly to: string }[]
  readonly targets?: readonly { readonly connection: string; readonly identity: string }[]
  readonly secrets?: readonly { readonly name: string; readonly sealed: string }[]
  readonly orphaned?: readonly { readonly seq: number; readonly at: number }[]
}

export interface Run {
  readonly run: number
  readonly id: string
  readonly command: string
  readonly who: string
  readonly startedAt: number
  readonly endedAt: number | undefined
  readonly outcome: string | undefined
}

/** What a run reads when it starts. */
export interface Snapshot {
  readonly rows: readonly Row[]
  readonly open: readonly IntentLine[]
  readonly targets: ReadonlyMap<string, string>
  readonly secrets: ReadonlyMap<string, string>
  /** Grows with every transaction; a saved plan is bound to it. */
  readonly serial: number
  /** Identifies the data key that sealed values were made with. */
  readonly keyId: string | undefined
}

export const EMPTY: Snapshot = {
  rows: [],
  open: [],
  targets: new Map(),
  secrets: new Map(),
  serial: 0,
  keyId: undefined,
}

/** A line of the journal with its end. */
export interface EndedLine extends IntentLine {
  readonly outcome: Outcome | undefined
  readonly endedAt: number | undefined
  readonly error: string | undefined
}

/** All that a store remembers: what another one needs to go on in its place. */
export interface Whole {
  readonly rows: readonly Row[]
  readonly lines: readonly (EndedLine & { readonly open: boolean })[]
  /** The last ones, oldest first. */
  readonly runs: readonly Run[]
  readonly targets: readonly (readonly [connection: string, identity: string])[]
  readonly secrets: readonly (readonly [name: string, sealed: string])[]
  readonly counts: Counts
  readonly keyId: string | undefined
}

/** Number of the last line of the journal and of the last run, and of transactions that have neither. */
export interface Counts {
  readonly seq: number
  readonly run: number
  readonly edits: number
}

/** What is noted of a run as it begins. */
export interface NewRun extends Omit<Run, "run" | "endedAt" | "outcome"> {
  /** The data key that it seals with. */
  readonly keyId: string | undefined
}

/** One store of state. Everything that `commit` has returned from survives a crash. */
export interface Store {
  load(): Promise<Snapshot>
  beginRun(run: NewRun): Promise<number>
  endRun(run: number, outcome: string, endedAt: number): Promise<void>
  /** One transaction, synced before it returns; gives the seq of each new intent in order. @throws FettleError `STATE_WRITE` */
  commit(run: number, batch: Batch): Promise<readonly number[]>
  /** The last runs, newest first. */
  runs(): Promise<readonly Run[]>
  entries(run: number): Promise<readonly EndedLine[]>
  dump(): Promise<Whole>
  /** Puts something else in the place of all that is remembered, in one transaction; `key` is the one that it is sealed with. */
  replace(whole: Whole, key: DataKey): Promise<void>
  /** Marks that state lives elsewhere by now: nobody goes on here. */
  leave(movedTo: string): Promise<void>
  close(): Promise<void>
}
