import { FettleError } from "../errors.ts"
import { isPlain } from "../program/output.ts"
import type { DataKey } from "../secrets/key.ts"
import type { Row, Snapshot } from "../state/store.ts"
import { notFound, rowAt } from "./state-commands.ts"

/** Outputs by address. */
export type OutputsByAddress = Readonly<Record<string, unknown>>

/**
 * The outputs of everything that state remembers. Secrets are named; with a key they are opened.
 * @throws FettleError `STATE_KEY_WRONG`
 */
export function allOutputs(snapshot: Snapshot, key: DataKey | undefined): OutputsByAddress {
  const rows = snapshot.rows.filter((row) => row.deposed === "")
  return Object.fromEntries(rows.map((row) => [row.address, outputsOf(row, key)]))
}

/**
 * What `ADDRESS` or `ADDRESS.key` gives; a key may go deeper, as in `.ports.0`.
 * @throws FettleError `STATE_NOT_FOUND`, `STATE_KEY_WRONG`
 * @example outputAt(snapshot, "http.object[api].id", undefined)
 */
export function outputAt(snapshot: Snapshot, name: string, key: DataKey | undefined): unknown {
  const end = name.lastIndexOf("]") + 1
  const address = name.slice(0, end)
  const row = rowAt(snapshot, address)
  if (row === undefined) throw notFound(end === 0 ? name : address)
  const path = name.slice(end)
  if (path === "") return outputsOf(row, key)
  if (!path.startsWith(".")) throw notFound(name)
  let value: unknown = outputsOf(row, key)
  for (const step of path.slice(1).split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, step)) throw noOutput(row, step, value)
    value = value[step]
  }
  return value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}

function noOutput(row: Row, step: string, value: unknown): FettleError {
  const names = isObject(value) ? Object.keys(value) : []
  return new FettleError("STATE_NOT_FOUND", `${row.address} has no output ${JSON.stringify(step)}`, {
    next: names.length === 0 ? "fettle output lists all outputs" : `it has ${names.join(", ")}`,
  })
}

/** The outputs of one row as plain data. */
function outputsOf(row: Row, key: DataKey | undefined): unknown {
  return JSON.parse(row.outputs, (_name, value: unknown) => {
    if (!isPlain(value)) return value
    if (typeof value.$secret === "string") return openOrName(value, key)
    if (typeof value.$text === "string") return `[text of ${value.length} characters]`
    if (typeof value.$bytes === "string") return `[${value.length} bytes]`
    return value
  })
}

function openOrName(value: Record<string, unknown>, key: DataKey | undefined): unknown {
  return key !== undefined && typeof value.sealed === "string"
    ? JSON.parse(key.open(value.sealed))
    : `[secret ${value.$secret}]`
}

/** The names of the secrets among all outputs, or of one address: as `--reveal` opens them. */
export function secretsIn(snapshot: Snapshot, name: string | undefined): readonly string[] {
  const address = name?.slice(0, name.lastIndexOf("]") + 1)
  const rows = snapshot.rows.filter((row) => row.deposed === "" && (address === undefined || row.address === address))
  const names = new Set<string>()
  for (const row of rows)
    JSON.parse(row.outputs, (_key, value: unknown) => {
      if (isPlain(value) && typeof value.$secret === "string" && typeof value.sealed === "string")
        names.add(value.$secret)
      return value
    })
  return [...names]
}
