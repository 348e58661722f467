import { describe, expect, test } from "vitest"
import { formsOf, isShort } from "./forms.ts"

const texts = (value: Uint8Array | string, weak = false) =>
  formsOf(value, { weak }).map((form) => Buffer.from(form).toString("utf8"))

// Printed by the named programs (Python, Go, bash, Node; .NET, PHP and SQL by their manuals), not by our own code.
const hard = `p@ss/w0rd+"Qx&yZ 7é!'<lo>ng\\`
const printed: readonly (readonly [string, string])[] = [
  ["as it is", hard],
  ["python json.dumps", String.raw`p@ss/w0rd+\"Qx&yZ 7\u00e9!'<lo>ng\\`],
  ["python json.dumps twice", String.raw`p@ss/w0rd+\\\"Qx&yZ 7\\u00e9!'<lo>ng\\\\`],
  ["python quote", "p%40ss/w0rd%2B%22Qx%26yZ%207%C3%A9%21%27%3Clo%3Eng%5C"],
  ["python quote safe=''", "p%40ss%2Fw0rd%2B%22Qx%26yZ%207%C3%A9%21%27%3Clo%3Eng%5C"],
  ["python quote_plus, go QueryEscape", "p%40ss%2Fw0rd%2B%22Qx%26yZ+7%C3%A9%21%27%3Clo%3Eng%5C"],
  ["python shlex.quote", `p@ss/w0rd+"Qx&yZ 7é!'"'"'<lo>ng\\`],
  ["python html.escape", "p@ss/w0rd+&quot;Qx&amp;yZ 7é!&#x27;&lt;lo&gt;ng\\"],
  ["python saxutils.escape", `p@ss/w0rd+"Qx&amp;yZ 7é!'&lt;lo&gt;ng\\`],
  ["python repr, node inspect", String.raw`p@ss/w0rd+"Qx&yZ 7é!\'<lo>ng\\`],
  ["go json.Marshal", String.raw`p@ss/w0rd+\"Qx\u0026yZ 7é!'\u003clo\u003eng\\`],
  ["go PathEscape", "p@ss%2Fw0rd+%22Qx&yZ%207%C3%A9%21%27%3Clo%3Eng%5C"],
  ["go UserPassword", "p%40ss%2Fw0rd+%22Qx&yZ%207%C3%A9%21%27%3Clo%3Eng%5C"],
  ["go html.EscapeString, xml.EscapeText", "p@ss/w0rd+&#34;Qx&amp;yZ 7é!&#39;&lt;lo&gt;ng\\"],
  ["bash printf %q", String.raw`p@ss/w0rd+\"Qx\&yZ\ 7é\!\'\<lo\>ng\\`],
  ["bash set -x", `p@ss/w0rd+"Qx&yZ 7é!'\\''<lo>ng\\`],
  ["node URL password", "p%40ss%2Fw0rd+%22Qx&yZ%207%C3%A9!'%3Clo%3Eng%5C"],
  ["node URLSearchParams", "p%40ss%2Fw0rd%2B%22Qx%26yZ+7%C3%A9%21%27%3Clo%3Eng%5C"],
  ["node encodeURIComponent", "p%40ss%2Fw0rd%2B%22Qx%26yZ%207%C3%A9!'%3Clo%3Eng%5C"],
  ["the same in lower case", "p%40ss%2fw0rd%2b%22Qx%26yZ%207%c3%a9!'%3clo%3eng%5c"],
  [".NET System.Text.Json", String.raw`p@ss/w0rd\u002B\u0022Qx\u0026yZ 7\u00E9!\u0027\u003Clo\u003Eng\\`],
  ["php json_encode", String.raw`p@ss\/w0rd+\"Qx&yZ 7\u00e9!'<lo>ng\\`],
  ["sql literal", `p@ss/w0rd+"Qx&yZ 7é!''<lo>ng\\`],
]

describe("formsOf", () => {
  test.each(printed)("%s", (_, form) => {
    expect(texts(hard)).toContain(form)
  })

  test.each(["hex", "base64", "base64url"] as const)("%s of the whole value", (encoding) => {
    const value = "~~~ÿÿÿ secret value???"
    expect(texts(value)).toContain(Buffer.from(value).toString(encoding))
    if (encoding === "hex") expect(texts(value)).toContain(Buffer.from(value).toString("hex").toUpperCase())
  })

  test("base64 of a JSON document that holds the value, whatever stands before it", () => {
    const value = 'pä"ss\\w/o&rd<line>\n2'
    for (const json of [JSON.stringify(value), jsonOfGo(value)])
      for (const before of ["", "x", "xy"]) {
        const encoded = Buffer.from(`${before}{"auth":${json},"n":1}`).toString("base64")
        const found = texts(value).filter((form) => encoded.includes(form))
        expect(Math.max(0, ...found.map(({ length }) => length))).toBeGreaterThanOrEqual(
          Math.floor(((json.length - 2) * 4) / 3) - 2,
        )
      }
  })

  test("base64 at each alignment holds every character that neighbours cannot change, and no other", () => {
    for (let length = 8; length < 24; length++) {
      const value = Buffer.from(Array.from({ length }, (_, i) => (i * 89 + length * 7) & 0xff))
      const forms = texts(value)
      for (const before of [0, 1, 2]) {
        const encoded = Array.from({ length: 256 }, (_, edge) =>
          Buffer.concat([Buffer.alloc(before, edge), value, Buffer.alloc(3, edge)]).toString("base64"),
        )
        const fixed = [...(encoded[0] as string)].filter((char, i) => encoded.every((text) => text[i] === char))
        expect(forms).toContain(fixed.join("").replace(/=+$/, "")) // padding is not ours
      }
    }
  })

  test("each line of a multi-line value, but not the armour that all PEM files share", () => {
    const pem =
      '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIKq+Zm9vYmFy/secret+line+1\n  indented "line" 2\nshort\n-----END EC PRIVATE KEY-----\n'
    const forms = texts(pem)
    expect(forms).toContain(pem)
    expect(forms).toContain(pem.trim())
    expect(forms).toContain("MHcCAQEEIKq+Zm9vYmFy/secret+line+1")
    expect(forms).toContain('indented "line" 2')
    expect(forms).toContain(String.raw`indented \"line\" 2`)
    expect(forms).toContain(JSON.stringify(pem).slice(1, -1))
    for (const form of ["short", "-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----"]) {
      expect(forms).not.toContain(form)
    }
  })

  test("each string inside a JSON value, at any depth, as a value of its own", () => {
    const inner = JSON.stringify({ token: "deep-token-value" })
    const value = JSON.stringify({
      user: "app",
      password: 'pa"ss word',
      list: [{ key: "line one\nline two!" }],
      inner,
      port: 12345678,
    })
    const forms = texts(value)
    for (const form of [
      'pa"ss word',
      String.raw`pa\"ss word`,
      "pa%22ss%20word",
      "line one\nline two!",
      "line one",
      "line two!",
      "deep-token-value",
    ]) {
      expect(forms).toContain(form)
    }
    expect(forms).toContain(Buffer.from('pa"ss word').toString("base64"))
    for (const form of ["app", "password", "12345678"]) expect(forms).not.toContain(form)
  })

  test("the password inside a URL, encoded and decoded", () => {
    const forms = texts("postgres://app:p%40ssw0rd!@db.internal:5432/orders")
    expect(forms).toContain("p%40ssw0rd!")
    expect(forms).toContain("p@ssw0rd!")
    expect(forms).not.toContain("db.internal")
    expect(texts("https://example.org/one:path-like-this@two")).not.toContain("path-like-this")
  })

  test("a value that is not text: itself, hex, base64 and URL encoding", () => {
    const value = Buffer.from([0xff, 0, 1, 2, 0xfe, 0x41, 0x2f, 0xc3, 0x28])
    const forms = formsOf(value).map((form) => Buffer.from(form).toString("latin1"))
    expect(forms).toContain(value.toString("latin1"))
    expect(forms).toContain("ff000102fe412fc328")
    expect(forms).toContain("%FF%00%01%02%FEA%2F%C3%28")
    expect(forms).toContain(value.toString("base64"))
  })

  test("no doubles, nothing short, and one form of what nothing escapes", () => {
    for (const value of [hard, "aaaaaaaa", "abc-DEF_123.x", "\n\n  eight888  \n", '{"a":"eight888","b":"eight888"}']) {
      const forms = formsOf(value).map((form) => Buffer.from(form).toString("latin1"))
      expect(new Set(forms).size).toBe(forms.length)
      expect(Math.min(...forms.map((form) => form.length))).toBeGreaterThanOrEqual(8)
    }
    expect(texts("abcDEF123456").filter((form) => !/^([0-9a-f]+|[0-9A-F]+)$/.test(form))).toHaveLength(4) // and three of base64
  })

  test("a short value has forms only where it is weak, and then no short encodings", () => {
    expect(formsOf("short")).toEqual([])
    expect(texts("a&'b", true)).toEqual(expect.arrayContaining(["a&'b", "a%26%27b", "a&amp;'b", "a&''b", "61262762"]))
    expect(texts("ab", true)).toEqual(["ab"])
    expect(formsOf("", { weak: true })).toEqual([])
  })
})

test.each([
  ["1234567", true],
  ["12345678", false],
  ["  1234567\n", true],
  ["ééééééé", true],
  ["éééééééé", false],
  ["🔑🔑🔑🔑🔑🔑🔑", true],
  ["🔑🔑🔑🔑🔑🔑🔑🔑", false],
  [" ".repeat(20), true],
])("isShort(%j) is %s", (value, short) => {
  expect(isShort(value)).toBe(short)
  expect(isShort(Buffer.from(value))).toBe(short)
})

test("isShort counts bytes where the value is not text", () => {
  expect(isShort(Buffer.alloc(7, 0xff))).toBe(true)
  expect(isShort(Buffer.alloc(8, 0xff))).toBe(false)
})

/** Go's encoding/json, as Kubernetes writes: it escapes what HTML would read. */
function jsonOfGo(value: string): string {
  return JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
}
