/** What a terminal, an editor or the compiler may take for more than a character of text. */
const EFFECTS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu

/** A value as TypeScript writes it. */
export type Literal = string | number | boolean | readonly string[] | { readonly [name: string]: string }

/**
 * A value as an expression that means exactly it. Texts of several lines stand as they are between backticks, so that a person can
 * read and change them; whatever a host put into them stays text.
 * @example literal("a\nb") // `a\nb`
 */
export function literal(value: Literal): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value)
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`
  if (typeof value !== "string")
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${literal(name)}: ${literal(each)}`)
      .join(", ")} }`
  return /\n./s.test(value) ? `\`${escaped(value, "`")}\`` : `"${escaped(value, '"').replaceAll("\n", "\\n")}"`
}

function escaped(text: string, mark: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll(mark, `\\${mark}`)
    .replaceAll("${", "\\${")
    .replace(EFFECTS, (each) => (each === "\n" ? each : visible(each)))
}

/** Tabs stay tabs: configuration is full of them. A carriage return between backticks would become a line feed. */
function visible(each: string): string {
  if (each === "\t") return each
  if (each === "\r") return "\\r"
  return `\\u{${(each.codePointAt(0) as number).toString(16)}}`
}

/** Text from a host as a comment of one line can hold it. */
export function inComment(text: string): string {
  return text
    .slice(0, 500)
    .replace(EFFECTS, (each) => (each === "\t" ? " " : `\\u{${(each.codePointAt(0) as number).toString(16)}}`))
}

/** A name for a variable out of a path: "etcNginx". */
export function identifier(path: string, taken: ReadonlySet<string>): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "")
  const name = words
    .map((word, at) => (at === 0 ? word.toLowerCase() : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("")
    .slice(0, 60)
  const base = /^[a-z]/i.test(name) && !RESERVED.has(name) ? name : `at${name}`
  for (let number = 1; ; number++) {
    const tried = number === 1 ? base : `${base}_${number}`
    if (!taken.has(tried)) return tried
  }
}

/** Words that are no names, or that a draft uses itself. */
const RESERVED = new Set(
  "adopt host on program resource secret target break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield await async eval arguments undefined".split(
    " ",
  ),
)
