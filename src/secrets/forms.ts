/**
 * The forms in which a secret value may show up in a log: as it is, escaped or encoded by the tools it passed through.
 * Inside this file bytes are "byte strings": one character per byte, so that a plain `Set` removes doubles.
 */

/** Below this a value is too likely to be ordinary text: "test", "admin", "8080". Also the least length of a part. */
export const MIN_CHARACTERS = 8

/** Shorter pieces of base64 or hex turn up by chance in long encoded texts. */
const MIN_ENCODED_CHARACTERS = 8

export interface FormsOptions {
  /** Accept a value under 8 characters. Default: false. */
  readonly weak?: boolean
  /** Only the value as one piece, not its lines and JSON strings: what was built around a secret holds ordinary text, too. Default: false. */
  readonly whole?: boolean
}

/**
 * Every form of a secret value that must be redacted, without doubles: the value, its trimmed text, base64 and
 * base64url at all three alignments (only characters that no neighbouring byte can change; also of what JSON escapes in
 * it), hex, URL and form encoding, JSON (also escaped to ASCII, and JSON in JSON), XML, shell, SQL and source-code quoting; each line of a
 * multi-line value, each string in a JSON value and the password of a URL count as values of their own where they
 * have 8 characters. A value under 8 characters has no forms unless `weak`. Line breaks inside encoded text
 * (`base64` wraps at 76 columns) are the redactor's affair: see `Scan`.
 *
 * @example formsOf("p@ss/w0rd").map((form) => Buffer.from(form).toString()).includes("p%40ss%2Fw0rd") // true
 */
export function formsOf(value: Uint8Array | string, options: FormsOptions = {}): Uint8Array[] {
  if (!options.weak && isShort(value)) return []
  const forms = new Set<string>()
  const text = textOf(value)
  if (text === undefined) addBinaryForms(forms, Buffer.from(value as Uint8Array).toString("latin1"))
  else if (options.whole) addBuiltForms(forms, text)
  else addValueForms(forms, text)
  forms.delete("")
  return pack(forms)
}

/** True where a value has fewer than 8 characters (bytes where it is not text), white space at its ends not counted. */
export function isShort(value: Uint8Array | string): boolean {
  const text = textOf(value)
  return text === undefined ? value.length < MIN_CHARACTERS : isShortText(text.trim())
}

function isShortText(text: string): boolean {
  if (text.length < MIN_CHARACTERS) return true
  return text.length < 2 * MIN_CHARACTERS && [...text].length < MIN_CHARACTERS
}

function textOf(value: Uint8Array | string): string | undefined {
  if (typeof value === "string") return value
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value)
  } catch {
    return undefined
  }
}

function addBinaryForms(forms: Set<string>, bytes: string): void {
  forms.add(bytes)
  addPercentForms(forms, bytes)
  addEncodedForms(forms, bytes)
}

function addBuiltForms(forms: Set<string>, text: string): void {
  addTextForms(forms, text)
  addEncodedForms(forms, byteString(text))
  addEncodedJsonForms(forms, text)
}

function addValueForms(forms: Set<string>, text: string): void {
  for (const value of valuesIn(text)) {
    addTextForms(forms, value)
    addEncodedForms(forms, byteString(value))
    addEncodedJsonForms(forms, value)
    for (const line of linesOf(value)) addTextForms(forms, line)
  }
}

/** The value first, then what is a secret because it stands inside: each is looked into in turn. */
function valuesIn(text: string): Set<string> {
  const values = new Set([text])
  for (const value of values) {
    for (const inner of [value.trim(), ...jsonStrings(value), ...urlPassword(value)]) {
      if (!isShortText(inner)) values.add(inner)
    }
  }
  return values
}

function jsonStrings(text: string): string[] {
  if (!/^\s*[[{"]/.test(text)) return []
  const strings: string[] = []
  try {
    const open: unknown[] = [JSON.parse(text)]
    while (open.length > 0) {
      const value = open.pop()
      if (typeof value === "string") strings.push(value)
      else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) open.push(inner)
    }
  } catch {
    return []
  }
  return strings
}

function urlPassword(text: string): string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*?:([^/?#\s]+)@/i.exec(text)?.[1]
  if (password === undefined) return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

/** The lines of a multi-line value, except PEM's own first and last lines: those are the same for everybody. */
function linesOf(text: string): string[] {
  if (!/[\r\n]/.test(text)) return []
  const lines = text.split(/[\r\n]+/).map((line) => line.trim())
  return lines.filter((line) => !isShortText(line) && !/^-----(BEGIN|END) [A-Z0-9 ]+-----$/.test(line))
}

function addTextForms(forms: Set<string>, text: string): void {
  const bytes = byteString(text)
  forms.add(bytes)
  if (/^[A-Za-z0-9_.-]*$/.test(text)) return // nothing escapes these
  addPercentForms(forms, bytes)
  for (const escaped of [...jsonEscapes, ...markupEscapes, ...quoteEscapes]) forms.add(byteString(escaped(text)))
  for (const escaped of jsonEscapes) forms.add(byteString(jsonEscape(escaped(text)))) // JSON in JSON
}

/** Which bytes each way of URL encoding replaces. `plus`: a space becomes `+`. */
const percentEncodings: readonly { readonly replaced: RegExp; readonly plus?: true }[] = [
  { replaced: /[^A-Za-z0-9\-_.!~*'()]/g }, // encodeURIComponent
  { replaced: /[^A-Za-z0-9\-_.~]/g }, // RFC 3986
  { replaced: /[^A-Za-z0-9\-_.~/]/g }, // Python's quote
  { replaced: /[^A-Za-z0-9\-_.* ]/g, plus: true }, // URLSearchParams, Java's URLEncoder
  { replaced: /[^A-Za-z0-9\-_.~ ]/g, plus: true }, // Go's QueryEscape, Python's quote_plus
  { replaced: /[^A-Za-z0-9\-_.!~*'();/?:@&=+$,#]/g }, // encodeURI
  { replaced: /[^A-Za-z0-9\-_.~$&+,;=]/g }, // Go's url.UserPassword
  { replaced: /[^A-Za-z0-9\-_.~$&+=:@]/g }, // Go's PathEscape
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the URL standard's userinfo set starts with them
  { replaced: /[\x00-\x20"#<>?`{}/:;=@[\\\]^|\x7f-\xff]/g }, // a user or password in a WHATWG URL
]

const percentUpper = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`)
const percentLower = percentUpper.map((text) => text.toLowerCase())

function addPercentForms(forms: Set<string>, bytes: string): void {
  for (const { replaced, plus } of percentEncodings) {
    for (const digits of [percentUpper, percentLower]) {
      const encoded = bytes.replace(replaced, (char) => digits[char.charCodeAt(0)] as string)
      forms.add(plus ? encoded.replaceAll(" ", "+") : encoded)
    }
  }
}

type Escape = (text: string) => string

const jsonEscape: Escape = (text) => JSON.stringify(text).slice(1, -1)
const unicode = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
const unicodeUpper = (char: string) => `\\u${unicode(char).slice(2).toUpperCase()}`
const jsonAscii: Escape = (text) => jsonEscape(text).replace(/[\x7f-\uffff]/g, unicode)

const jsonEscapes: readonly Escape[] = [
  jsonEscape,
  jsonAscii, // Python
  (text) => jsonEscape(text).replace(/[<>&\u2028\u2029]/g, unicode), // Go
  (text) => jsonAscii(text).replaceAll("/", "\\/"), // PHP
  (text) => jsonEscape(text).replaceAll("/", "\\/"),
  (text) => jsonAscii(text).replace(/\\u[0-9a-f]{4}/g, (escaped) => `\\u${escaped.slice(2).toUpperCase()}`),
  // .NET
  (text) =>
    text.replace(/["'&<>+`]|[^ -~]|\\/g, (char) =>
      /[\\\b\f\n\r\t]/.test(char) ? jsonEscape(char) : unicodeUpper(char),
    ),
]

const replaceBy = (pattern: RegExp, by: Readonly<Record<string, string>>): Escape => {
  return (text) => text.replace(pattern, (char) => by[char] ?? char)
}

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" }
const markupEscapes: readonly Escape[] = [
  replaceBy(/[&<>]/g, entities),
  replaceBy(/[&<>"]/g, entities),
  replaceBy(/[&<>"']/g, entities),
  replaceBy(/[&<>"']/g, { ...entities, "'": "&#39;" }),
  replaceBy(/[&<>"']/g, { ...entities, "'": "&#x27;" }),
  replaceBy(/[&<>"']/g, { ...entities, '"': "&#34;", "'": "&#39;" }), // Go
]

const backslashed = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }
const quoteEscapes: readonly Escape[] = [
  (text) => text.replaceAll("'", "'\\''"), // sh, single quotes
  (text) => text.replaceAll("'", `'"'"'`), // Python's shlex
  (text) => text.replace(/[$`"\\]/g, "\\$&"), // sh, double quotes
  (text) => text.replace(/^#|[ \t!"$&'()*,;<>?[\\\]^`{|}]/g, "\\$&"), // printf %q
  (text) => text.replaceAll("'", "''"), // SQL
  replaceBy(/['\\\n\r\t]/g, { ...backslashed, "'": "\\'" }), // JS, Python
  replaceBy(/[\\\n\r\t]/g, backslashed), // the same where the other quotes stand around
]

function addEncodedForms(forms: Set<string>, bytes: string): void {
  const hex = Buffer.from(bytes, "latin1").toString("hex")
  for (const form of [hex, hex.toUpperCase(), ...base64Forms(bytes)]) {
    if (form.length >= MIN_ENCODED_CHARACTERS) forms.add(form)
  }
}

/** Kubernetes and Docker keep JSON documents as base64: what JSON escapes in a value stands there encoded. */
function addEncodedJsonForms(forms: Set<string>, text: string): void {
  if (/^[A-Za-z0-9_.-]*$/.test(text)) return // nothing escapes these
  const all = new Set(jsonEscapes.map((escaped) => byteString(escaped(text))))
  all.delete(byteString(text))
  for (const bytes of all)
    for (const form of base64Forms(bytes)) if (form.length >= MIN_ENCODED_CHARACTERS) forms.add(form)
}

/** A character of base64 holds 6 bits; with `before` foreign bytes in front, only whole characters of ours are kept. */
function base64Forms(bytes: string): string[] {
  const pieces: string[] = []
  for (let before = 0; before < 3; before++) {
    const encoded = Buffer.from("\0".repeat(before) + bytes, "latin1").toString("base64")
    pieces.push(encoded.slice(Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6)))
    if (before === 0) pieces.push(encoded, encoded.replace(/=+$/, "")) // alone: its end is known too
  }
  return [...pieces, ...pieces.map((piece) => piece.replaceAll("+", "-").replaceAll("/", "_"))]
}

function byteString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is how one asks for ASCII
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

/** One allocation for all forms of a value. */
function pack(forms: ReadonlySet<string>): Uint8Array[] {
  let sizeBytes = 0
  for (const form of forms) sizeBytes += form.length
  const arena = new Uint8Array(sizeBytes)
  const writer = Buffer.from(arena.buffer)
  let at = 0
  return Array.from(forms, (form) => {
    writer.write(form, at, "latin1")
    at += form.length
    return arena.subarray(at - form.length, at)
  })
}
