/** The percent of lines covered over all files of an lcov report, rounded down to two places. */
export function lineCoverage(lcov: string): number {
  const found = sum(lcov, /^LF:(\d+)$/gm)
  const hit = sum(lcov, /^LH:(\d+)$/gm)
  if (found === 0) throw new Error("the report names no lines")
  return Math.floor((hit / found) * 10_000) / 100
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)
}
