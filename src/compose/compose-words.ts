/**
 * The words of a command line, with quotes as in a shell.
 * @returns undefined where it needs a shell: write a list then, as in ["sh", "-c", "…"]
 */
export function wordsOf(line: string): string[] | undefined {
  const words: string[] = []
  const pattern = /\s+|"((?:[^"\\$`]|\\["\\])*)"|'([^']*)'|\\(.)|([^\s"'\\|&;<>()$`*?[\]#~]+)/gy
  let word: string | undefined
  for (let at = 0; at < line.length; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    if (found === null) return undefined
    const [all, double, single, escaped, plain] = found
    if (/^\s+$/.test(all) && double === undefined && single === undefined && escaped === undefined) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? "") + (double?.replace(/\\(["\\])/g, "$1") ?? single ?? escaped ?? plain ?? "")
  }
  return word === undefined ? words : [...words, word]
}
