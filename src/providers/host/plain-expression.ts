/** Longest line, in characters, that is judged here: an expression may take the square of it. */
export const LINE_MAX = 500
/** `*` and `+` of one expression, and ways that it may branch: each doubles what a line may cost. */
const LOOPS_MAX = 2
const BRANCHES_MAX = 4

const ATOM =
  /[\w /:=#,;@%&"'<>~!-]|\.|\\[.[\]*+?(){}|^$\\/]|\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|\[:(?:space|blank|digit|alpha):\]|[\w ./#=:,;])+\]/
const PIECE = `(?:${ATOM.source})[*+?]?`
const PLAIN = new RegExp(`^\\^?(?:${PIECE}|\\((?:${PIECE})+(?:\\|(?:${PIECE})+)*\\)\\??)+\\$?$`)

const CLASSES: Readonly<Record<string, string>> = {
  space: " \\t\\n\\r\\f\\v",
  blank: " \\t",
  digit: "0-9",
  alpha: "A-Za-z",
}

/**
 * An extended regular expression that means the same here and to every `grep -E`, on a line of printable ASCII and tabs: no
 * back-reference, no count, no extension of GNU. Undefined for any other.
 */
export function plainExpression(pattern: string): RegExp | undefined {
  if (pattern.length > LINE_MAX || !PLAIN.test(pattern)) return undefined
  const text = pattern.replace(/\[:(space|blank|digit|alpha):\]/g, (_, name: string) => CLASSES[name] as string)
  const signs = text.replace(/\\.|\[\^?[^\]]+\]/g, "x")
  const count = (sign: RegExp): number => (signs.match(sign) ?? []).length
  if (count(/[*+]/g) > LOOPS_MAX || count(/[?|]/g) > BRANCHES_MAX) return undefined
  return new RegExp(text)
}
