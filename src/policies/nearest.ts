/** Most letters that may differ: more is another word. */
const FAR = 3

/**
 * The known name that a wrong one was most likely meant to be, as words for the end of a sentence; else all that are known.
 * @example didYouMean("protected", ["protect", "retain"]) // "; did you mean protect?"
 */
export function didYouMean(wrong: string, known: readonly string[]): string {
  const best = nearest(wrong, known)
  return best === undefined ? `; there are ${known.join(", ")}` : `; did you mean ${best}?`
}

/** The same where all that are known would be too many to say: nothing then. */
export function perhapsMeant(wrong: string, known: Iterable<string>): string {
  const best = nearest(wrong, known)
  return best === undefined ? "" : `; did you mean ${best}?`
}

function nearest(wrong: string, known: Iterable<string>): string | undefined {
  const word = wrong.toLowerCase()
  let best: string | undefined
  let least = Math.min(FAR, Math.ceil(word.length / 2)) + 1
  for (const name of known) {
    const distance = distanceOf(word, name.toLowerCase())
    if (distance >= least) continue
    best = name
    least = distance
  }
  return best
}

/** Letters to insert, remove or exchange until one is the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_each, at) => at)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const exchange = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(exchange, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
