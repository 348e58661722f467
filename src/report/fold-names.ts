/** Names that are told one by one once they are folded; more would push out of sight what is said of them. */
const SHOWN_MAX = 8

/**
 * Many names in few words: those that differ in one run of digits become a range, as in "web[01-20], db1".
 * @param most parts that are told; the others are counted
 */
export function foldNames(names: readonly string[], most = SHOWN_MAX): string {
  const parts = [...byShape(names).values()].flatMap(ranges)
  if (parts.length <= most) return parts.map(({ text }) => text).join(", ")
  const shown = parts.slice(0, most)
  const left = names.length - shown.reduce((sum, { size }) => sum + size, 0)
  return `${shown.map(({ text }) => text).join(", ")} and ${left} more`
}

interface Member {
  readonly name: string
  readonly before: string
  readonly digits: string
  readonly after: string
}

interface Part {
  readonly text: string
  readonly size: number
}

/** Members that may become a range: the same text around the last digits, and digits that are as wide where zeros lead. */
function byShape(names: readonly string[]): ReadonlyMap<string, readonly Member[]> {
  const members = names.map((name): Member => {
    const [, before = name, digits = "", after = ""] = /^(.*?)(\d{1,9})(\D*)$/s.exec(name) ?? []
    return { name, before, digits, after }
  })
  const shapeOf = ({ before, after }: Member, width: number): string => `${before}\n${width}\n${after}`
  const padded = new Set(
    members.filter(({ digits }) => /^0\d/.test(digits)).map((each) => shapeOf(each, each.digits.length)),
  )
  return Map.groupBy(members, (each) => {
    if (each.digits === "") return `\n${each.name}`
    const shape = shapeOf(each, each.digits.length)
    return padded.has(shape) ? shape : shapeOf(each, 0)
  })
}

function ranges(members: readonly Member[]): readonly Part[] {
  const sorted = [...members].sort((a, b) => Number(a.digits) - Number(b.digits))
  const parts: Part[] = []
  let run: Member[] = []
  const end = (): void => {
    const [first, last] = [run[0], run.at(-1)]
    if (first === undefined || last === undefined) return
    if (run.length < 3) parts.push(...run.map(({ name }) => ({ text: name, size: 1 })))
    else parts.push({ text: `${first.before}[${first.digits}-${last.digits}]${first.after}`, size: run.length })
    run = []
  }
  for (const member of sorted) {
    const before = run.at(-1)
    if (before !== undefined && Number(member.digits) !== Number(before.digits) + 1) end()
    run.push(member)
  }
  end()
  return parts
}
