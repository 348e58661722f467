/** One stage of a Dockerfile: what it begins with, and what it copies or mounts from. */
interface Stage {
  readonly name: string
  readonly uses: readonly string[]
}

/**
 * The images that a build begins with or copies from, by the names that its Dockerfile gives: of the stages that its target needs.
 * What is no image is left out: other stages, `scratch`, and what a variable leaves open. Pure.
 * @example baseImages("ARG V=1\nFROM base:$V AS a\nFROM a\nCOPY --from=tools:1 /t /t\n", {}) // ["base:1", "tools:1"]
 */
export function baseImages(dockerfile: string, args: Readonly<Record<string, string>>, target?: string): string[] {
  const stages = stagesOf(dockerfile, args)
  const last = stages.length - 1
  const found = new Set<string>()
  const seen = new Set<number>()
  const open = [target === undefined ? last : stageAt(stages, target, stages.length)]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const stage = stages[at]
    if (stage === undefined || seen.has(at)) continue
    seen.add(at)
    for (const use of stage.uses) {
      const other = stageAt(stages, use, at)
      if (other >= 0) open.push(other)
      else if (use !== "scratch" && IMAGE.test(use)) found.add(use)
    }
  }
  return [...found]
}

/** A name of an image that can move: one with a digest cannot, and a number is a stage. */
const IMAGE = /^(?!\d+$)[a-zA-Z0-9][a-zA-Z0-9._:/-]*$/

/** The stage of a name or number, among those before a place; -1 where there is none. */
function stageAt(stages: readonly Stage[], name: string, before: number): number {
  if (/^\d+$/.test(name)) return Number(name) < before ? Number(name) : -1
  const wanted = name.toLowerCase()
  return stages.slice(0, before).findLastIndex((stage) => stage.name === wanted)
}

function stagesOf(dockerfile: string, args: Readonly<Record<string, string>>): readonly Stage[] {
  const stages: { name: string; uses: string[] }[] = []
  const variables = new Map<string, string>()
  for (const { word, rest } of instructions(dockerfile)) {
    const stage = stages.at(-1)
    if (word === "ARG" && stage === undefined) declare(rest, args, variables)
    if (word === "FROM") {
      const [image = "", as, name = ""] = rest.split(/\s+/).filter((part) => !part.startsWith("--"))
      stages.push({ name: as?.toUpperCase() === "AS" ? name.toLowerCase() : "", uses: [filled(image, variables)] })
    }
    if (word === "COPY" || word === "ADD") stage?.uses.push(...named(rest, /(?:^|\s)--from=(\S+)/g))
    if (word === "RUN") stage?.uses.push(...named(rest, /(?:^|\s)--mount=\S*?\bfrom=([^\s,]+)/g))
  }
  return stages
}

function named(rest: string, pattern: RegExp): string[] {
  return [...rest.matchAll(pattern)].flatMap(([, name]) => (name === undefined ? [] : [unquoted(name)]))
}

/** Arguments before the first FROM: those alone count in FROM lines. */
function declare(rest: string, args: Readonly<Record<string, string>>, variables: Map<string, string>): void {
  for (const [, name = "", value] of rest.matchAll(/([A-Za-z_]\w*)(?:=("[^"]*"|'[^']*'|\S*))?/g)) {
    const given = args[name] ?? (value === undefined ? undefined : filled(value, variables))
    if (given !== undefined) variables.set(name, given)
  }
}

function filled(text: string, variables: ReadonlyMap<string, string>): string {
  const pattern = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/g
  return unquoted(text).replace(pattern, (_, plain?: string, braced?: string, sign?: string, other = "") => {
    const value = variables.get(plain ?? braced ?? "") ?? ""
    if (sign === "-") return value === "" ? other : value
    return sign === "+" ? (value === "" ? "" : other) : value
  })
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, "$2")
}

/** Instructions with their continued lines joined, without comments and the bodies of here-documents. */
function* instructions(dockerfile: string): Generator<{ readonly word: string; readonly rest: string }> {
  const escapeMark = /^#\s*escape\s*=\s*`/im.test(dockerfile) ? "`" : "\\"
  const ends: string[] = []
  let text = ""
  for (const line of dockerfile.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    if (text === "" && ends.length > 0) {
      if (line.replace(/^\t+/, "") === ends[0]) ends.shift()
      continue
    }
    if (/^\s*(?:#|$)/.test(line)) continue
    const trimmed = line.trimEnd()
    const continues = trimmed.endsWith(escapeMark)
    text += `${continues ? trimmed.slice(0, -1) : trimmed} `
    if (continues) continue
    const [, word = "", rest = ""] = /^\s*(\S+)\s*(.*)$/.exec(text) ?? []
    if (/^(?:RUN|COPY|ADD)$/i.test(word))
      for (const [, , end = ""] of rest.matchAll(/<<-?(["']?)([A-Za-z_]\w*)\1/g)) ends.push(end)
    yield { word: word.toUpperCase(), rest: rest.trim() }
    text = ""
  }
}
