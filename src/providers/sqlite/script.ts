/** Words with which a statement would end the transaction that a migration runs in. */
const ENDS = new Set(["BEGIN", "COMMIT", "END", "ROLLBACK"])

/** Comments, quoted things, words, and everything else one character at a time. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\p{L}_$\d]+|[\s\S]/gu

export interface Statement {
  /** Its first words, in capitals. */
  readonly words: readonly string[]
  /** From 1. */
  readonly line: number
}

/**
 * The first statement of a script that begins or ends a transaction; undefined where there is none. A migration with one
 * would be half done, and recorded as done, when what follows fails.
 * @example transactionIn("create table a (x); commit") // { words: ["COMMIT"], line: 1 }
 */
export function transactionIn(sql: string): Statement | undefined {
  let inTrigger = false
  for (const statement of statementsOf(sql)) {
    const [first = "", second = "", third = ""] = statement.words
    if (inTrigger)
      inTrigger = first !== "END" // the body of a trigger holds statements, and ends with one that is END
    else if (first === "CREATE" && (second === "TRIGGER" || third === "TRIGGER")) inTrigger = true
    else if (ENDS.has(first) && !(first === "ROLLBACK" && statement.words.includes("TO"))) return statement
  }
  return undefined
}

/** Each statement of a script by its first words. */
function* statementsOf(sql: string): Generator<Statement> {
  let words: string[] = []
  let line = 1
  let startLine = 1
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";") {
      if (words.length > 0) yield { words, line: startLine }
      words = []
    } else if (isWord(token) && words.length < WORDS) {
      if (words.length === 0) startLine = line
      words.push(token.toUpperCase())
    }
    line += newlines(token)
  }
  if (words.length > 0) yield { words, line: startLine }
}

/** As many words of a statement as tell what it is: CREATE TEMPORARY TRIGGER, ROLLBACK TRANSACTION TO SAVEPOINT. */
const WORDS = 4

function isWord(token: string): boolean {
  return /^[\p{L}_$\d]/u.test(token)
}

function newlines(token: string): number {
  return token.length === 1 ? Number(token === "\n") : token.split("\n").length - 1
}
