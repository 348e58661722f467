import { readFileSync } from "node:fs"

/** Parts of the page's script, in the order in which they stand in it: each after all that it imports. */
const PARTS = [
  "draw",
  "unpack",
  "plan",
  "checks",
  "curves",
  "time",
  "graph-units",
  "graph-place",
  "graph-port",
  "graph",
  "logs",
  "begin",
] as const

/**
 * The script of the page, as one text: its modules share a scope, for a page that loads nothing can import nothing. They hold
 * no text over several lines, so what stands before a line can go.
 */
export function pageScript(): string {
  const parts = PARTS.map((name) =>
    read(`browser/${name}.js`)
      .replace(IMPORTS, "")
      .replace(/^export /gm, ""),
  )
  return `(() => {\n"use strict"\n${parts.join("\n")}})()`
}

const IMPORTS = /^import \{[^}]*\} from "\.\/[\w-]+\.js"\n/gm

export function pageStyle(): string {
  return read("style.css")
    .replace(/\/\*.*?\*\/\n/gs, "")
    .replace(/^ +/gm, "")
}

function read(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8")
}
