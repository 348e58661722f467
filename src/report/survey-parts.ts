import { count } from "./amounts.ts"
import type { Page, Span } from "./page.ts"
import { addRows } from "./rows.ts"
import type { Attention } from "./survey-attention.ts"

/** Entries of a list that are shown unless all are asked for. */
export const LIST_MAX = 12
export const INDENT = 2

/** What pages of surveys are made of: what wants attention, titles, and lists that are cut. */
export class SurveyParts {
  readonly #page: Page
  readonly #verbose: boolean

  constructor(page: Page, verbose: boolean) {
    this.#page = page
    this.#verbose = verbose
  }

  attention(all: readonly Attention[]): void {
    if (all.length === 0) return
    this.#page.addEmpty()
    for (const { bad, text } of all) this.#page.add([bad ? ["red", "× "] : ["yellow", "! "], text], INDENT)
  }

  title(title: string, facts: readonly string[]): void {
    this.#page.addEmpty()
    const shown = facts.filter((fact) => fact !== "")
    this.#page.add(
      [
        ["bold", title],
        ["dim", shown.length === 0 ? "" : `  ${joined(shown)}`],
      ],
      INDENT,
    )
  }

  most(all: readonly unknown[]): number {
    // One more than the limit is shown rather than replaced by a line that counts it.
    return this.#verbose || all.length <= LIST_MAX + 1 ? all.length : LIST_MAX
  }

  list<T>(all: readonly T[], row: (each: T) => readonly Span[]): void {
    const most = this.most(all)
    addRows(this.#page, all.slice(0, most).map(row), INDENT)
    this.left(all.length - most)
  }

  left(more: number): void {
    if (more > 0) this.#page.add([["dim", `  … ${count(more)} more; --verbose shows all`]], INDENT)
  }
}

/** ISO 8601 to the minute, as people write it. */
export function minute(iso: string): string {
  return `${iso.slice(0, 16).replace("T", " ")} UTC`
}

export function joined(words: readonly string[]): string {
  return words.join(" · ")
}
