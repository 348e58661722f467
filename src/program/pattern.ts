import { FettleError } from "../errors.ts"

/** Something that a pattern can choose: by its name, or by what it is called together with others. */
export interface Labelled {
  readonly name: string
  /** Groups and tags. */
  readonly labels: readonly string[]
}

/** Names that are listed where a pattern fits none. */
const LISTED_MAX = 20

/**
 * What a pattern chooses, in the order of `all`: names, groups, tags and globs, separated by commas or colons. "!" takes away, "&"
 * keeps only what is also in it, `web[0]` and `web[0:4]` count from 0 and include both ends: as Ansible has it.
 * @throws FettleError `LIMIT_UNKNOWN` for a word that nothing is called, and where nothing is left: a typing error must not choose less or more
 * @example choose(hosts, "web:&eu:!web7")
 */
export function choose<T extends Labelled>(all: readonly T[], pattern: string): readonly T[] {
  const terms = termsOf(all, pattern)
  const found = (sign: string): readonly ReadonlySet<T>[] =>
    terms.filter((each) => each.sign === sign).map(({ word }) => matching(all, word, sign))
  const plain = found("")
  const kept = found("&")
  const left = found("!")
  const chosen = all.filter(
    (each) =>
      (plain.length === 0 || plain.some((set) => set.has(each))) &&
      kept.every((set) => set.has(each)) &&
      !left.some((set) => set.has(each)),
  )
  if (chosen.length === 0) throw unknown(all, `nothing is left of ${JSON.stringify(pattern)}`)
  return chosen
}

interface Term {
  readonly sign: "" | "!" | "&"
  readonly word: string
}

/** A name may hold colons itself, as addresses do: what is known as a whole stays whole. */
function termsOf(all: readonly Labelled[], pattern: string): readonly Term[] {
  const known = new Set(all.flatMap(({ name, labels }) => [name, ...labels]))
  const parts = pattern
    .split(",")
    .map((part) => part.trim())
    .flatMap((part) => (known.has(part.replace(/^[!&]/, "")) ? [part] : part.split(/:(?![^[]*\])/)))
  const terms = parts
    .filter((part) => part !== "")
    .map((part): Term => {
      const sign = part.startsWith("!") ? "!" : part.startsWith("&") ? "&" : ""
      return { sign, word: part.slice(sign.length).trim() }
    })
  if (terms.length === 0) throw unknown(all, `${JSON.stringify(pattern)} names nothing`)
  return terms
}

function matching<T extends Labelled>(all: readonly T[], word: string, sign: string): ReadonlySet<T> {
  if (word === "all" || word === "*") return new Set(all)
  const exact = all.filter(({ name, labels }) => name === word || labels.includes(word))
  if (exact.length > 0) return new Set(exact)
  const [, base, from, colon, to] = /^(.+)\[(-?\d*)(:?)(-?\d*)\]$/.exec(word) ?? []
  if (base !== undefined && (from !== "" || colon !== "")) return part([...matching(all, base, sign)], from, colon, to)
  if (/[*?]/.test(word)) {
    const glob = globOf(word)
    const found = all.filter(({ name, labels }) => glob.test(name) || labels.some((label) => glob.test(label)))
    if (found.length > 0 || sign === "!") return new Set(found)
  }
  throw unknown(all, `nothing is called ${JSON.stringify(word)}`)
}

/** `[0]`, `[1:3]` with both ends, `[2:]`, `[-1]`. */
function part<T>(list: readonly T[], from = "", colon = "", to = ""): ReadonlySet<T> {
  const at = (text: string, fallback: number): number => {
    const index = text === "" ? fallback : Number(text)
    return index < 0 ? list.length + index : index
  }
  const begin = at(from, 0)
  const end = colon === "" ? begin : at(to, list.length - 1)
  return new Set(list.slice(Math.max(0, begin), Math.max(0, end + 1)))
}

function globOf(word: string): RegExp {
  const source = word
    .replace(/\*+/g, "*")
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
  return new RegExp(`^${source}$`, "su")
}

function unknown(all: readonly Labelled[], fact: string): FettleError {
  const labels = [...new Set(all.flatMap((each) => each.labels))]
  const names = [...labels, ...all.map(({ name }) => name)]
  const more = names.length > LISTED_MAX ? ` and ${names.length - LISTED_MAX} more` : ""
  const next =
    names.length === 0
      ? "there is no host to choose from"
      : `there are: ${names.slice(0, LISTED_MAX).join(", ")}${more}`
  return new FettleError("LIMIT_UNKNOWN", fact, { next })
}
