import type { RunRecord } from "./run-record.ts"

/** All addresses, needs first; what has left the program stands behind. */
export function placed({ ordered, nodes }: RunRecord): {
  readonly addresses: readonly string[]
  readonly needs: readonly (readonly number[])[]
} {
  const first = ordered?.nodes ?? []
  const known = new Set(first)
  return { addresses: [...first, ...[...nodes.keys()].filter((each) => !known.has(each))], needs: ordered?.needs ?? [] }
}
