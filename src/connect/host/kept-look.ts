import type { Asked, SharedAsks } from "./asked.ts"
import type { Astray } from "./astray.ts"
import type { ScriptRecord, SharedQuestion } from "./kind.ts"
import type { PathSeen } from "./look.ts"

/** What a look found: paths, and what the script of each number came to. */
export interface Looked {
  readonly paths: Map<string, PathSeen>
  readonly scripts: Map<number, ScriptRecord>
}

/** What a look found, by what was asked: a question that is put again a moment later, for more of its props are known, is answered from it. */
export class KeptLook {
  /** Folders that were judged. */
  readonly astray: Astray = new Map()
  readonly #paths = new Map<string, PathSeen>()
  readonly #hashed = new Set<string>()
  readonly #scripts = new Map<string, ScriptRecord>()
  readonly #shared = new Map<
    SharedQuestion["script"],
    { readonly words: ReadonlySet<string>; readonly record: ScriptRecord }
  >()

  /** What need not be asked: all that only items ask that are asked again, where it was found then. */
  tells(asked: readonly Asked[], shared: SharedAsks): Looked {
    const again = asked.filter(({ item }) => item.again === true)
    if (again.length === 0) return { paths: new Map(), scripts: new Map() }
    const others = asked.filter(({ item }) => item.again !== true)
    const scripts = again.flatMap(({ question: { script = "" }, number }) => {
      const known = this.#scripts.get(script)
      return known === undefined ? [] : [[number, known] as const]
    })
    const asking = new Set(others.map(({ question }) => question.shared?.script))
    for (const [script, { number, words }] of shared) {
      const known = asking.has(script) ? undefined : this.#shared.get(script)
      if (known !== undefined && [...words].every((word) => known.words.has(word))) scripts.push([number, known.record])
    }
    return { paths: this.#pathsOf(again, new Set(others.flatMap(pathsIn))), scripts: new Map(scripts) }
  }

  keep(asked: readonly Asked[], shared: SharedAsks, { paths, scripts }: Looked): void {
    for (const [path, seen] of paths) this.#paths.set(path, seen)
    for (const { question, number } of asked) {
      for (const path of question.sha256 ?? []) this.#hashed.add(path)
      const record = scripts.get(number)
      if (question.script !== undefined && record !== undefined) this.#scripts.set(question.script, record)
    }
    for (const [script, { number, words }] of shared) {
      const record = scripts.get(number)
      if (record !== undefined) this.#shared.set(script, { words, record })
    }
  }

  /** One that was only looked at has no hash. */
  #pathsOf(again: readonly Asked[], others: ReadonlySet<string>): Map<string, PathSeen> {
    const hashed = new Set(again.flatMap(({ question }) => question.sha256 ?? []))
    const found = new Map<string, PathSeen>()
    for (const path of again.flatMap(pathsIn)) {
      const known =
        others.has(path) || (hashed.has(path) && !this.#hashed.has(path)) ? undefined : this.#paths.get(path)
      if (known !== undefined) found.set(path, known)
    }
    return found
  }
}

function pathsIn({ question }: Asked): readonly string[] {
  return [...(question.sha256 ?? []), ...(question.stat ?? [])]
}
