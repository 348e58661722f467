/** Lines of unchanged text shown around a change. */
const CONTEXT = 3
/** Most differences that are worked out; texts that differ more are shown as all old lines and all new lines. */
const EDITS_MAX = 2_000
/** Most lines of a diff; what is left out is counted. */
const LINES_MAX = 400

type Edit = { readonly sign: " " | "-" | "+"; readonly line: string }

/**
 * A unified diff of two texts, without a header; control characters are left to whoever prints it.
 * @example textDiff("a\nb\n", "a\nc\n") // "@@ -1,2 +1,2 @@\n a\n-b\n+c"
 */
export function textDiff(before: string, after: string): string {
  const lines = hunks(edits(split(before), split(after)))
  return lines.length <= LINES_MAX
    ? lines.join("\n")
    : [...lines.slice(0, LINES_MAX), `… ${lines.length - LINES_MAX} more lines`].join("\n")
}

/** Lines of a text; a last line without its newline says so, as `diff` does. */
function split(text: string): string[] {
  if (text === "") return []
  const lines = text.split("\n")
  const last = lines.pop() as string
  if (last !== "") lines.push(`${last}\n\\ No newline at end of file`)
  return lines
}

/** The shortest edit by Myers' algorithm, after what is equal at both ends. */
function edits(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  )
    end++
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => ({ sign: " ", line }))
  const middle = myers(before.slice(start, before.length - end), after.slice(start, after.length - end))
  return [...same(before.slice(0, start)), ...middle, ...same(before.slice(before.length - end))]
}

function myers(before: readonly string[], after: readonly string[]): Edit[] {
  const trace = forward(before, after)
  if (trace === undefined)
    return [...before.map((line): Edit => ({ sign: "-", line })), ...after.map((line): Edit => ({ sign: "+", line }))]
  return backward(before, after, trace)
}

/** How far each diagonal reaches after each number of edits; undefined where there are too many. */
function forward(before: readonly string[], after: readonly string[]): Int32Array[] | undefined {
  const most = Math.min(before.length + after.length, EDITS_MAX)
  const reach = new Int32Array(2 * most + 3)
  const middle = most + 1
  const trace: Int32Array[] = []
  for (let edit = 0; edit <= most; edit++) {
    trace.push(reach.slice(middle - edit - 1, middle + edit + 2))
    for (let diagonal = -edit; diagonal <= edit; diagonal += 2) {
      let x = step(reach, middle + diagonal, diagonal === -edit, diagonal === edit)
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++
      reach[middle + diagonal] = x
      if (x >= before.length && x - diagonal >= after.length) return trace
    }
  }
  return undefined
}

/** Where a diagonal begins: below the one above it, or right of the one below it, whichever is farther. */
function step(reach: Int32Array, at: number, first: boolean, last: boolean): number {
  const [left, right] = [reach[at - 1] as number, reach[at + 1] as number]
  return first || (!last && left < right) ? right : left + 1
}

function backward(before: readonly string[], after: readonly string[], trace: readonly Int32Array[]): Edit[] {
  const result: Edit[] = []
  let x = before.length
  let y = after.length
  for (let edit = trace.length - 1; edit > 0; edit--) {
    const reach = trace[edit] as Int32Array // of the edit before, centred on diagonal 0 at index edit + 1
    const diagonal = x - y
    const at = edit + 1 + diagonal
    const down = diagonal === -edit || (diagonal !== edit && (reach[at - 1] as number) < (reach[at + 1] as number))
    const fromX = down ? (reach[at + 1] as number) : (reach[at - 1] as number)
    const fromY = fromX - (down ? diagonal + 1 : diagonal - 1)
    while (x > fromX && y > fromY && x > 0 && y > 0 && before[x - 1] === after[y - 1]) {
      result.push({ sign: " ", line: before[--x] as string })
      y--
    }
    if (down) result.push({ sign: "+", line: after[--y] as string })
    else result.push({ sign: "-", line: before[--x] as string })
  }
  while (x > 0) result.push({ sign: " ", line: before[--x] as string })
  return result.reverse()
}

/** Edits as hunks with three lines of context. */
function hunks(all: readonly Edit[]): string[] {
  const near = new Uint8Array(all.length)
  for (const [at, { sign }] of all.entries())
    if (sign !== " ") near.fill(1, Math.max(0, at - CONTEXT), at + CONTEXT + 1)
  const lines: string[] = []
  let [oldLine, newLine] = [1, 1]
  for (let at = 0; at < all.length; ) {
    if (near[at] === 0) {
      at++
      oldLine++
      newLine++
      continue
    }
    const end = near.indexOf(0, at)
    const part = all.slice(at, end === -1 ? all.length : end)
    const [olds, news] = [
      part.filter(({ sign }) => sign !== "+").length,
      part.filter(({ sign }) => sign !== "-").length,
    ]
    lines.push(
      `@@ -${range(oldLine, olds)} +${range(newLine, news)} @@`,
      ...part.flatMap(({ sign, line }) => (sign + line).split("\n")),
    )
    oldLine += olds
    newLine += news
    at += part.length
  }
  return lines
}

function range(start: number, count: number): string {
  return count === 1 ? String(start) : `${count === 0 ? start - 1 : start},${count}`
}
