const ESC = "\\u001b"
/** Every colour code in a text. */
export const COLOURS = new RegExp(`${ESC}\\[[\\d;]*m`, "g")
/** Every other code. */
export const MOVES = new RegExp(`${ESC}\\[[\\d;?]*[A-Za-ln-z]`, "g")
const TOKEN = new RegExp(`${ESC}\\[[\\d;]*[A-Za-z]|[\\s\\S]`, "gu")
const CODE = new RegExp(`^${ESC}\\[([\\d;]*)([A-Za-z])$`)

/** A terminal as small as our output needs it: text, line feeds, "cursor up", "erase line" and colours. Anything else is an error. */
export class Emulator {
  columns: number
  readonly height: number
  /** Everything ever shown, oldest first; the last `height` rows are the screen. `continues`: a long line went on here. */
  #rows: { text: string; continues: boolean }[] = [{ text: "", continues: false }]
  #row = 0
  #column = 0
  bytes = 0
  writes = 0

  constructor(columns: number, height = 24) {
    this.columns = columns
    this.height = height
  }

  readonly write = (text: string): void => {
    this.bytes += Buffer.byteLength(text)
    this.writes += 1
    for (const [token] of text.matchAll(TOKEN)) this.#obey(token)
  }

  /** What stands on the terminal down to the cursor, and below it if anything does; rows without spaces at their ends. */
  get text(): string {
    const last = Math.max(
      this.#row,
      this.#rows.findLastIndex((row) => row.text.trim() !== ""),
    )
    return this.#rows
      .slice(0, last + 1)
      .map((row) => row.text.trimEnd())
      .join("\n")
  }

  /** Where the cursor rests. */
  get cursor(): { readonly row: number; readonly column: number } {
    return { row: this.#row, column: this.#column }
  }

  /** Changes the width and breaks long lines anew, as most terminals do. */
  resize(columns: number): void {
    const lines: string[] = []
    for (const { text, continues } of this.#rows.slice(0, this.#row + 1)) {
      if (continues) lines[lines.length - 1] += text
      else lines.push(text)
    }
    this.columns = columns
    this.#rows = lines.flatMap((line) => broken(line, columns))
    this.#row = this.#rows.length - 1
    this.#column = 0
  }

  #obey(token: string): void {
    const [, amount, command] = CODE.exec(token) ?? []
    if (command === "m") return
    if (command === "A") this.#row = Math.max(this.#top(), this.#row - Number(amount))
    else if (command === "K" && amount === "2") this.#rows[this.#row] = { text: "", continues: false }
    else if (token === "\n") this.#feed(false)
    else if (/^[^\p{Cc}\p{Cf}]$/u.test(token)) this.#put(token)
    else throw new Error(`the terminal was sent ${JSON.stringify(token)}`)
  }

  #top(): number {
    return Math.max(0, this.#rows.length - this.height)
  }

  #feed(continues: boolean): void {
    this.#row += 1
    this.#column = 0
    if (this.#row === this.#rows.length) this.#rows.push({ text: "", continues })
  }

  #put(character: string): void {
    if (this.#column === this.columns) this.#feed(true)
    const row = this.#rows[this.#row]
    if (row === undefined) throw new Error("the cursor left the terminal")
    row.text = row.text.padEnd(this.#column).slice(0, this.#column) + character + row.text.slice(this.#column + 1)
    this.#column += 1
  }
}

function broken(line: string, columns: number): readonly { text: string; continues: boolean }[] {
  const rows = [{ text: line.slice(0, columns), continues: false }]
  for (let at = columns; at < line.length; at += columns)
    rows.push({ text: line.slice(at, at + columns), continues: true })
  return rows
}
