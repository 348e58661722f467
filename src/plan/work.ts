import { asFettleError, FettleError } from "../errors.ts"
import type { PlannedChange, PlanOptions } from "../events/plan.ts"
import type { NodePolicy } from "../policies/node-policy.ts"
import type { Address } from "../program/address.ts"
import type { Declaration } from "../program/declaration.ts"
import { freeze } from "../program/props.ts"
import type { AnyProvider, Change, Connection, Last, Seen } from "../provider.ts"
import { decode, encode } from "../state/encode.ts"
import type { IntentLine, Row } from "../state/store.ts"

/** What state remembers of one thing, decoded only when somebody looks. */
export class Remembered implements Last<unknown, unknown> {
  readonly row: Row
  #props: unknown
  #outputs: unknown
  readonly #upgraded: Last<unknown, unknown> | undefined

  constructor(row: Row, upgraded?: Last<unknown, unknown>) {
    this.row = row
    this.#upgraded = upgraded
    this.#props = upgraded?.props
    this.#outputs = upgraded?.outputs
  }

  /** The encoding of the props, as the kind writes them now. */
  get propsText(): string {
    return this.#upgraded === undefined ? this.row.props : encode(this.props)
  }

  get props(): unknown {
    this.#props ??= freeze(decode(this.row.props))
    return this.#props
  }

  get outputs(): unknown {
    this.#outputs ??= freeze(decode(this.row.outputs))
    return this.#outputs
  }

  get carry(): Last<unknown, unknown>["carry"] {
    if (this.#upgraded !== undefined) return this.#upgraded.carry
    return this.row.carry === undefined ? undefined : JSON.parse(this.row.carry)
  }

  get unfinished(): boolean {
    return this.row.unfinished
  }
}

/** A row as its kind knows it now; older ones are brought up by `upgrade`. An error where that cannot be. */
export function remember(row: Row, provider: AnyProvider): Remembered | FettleError {
  const { version, address, kind } = row
  if (version === provider.version || version === 0 || provider.version === undefined) return new Remembered(row)
  if (version > provider.version)
    return new FettleError(
      "STATE_NEWER",
      `${address} was recorded by version ${version} of ${kind}; this one is version ${provider.version}`,
      { next: `update what brings ${kind}` },
    )
  if (provider.upgrade === undefined)
    return new FettleError(
      "UPGRADE_MISSING",
      `${address} was recorded by version ${version} of ${kind}, and version ${provider.version} has no upgrade`,
    )
  try {
    const old = new Remembered(row)
    const upgraded = provider.upgrade({ props: old.props, outputs: old.outputs, carry: old.carry }, version)
    return new Remembered(row, upgraded as Last<unknown, unknown>)
  } catch (thrown) {
    return asFettleError(thrown, "PROVIDER_THREW")
  }
}

/** Everything that is known of one address while it is planned and applied. Only its own phase writes it. */
export interface Work {
  readonly address: Address
  readonly declaration: Declaration | undefined
  readonly provider: AnyProvider
  readonly connection: Connection | undefined
  /** Around its writes, as the program says; undefined where the program no longer speaks of it. */
  readonly policies: readonly NodePolicy[] | undefined
  /** All of this stage is to be deleted, whether the program still speaks of it or not. */
  readonly destroyed: boolean
  row: Row | undefined
  last: Remembered | undefined
  /** What is recorded of it under an id that it no longer has: to be deleted once the new one is made. */
  former: Row | undefined
  /** Of what is to be deleted: the node that is the same thing by now. It stays for that one. */
  heir: Address | undefined
  /** Intents that a crash left open. */
  open: readonly IntentLine[]
  /** Resolved and parsed props; undefined while an input is unknown, and for what left the program. */
  want: unknown
  id: string | undefined
  seen: Seen<unknown> | undefined
  /** When it was last read, by the engine's clock. */
  readAt: number
  change: Change<Record<string, unknown>> | undefined
  planned: PlannedChange | undefined
  /** What was asked of the plan: what is decided anew in its turn must be asked for all the same. */
  options: PlanOptions
  error: FettleError | undefined
  /** Outputs known so far; a missing key is unknown. */
  known: Readonly<Record<string, unknown>>
  /** It is decided in its turn, because what it reads may be made before it. */
  followsMaker: boolean
  /** It is decided in its turn, because what refuses it now may be changed before it. */
  followsChange: boolean
  /** True when what was found is ours, though state had not recorded it. */
  found: boolean
  /** The create that must be made again as it was. */
  repeat: Repeat | undefined
  /** The limit that the program gives it, where it is declared and still is to go: `destroy`. */
  timeout: number | string | undefined
}

/** A create that a crash left open and that a repeated call settles. */
export interface Repeat {
  readonly intent: IntentLine
  /** The props of the intent: a far side that knows its token refuses any other. */
  readonly want: unknown
}

export function newWork(
  parts: Pick<Work, "address" | "declaration" | "provider" | "connection" | "row" | "open"> &
    Partial<Pick<Work, "policies" | "destroyed">>,
): Work {
  const last = parts.row === undefined ? undefined : remember(parts.row, parts.provider)
  return {
    ...parts,
    destroyed: parts.destroyed === true,
    policies: parts.policies ?? (parts.declaration && (parts.declaration.options.policies ?? [])),
    last: last instanceof FettleError ? undefined : last,
    former: undefined,
    heir: undefined,
    want: undefined,
    id: parts.row?.id,
    seen: undefined,
    readAt: 0,
    change: undefined,
    planned: undefined,
    options: {},
    followsMaker: false,
    followsChange: false,
    error: last instanceof FettleError ? last : undefined,
    known: NOTHING,
    found: false,
    repeat: undefined,
    timeout: undefined,
  }
}

/** The name of a recorded thing while it is read: a replaced one that still waits to be deleted has its own. */
export function addressOfRow(row: Row): Address {
  return (row.deposed === "" ? row.address : `${row.address} (replaced ${row.deposed.slice(0, 8)})`) as Address
}

/** Whether a thing is never to be deleted or replaced: its program says so, or its kind does of what cannot be made again. */
export function isProtected({ declaration, provider, want }: Work): boolean {
  if (declaration?.options.protect === true) return true
  return want !== undefined && provider.protects?.(want) === true
}

export const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({})

export function isPresent(seen: Seen<unknown> | undefined): seen is Extract<Seen<unknown>, { outputs: unknown }> {
  return seen !== undefined && "outputs" in seen
}

export function isAbsent(seen: Seen<unknown> | undefined): boolean {
  return seen !== undefined && "absent" in seen
}
