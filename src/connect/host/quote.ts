/**
 * A text as one word of a POSIX shell, whatever stands in it; the NUL that no word can hold must be refused before.
 * @example quote("it's") // 'it'\''s'
 */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Texts as words, separated by spaces. */
export function quoteAll(texts: readonly string[]): string {
  return texts.map(quote).join(" ")
}
