/** Most names that one pattern may stand for: more is a typing error. */
const NAMES_MAX = 100_000

/**
 * The names that a pattern of an inventory stands for: `web[01:20]`, `db-[a:f]`, `n[0:10:2]`; several ranges multiply.
 * @throws RangeError where a range cannot be one
 */
export function expandRanges(pattern: string): readonly string[] {
  const found = /\[([^[\]]*)\]/.exec(pattern)
  const range = found?.[1]
  if (found === null || range === undefined || !range.includes(":")) return [pattern]
  const before = pattern.slice(0, found.index)
  const rest = expandRanges(pattern.slice(found.index + found[0].length))
  const names = membersOf(range).flatMap((member) => rest.map((after) => `${before}${member}${after}`))
  if (names.length > NAMES_MAX) throw new RangeError(`${pattern} stands for more than ${NAMES_MAX} names`)
  return names
}

function membersOf(range: string): readonly string[] {
  const [, from = "", to = "", by] = /^([0-9]*|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?$/.exec(range) ?? []
  const step = by === undefined ? 1 : Number(by)
  const isLetters = /^[a-zA-Z]$/.test(from) && /^[a-zA-Z]$/.test(to)
  const begin = isLetters ? from.charCodeAt(0) : Number(from)
  const end = isLetters ? to.charCodeAt(0) : Number(to)
  if (to === "" || step < 1 || !(end >= begin) || (end - begin) / step > NAMES_MAX)
    throw new RangeError(`[${range}] is no range`)
  if (/^0\d/.test(from) && from.length !== to.length)
    throw new RangeError(`[${range}] begins with a zero, so both ends must be as wide`)
  const text = (value: number): string =>
    isLetters ? String.fromCharCode(value) : /^0/.test(from) ? String(value).padStart(from.length, "0") : String(value)
  return Array.from({ length: Math.floor((end - begin) / step) + 1 }, (_, at) => text(begin + at * step))
}
