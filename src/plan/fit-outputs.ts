import { FettleError } from "../errors.ts"
import type { Address } from "../program/address.ts"
import { freeze } from "../program/props.ts"
import type { AnyProvider, Seen } from "../provider.ts"
import { isPresent } from "./work.ts"

/** Most places that an error about outputs names. */
const NAMED_MAX = 3

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/**
 * Outputs that a provider gave, as its schema has them, and frozen: others are made from them.
 * @param head how the error begins: "test.thing[a]: test.thing read"
 * @throws FettleError `OUTPUT_WRONG` with the address, and each place that does not fit in the words of the schema
 */
export function fitOutputs(
  provider: AnyProvider,
  outputs: unknown,
  address: Address,
  head: string,
): Readonly<Record<string, unknown>> {
  const parsed = provider.outputs.safeParse(outputs)
  if (parsed.success) return freeze(parsed.data) as Readonly<Record<string, unknown>>
  throw wrongOutputs(address, head, parsed.error.issues)
}

function wrongOutputs(address: Address, head: string, issues: readonly Issue[]): FettleError {
  const places = issues.map(({ path, message }) => ({ path: path.map(String).join(".") || "outputs", message }))
  const named = places.slice(0, NAMED_MAX).map(({ path, message }) => `${path}: ${message}`)
  const more = places.length > NAMED_MAX ? `; and ${places.length - NAMED_MAX} more` : ""
  return new FettleError("OUTPUT_WRONG", `${head} outputs that do not fit its own schema: ${named.join("; ")}${more}`, {
    address,
    details: { issues: places },
  })
}

/** The answer of a provider, or that it is none that can be trusted: its outputs, id and mark decide what is whose. */
export function fitSeen(provider: AnyProvider, seen: Seen<unknown>, address: Address): Seen<unknown> {
  if (!isPresent(seen)) return seen
  const head = `${address}: ${provider.kind} read`
  try {
    const names = (["id", "mark"] as const).filter((name) => seen[name] !== undefined && !isName(seen[name]))
    if (names.length > 0)
      throw wrongOutputs(
        address,
        head,
        names.map((name) => ({ path: [`(${name})`], message: `expected a text, received ${typeof seen[name]}` })),
      )
    return { ...seen, outputs: fitOutputs(provider, seen.outputs, address, head) }
  } catch (thrown) {
    const failed =
      thrown instanceof FettleError
        ? thrown
        : new FettleError("PROVIDER_THREW", `the schema of ${provider.kind} threw`, { address, cause: thrown })
    return { failed }
  }
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== ""
}
