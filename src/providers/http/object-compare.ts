import { createHash } from "node:crypto"
import type { Change, Last, Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { chosenId, type ObjectOutputs, type ObjectProps, updateOf } from "./object-props.ts"
import { covers, isRecord, own, pathOf } from "./path.ts"

/** Named in the reason of a change; the rest is counted. */
const NAMED_MAX = 3
/** Longest value in a reason, in characters. */
const VALUE_MAX = 40
/** Most lines of a diff. */
const LINES_MAX = 200

type Recorded = Last<ObjectProps, ObjectOutputs> | undefined
type Present = Extract<Seen<ObjectOutputs>, { outputs: unknown }>

/** A field that is not as wanted. */
export interface Difference {
  readonly path: string
  /** What is there; undefined where the far side does not show it. */
  readonly from: unknown
  readonly to: unknown
  /** For a reason. */
  readonly words: string
}

/** What to do with one object. Pure. */
export function planObject(want: ObjectProps, seen: Seen<ObjectOutputs>, last: Recorded): Change<ObjectProps> {
  if ("absent" in seen) return { action: "create" }
  if ("failed" in seen) return { action: "none", because: "it could not be read" }
  const moved = movedFrom(want, seen, last)
  if (moved !== undefined) return moved
  const found = differences(want, seen.shown?.body, last)
  if (found.length === 0) return { action: "none" }
  const because = reasonOf(found)
  const text = diffOf(found)
  const isFixed = found.some(({ path }) => want.replaceOn.some((each) => covers(each, path) || covers(path, each)))
  if (isFixed) return { ...replaced(want, ["body"], because), text }
  if (updateOf(want) === undefined) return { ...replaced(want, ["body"], `${because}; it has no update`), text }
  return { action: "update", props: ["body"], because, text }
}

/** An object under another id or in another collection than wanted is another object. */
function movedFrom(want: ObjectProps, seen: Present, last: Recorded): Change<ObjectProps> | undefined {
  const id = chosenId(want)
  if (id !== undefined && id !== seen.outputs.id)
    return replaced(want, ["body"], `its id is ${short(seen.outputs.id)}, wanted ${short(id)}`)
  if (seen.shown?.create === undefined || last === undefined) return undefined
  const paths = `${last.props.create.path}, wanted under ${want.create.path}`
  return replaced(want, ["create"], `it lies under ${paths}`)
}

function replaced(want: ObjectProps, props: readonly (keyof ObjectProps)[], because: string) {
  const isUnique = want.key !== undefined || want.settle?.by === "unique" // two at once are refused
  const order = want.replaceOrder ?? (isUnique ? "delete-first" : "create-first")
  return { action: "replace", props, because, order } as const
}

/**
 * Fields of the body that are not as wanted: by what the far side shows, else by what was recorded.
 * @param shown the object's fields as `shownOf` gives them
 */
export function differences(want: ObjectProps, shown: unknown, last: Recorded): readonly Difference[] {
  const rules = { want, unfinished: last?.unfinished === true }
  const takesAway = updateOf(want)?.method === "PUT" && want.compare === undefined
  return [
    ...compare(rules, [], want.body, shown, last?.props.body),
    ...(takesAway ? leftovers([], want.body, shown, last?.props.body) : []),
  ]
}

interface Rules {
  readonly want: ObjectProps
  /** The last change did not end well: what was recorded may not be what was sent. */
  readonly unfinished: boolean
}

type Keys = readonly string[]
type Found = readonly Difference[]

function compare(rules: Rules, keys: Keys, want: unknown, shown: unknown, recorded: unknown): Found {
  if (want instanceof Secret) return compareRecorded(rules, keys, want, recorded)
  const isTree = isRecord(want) && Object.keys(want).length > 0
  if (isTree && (isRecord(shown) || shown === undefined)) return compareFields(rules, keys, want, shown, recorded)
  if (shown === undefined || !isCompared(rules.want, keys)) return compareRecorded(rules, keys, want, recorded)
  if (Array.isArray(want) && Array.isArray(shown) && want.length === shown.length)
    return compareItems(rules, keys, want, shown, recorded)
  const isSame = want === shown || (isRecord(want) && isRecord(shown))
  return isSame ? [] : [differ(keys, shown, want, `is ${short(shown)}, wanted ${short(want)}`)]
}

function compareFields(
  rules: Rules,
  keys: Keys,
  want: Record<string, unknown>,
  shown: unknown,
  recorded: unknown,
): Found {
  return Object.keys(want).flatMap((key) =>
    compare(rules, [...keys, key], want[key], own(shown, key), own(recorded, key)),
  )
}

function compareItems(
  rules: Rules,
  keys: Keys,
  want: readonly unknown[],
  shown: readonly unknown[],
  recorded: unknown,
): Found {
  const isUnordered = rules.want.unordered.some((path) => covers(path, pathOf(keys)))
  const wanted = isUnordered ? sorted(want) : want
  const there = isUnordered ? sorted(shown) : shown
  const before: readonly unknown[] = Array.isArray(recorded) && recorded.length === want.length ? recorded : []
  const beforeToo = isUnordered ? sorted(before) : before
  return wanted.flatMap((each, at) => compare(rules, [...keys, String(at)], each, there[at], beforeToo[at]))
}

/** What the far side does not show: secrets, and fields that it only takes. */
function compareRecorded({ unfinished }: Rules, keys: Keys, want: unknown, recorded: unknown): Found {
  if (want === null && recorded === undefined) return []
  if (recorded === undefined) return [differ(keys, undefined, want, "is not shown, and was not recorded")]
  if (unfinished) return [differ(keys, undefined, want, "is not shown, and its last change did not end well")]
  return isAsRecorded(want, recorded) ? [] : [differ(keys, undefined, want, "was changed")]
}

/** Fields that have left the body: a PUT without them takes them away. */
function leftovers(keys: Keys, want: unknown, shown: unknown, recorded: unknown): Found {
  if (!isRecord(want) || !isRecord(recorded) || !isRecord(shown) || want instanceof Secret) return []
  return Object.keys(recorded).flatMap((key) => {
    const there = own(shown, key)
    if (Object.hasOwn(want, key)) return leftovers([...keys, key], want[key], there, recorded[key])
    return there === undefined || there === null ? [] : [differ([...keys, key], there, undefined, "has left the body")]
  })
}

function differ(keys: Keys, from: unknown, to: unknown, words: string): Difference {
  const path = pathOf(keys)
  return { path, from, to, words: `${path} ${words}` }
}

function isCompared({ compare: only }: ObjectProps, keys: Keys): boolean {
  const path = pathOf(keys)
  return only === undefined || only.some((each) => covers(each, path))
}

/** State remembers a secret by its fingerprint and a long text by its hash. */
function isAsRecorded(want: unknown, recorded: unknown): boolean {
  if (want instanceof Secret) return recorded instanceof Secret && recorded.fingerprint === want.fingerprint
  if (typeof want === "string" && typeof own(recorded, "$text") === "string")
    return createHash("sha256").update(want).digest("hex") === own(recorded, "$text")
  if (Array.isArray(want))
    return (
      Array.isArray(recorded) &&
      want.length === recorded.length &&
      want.every((each, at) => isAsRecorded(each, recorded[at]))
    )
  if (!isRecord(want)) return want === recorded
  const names = Object.keys(want)
  if (!isRecord(recorded) || Object.keys(recorded).length !== names.length) return false
  return names.every((name) => Object.hasOwn(recorded, name) && isAsRecorded(want[name], recorded[name]))
}

/** By their JSON; a secret stands there by its name. */
function sorted(items: readonly unknown[]): readonly unknown[] {
  return items.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))
}

function reasonOf(found: Found): string {
  const named = found.slice(0, NAMED_MAX).map(({ words }) => words)
  const rest = found.length > NAMED_MAX ? [`and ${found.length - NAMED_MAX} more`] : []
  return [...named, ...rest].join("; ")
}

/** The differences as lines of a diff; secrets by name. */
function diffOf(found: Found): string {
  const lines = found.flatMap(({ path, from, to }) => [
    ...(from === undefined ? [] : [`-${path}: ${JSON.stringify(from)}`]),
    ...(to === undefined ? [] : [`+${path}: ${JSON.stringify(to)}`]),
  ])
  const rest = lines.length > LINES_MAX ? [`… ${lines.length - LINES_MAX} more lines`] : []
  return [...lines.slice(0, LINES_MAX), ...rest].join("\n")
}

/** A value in a reason: one line, secrets by name; what is long by its size, since a cut could leave half of a secret. */
function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing"
  if (text.length <= VALUE_MAX) return text
  if (typeof value === "string") return `a text of ${value.length} characters`
  return Array.isArray(value) ? `a list of ${value.length} items` : `an object of ${text.length} characters`
}
