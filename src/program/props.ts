import { FettleError } from "../errors.ts"
import type { AnyProvider } from "../provider.ts"
import type { Address } from "./address.ts"
import { isPlain, nodesOf, Output } from "./output.ts"
import type { LazyPlace } from "./place.ts"

interface Issue {
  readonly code?: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  /** What each branch of a union says. */
  readonly errors?: readonly (readonly Issue[])[]
}

/** Props as declared: copied, so that nobody changes them later, checked, and frozen. */
export function fixProps(
  provider: AnyProvider,
  raw: unknown,
  address: Address | undefined,
  place: LazyPlace,
): { props: unknown; needs: readonly Address[]; complete: boolean } {
  const missing: PropertyKey[][] = []
  const copied = copy(raw, missing)
  if (missing.length > 0)
    throw propsError(
      missing.map((path) => ({ path, message: UNDEFINED })),
      provider.kind,
      address,
      place,
    )
  const needs = nodesOf(copied)
  const complete = needs.length === 0 && !holdsOutput(copied)
  const result = provider.props.safeParse(copied)
  if (result.success && complete) return { props: freeze(result.data), needs, complete }
  if (!result.success) {
    const wrong = complete
      ? result.error.issues
      : result.error.issues.filter((issue: Issue) => !mayBeOutput(copied, issue))
    if (wrong.length > 0) throw propsError(wrong, provider.kind, address, place)
  }
  return { props: freeze(copied), needs, complete: false }
}

/** Checks props whose outputs have become known. @throws FettleError `PROPS_INVALID` */
export function parseProps(
  provider: AnyProvider,
  resolved: unknown,
  address: Address,
  place: LazyPlace | undefined,
): unknown {
  const result = provider.props.safeParse(resolved)
  if (!result.success) throw propsError(result.error.issues, provider.kind, address, place)
  return freeze(result.data)
}

/** An issue in the schema's words; a union says only "Invalid input", its branches know more. */
function wordsOf(issue: Issue): string {
  const branches = (issue.errors ?? []).flatMap((branch) => branch.slice(0, 1).map(wordsOf))
  return branches.length === 0 ? issue.message : [...new Set(branches)].join(", or ")
}

function propsError(
  issues: readonly Issue[],
  kind: string,
  address: Address | undefined,
  place: LazyPlace | undefined,
): FettleError {
  const words = issues
    .slice(0, 5)
    .map((issue) => `${issue.path.length === 0 ? "props" : issue.path.map(String).join(".")}: ${wordsOf(issue)}`)
  return new FettleError("PROPS_INVALID", `${address ?? kind}: ${words.join("; ")}`, {
    address,
    place,
    next: `correct the named prop; \`fettle kinds ${kind}\` prints the schema`,
    details: { issues: issues.map((issue) => ({ path: issue.path.map(String), message: wordsOf(issue) })) },
  })
}

/** An issue whose place holds an output, at it, above it or below it, cannot be judged before the output is known. */
function mayBeOutput(props: unknown, issue: Issue): boolean {
  if (issue.code === "unrecognized_keys") return false
  let at: unknown = props
  for (const key of issue.path) {
    if (at instanceof Output) return true
    at = isPlain(at) || Array.isArray(at) ? (at as Record<PropertyKey, unknown>)[key] : undefined
  }
  return holdsOutput(at)
}

function holdsOutput(value: unknown): boolean {
  if (value instanceof Output) return true
  if (Array.isArray(value)) return value.some(holdsOutput)
  return isPlain(value) && Object.values(value).some(holdsOutput)
}

/**
 * A copy that nobody else holds. A key that is there with `undefined` is what a typing error in the program leaves: dropped
 * silently it would make an empty file.
 * @param missing gets the path of each such key
 */
function copy(value: unknown, missing: PropertyKey[][]): unknown {
  if (Array.isArray(value)) return value.map((each, at) => copyAt(at, each, missing))
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (!isPlain(value)) return value
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(value)) result[key] = copyAt(key, value[key], missing)
  return result
}

/** Paths are put together only where something is wrong: a program of 100,000 nodes pays nothing for them. */
function copyAt(key: PropertyKey, value: unknown, missing: PropertyKey[][]): unknown {
  if (value === undefined) {
    missing.push([key])
    return undefined
  }
  const before = missing.length
  const copied = copy(value, missing)
  for (const path of missing.slice(before)) path.unshift(key)
  return copied
}

const UNDEFINED = "it is undefined; leave the key out where it is not meant"

/** Freezes plain objects and arrays, deeply. */
export function freeze(value: unknown): unknown {
  if (Array.isArray(value)) for (const each of value) freeze(each)
  else if (isPlain(value)) for (const key of Object.keys(value)) freeze(value[key])
  else return value
  return Object.freeze(value)
}
