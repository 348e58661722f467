import type { FettleError } from "../errors.ts"
import type { PlannedChange } from "../events/plan.ts"
import type { Address } from "../program/address.ts"
import type { Declaration } from "../program/declaration.ts"
import type { AnyProvider, Change, Connection, Last, Seen } from "../provider.ts"
import { decode } from "../state/encode.ts"
import type { IntentLine, Row } from "../state/store.ts"

/** What state remembers of one thing, decoded only when somebody looks. */
export class Remembered implements Last<unknown, unknown> {
  readonly row: Row
  #props: unknown
  #outputs: unknown

  constructor(row: Row) {
    this.row = row
  }

  get props(): unknown {
    this.#props ??= decode(this.row.props)
    return this.#props
  }

  get outputs(): unknown {
    this.#outputs ??= decode(this.row.outputs)
    return this.#outputs
  }

  get carry(): Last<unknown, unknown>["carry"] {
    return this.row.carry === undefined ? undefined : JSON.parse(this.row.carry)
  }

  get unfinished(): boolean {
    return this.row.unfinished
  }
}

/** Everything that is known of one address while it is planned and applied. Only its own phase writes it. */
export interface Work {
  readonly address: Address
  readonly declaration: Declaration | undefined
  readonly provider: AnyProvider
  readonly connection: Connection | undefined
  row: Row | undefined
  last: Remembered | undefined
  /** What is recorded of it under an id that it no longer has: to be deleted once the new one is made. */
  former: Row | undefined
  /** Intents that a crash left open. */
  readonly open: readonly IntentLine[]
  /** Resolved and parsed props; undefined while an input is unknown, and for what left the program. */
  want: unknown
  id: string | undefined
  seen: Seen<unknown> | undefined
  /** When it was last read, by the engine's clock. */
  readAt: number
  change: Change<Record<string, unknown>> | undefined
  planned: PlannedChange | undefined
  error: FettleError | undefined
  /** Outputs known so far; a missing key is unknown. */
  known: Readonly<Record<string, unknown>>
  /** True when what was found is ours, though state had not recorded it. */
  found: boolean
  /** The token that a repeated create must use again. */
  repeat: IntentLine | undefined
}

export function newWork(
  parts: Pick<Work, "address" | "declaration" | "provider" | "connection" | "row" | "open">,
): Work {
  return {
    ...parts,
    last: parts.row === undefined ? undefined : new Remembered(parts.row),
    former: undefined,
    want: undefined,
    id: parts.row?.id,
    seen: undefined,
    readAt: 0,
    change: undefined,
    planned: undefined,
    error: undefined,
    known: NOTHING,
    found: false,
    repeat: undefined,
  }
}

/** The name of a recorded thing while it is read: a replaced one that still waits to be deleted has its own. */
export function addressOfRow(row: Row): Address {
  return (row.deposed === "" ? row.address : `${row.address} (replaced ${row.deposed.slice(0, 8)})`) as Address
}

export const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({})

export function isPresent(seen: Seen<unknown> | undefined): seen is Extract<Seen<unknown>, { outputs: unknown }> {
  return seen !== undefined && "outputs" in seen
}

export function isAbsent(seen: Seen<unknown> | undefined): boolean {
  return seen !== undefined && "absent" in seen
}
