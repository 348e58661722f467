import { describe, expect, test } from "vitest"
import { escapeText } from "./escape.ts"

/** [what it tries, the text, what is shown] */
const hostile: readonly (readonly [string, string, string])[] = [
  ["colour", "\x1b[31mred\x1b[0m", String.raw`\x1b[31mred\x1b[0m`],
  ["clear the screen", "\x1b[2J\x1b[H", String.raw`\x1b[2J\x1b[H`],
  ["clear the scrollback", "\x1b[3J", String.raw`\x1b[3J`],
  ["reset the terminal", "\x1bc", String.raw`\x1bc`],
  ["overwrite the line before", "failed\x1b[1A\x1b[2Kok", String.raw`failed\x1b[1A\x1b[2Kok`],
  ["hide text", "\x1b[8mhidden\x1b[28m", String.raw`\x1b[8mhidden\x1b[28m`],
  ["set the title", "\x1b]0;title\x07", String.raw`\x1b]0;title\x07`],
  ["set the title, string terminator", "\x1b]2;title\x1b\\", String.raw`\x1b]2;title\x1b\ `.trimEnd()],
  ["report the title as input", "\x1b[21t", String.raw`\x1b[21t`],
  ["write the clipboard", "\x1b]52;c;cm0gLXJmIC8=\x07", String.raw`\x1b]52;c;cm0gLXJmIC8=\x07`],
  [
    "a link to elsewhere",
    "\x1b]8;;http://evil\x1b\\good\x1b]8;;\x1b\\",
    String.raw`\x1b]8;;http://evil\x1b\good\x1b]8;;\x1b\ `.trimEnd(),
  ],
  ["ask for the cursor", "\x1b[6n", String.raw`\x1b[6n`],
  ["ask for the device", "\x1b[c\x05", String.raw`\x1b[c\x05`],
  ["DECRQSS answer", '\x1bP$q"p\x1b\\', String.raw`\x1bP$q"p\x1b\ `.trimEnd()],
  ["private mode: alternate screen", "\x1b[?1049h", String.raw`\x1b[?1049h`],
  ["private mode: mouse", "\x1b[?1003h", String.raw`\x1b[?1003h`],
  ["bracketed paste end", "\x1b[201~rm -rf /\r", String.raw`\x1b[201~rm -rf /\r`],
  ["sixel", "\x1bPq#0;2;0;0;0\x1b\\", String.raw`\x1bPq#0;2;0;0;0\x1b\ `.trimEnd()],
  ["kitty graphics", "\x1b_Ga=T;AAAA\x1b\\", String.raw`\x1b_Ga=T;AAAA\x1b\ `.trimEnd()],
  ["iTerm file", "\x1b]1337;File=:AAAA\x07", String.raw`\x1b]1337;File=:AAAA\x07`],
  ["charset shift", "\x0e\x1b(0qqq\x0f", String.raw`\x0e\x1b(0qqq\x0f`],
  ["C1 CSI", "\x9b31mred", String.raw`\x9b31mred`],
  ["C1 OSC", "\x9d0;title\x9c", String.raw`\x9d0;title\x9c`],
  ["C1 DCS", "\x90q\x9c", String.raw`\x90q\x9c`],
  ["C1 next line", "a\x85b", String.raw`a\x85b`],
  ["carriage return", "failed\rok    ", String.raw`failed\rok    `],
  ["Windows line end", "one\r\ntwo", String.raw`one\r\ntwo`],
  ["a faked line", "ok\n✓ all 12 done", String.raw`ok\n✓ all 12 done`],
  ["a faked GitHub command", "\n::set-output name=x::y", String.raw`\n::set-output name=x::y`],
  ["backspace", "rm -rf /\b\b\b\bls", String.raw`rm -rf /\x08\x08\x08\x08ls`],
  ["bell", "\x07", String.raw`\x07`],
  ["NUL", "a\0b", String.raw`a\x00b`],
  ["tab", "a\tb", String.raw`a\tb`],
  ["vertical tab, form feed", "a\vb\fc", String.raw`a\x0bb\x0cc`],
  ["delete", "a\x7fb", String.raw`a\x7fb`],
  ["end of file, XOFF", "\x04\x13", String.raw`\x04\x13`],
  ["right-to-left override", "exe.\u202egnp.txt", String.raw`exe.\u202egnp.txt`],
  ["left-to-right override, pop", "\u202da\u202c", String.raw`\u202da\u202c`],
  ["embeddings", "\u202a\u202b", String.raw`\u202a\u202b`],
  ["isolates (Trojan Source)", "\u2066a\u2067b\u2068c\u2069", String.raw`\u2066a\u2067b\u2068c\u2069`],
  ["direction marks", "\u200e\u200f\u061c", String.raw`\u200e\u200f\u061c`],
  ["zero-width space", "pass\u200bword", String.raw`pass\u200bword`],
  ["zero-width joiners", "a\u200cb\u200dc", String.raw`a\u200cb\u200dc`],
  ["word joiner, invisible plus", "a\u2060b\u2064c", String.raw`a\u2060b\u2064c`],
  ["byte order mark", "\ufefftext", String.raw`\ufefftext`],
  ["soft hyphen", "ad\u00admin", String.raw`ad\xadmin`],
  ["line separator", "a\u2028b", String.raw`a\u2028b`],
  ["paragraph separator", "a\u2029b", String.raw`a\u2029b`],
  ["Hangul fillers", "\u115f\u1160\u3164\uffa0", String.raw`\u115f\u1160\u3164\uffa0`],
  ["combining grapheme joiner", "a\u034fb", String.raw`a\u034fb`],
  ["Mongolian vowel separator", "a\u180eb", String.raw`a\u180eb`],
  ["variation selectors that carry text", "a\ufe01\ufe0f\u{e0101}", String.raw`a\ufe01\ufe0f\u{e0101}`],
  ["tags that carry text", "a\u{e0001}\u{e0068}\u{e007f}", String.raw`a\u{e0001}\u{e0068}\u{e007f}`],
  ["interlinear annotation", "\ufff9a\ufffab\ufffb", String.raw`\ufff9a\ufffab\ufffb`],
  ["musical format characters", "\u{1d173}\u{1d17a}", String.raw`\u{1d173}\u{1d17a}`],
  ["shorthand format", "\u{1bca0}", String.raw`\u{1bca0}`],
  ["half a pair, high", "a\ud83d", String.raw`a\ud83d`],
  ["half a pair, low", "\udd11b", String.raw`\udd11b`],
  ["halves in the wrong order", "\udd11\ud83d", String.raw`\udd11\ud83d`],
  ["noncharacters", "\ufffe\uffff\u{1fffe}", String.raw`\ufffe\uffff\u{1fffe}`],
  ["a tower of marks", `a${"\u0301".repeat(6)}b`, String.raw`á́́́\u0301\u0301b`.normalize("NFD")],
  ["a joined emoji", "👩\u200d💻", String.raw`👩\u200d💻`],
]

/** Code points with an effect, found without the expression under test. */
function effects(text: string, allowed = ""): string[] {
  return [...text].filter((char) => {
    const code = char.codePointAt(0) as number
    const control = code < 0x20 || (code >= 0x7f && code < 0xa0)
    const invisible =
      (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f)
    const half = code >= 0xd800 && code <= 0xdfff
    const other = [0xad, 0x34f, 0x61c, 0x180e, 0xfeff, 0x3164].includes(code) || (code >= 0xe0000 && code < 0xe1000)
    return (control || invisible || half || other) && !allowed.includes(char)
  })
}

describe("escapeText", () => {
  test.each(hostile)("%s", (_, text, shown) => {
    expect(escapeText(text)).toBe(shown)
    expect(effects(escapeText(text))).toEqual([])
    expect(effects(escapeText(text, { keepNewlines: true }), "\n")).toEqual([])
  })

  test("every code point with an effect, in every place of a text", () => {
    for (let code = 0; code < 0x110000; code++) {
      const char = String.fromCodePoint(code)
      if (effects(char).length === 0) continue
      for (const text of [char, `a${char}b`, `${char}${char}`, `é🔑${char}`])
        expect(effects(escapeText(text))).toEqual([])
    }
  })

  test.each([
    "",
    "plain text, 100 % ~",
    "grüße, 你好, שלום, مرحبا, ภาษาไทย, हिन्दी, 🔑👍🏽",
    "no\u00a0break",
    "a\u0301\u0302\u0303\u0304b",
    String.raw`C:\temp\x1b`,
  ])("clean text stays as it is: %j", (text) => {
    expect(escapeText(text)).toBe(text)
    expect(escapeText(text, { keepNewlines: true })).toBe(text)
  })

  test("keepNewlines keeps line feeds and nothing else", () => {
    expect(escapeText("one\ntwo\r\n\tthree\x1b\u2028", { keepNewlines: true })).toBe(
      "one\ntwo\\r\n\\tthree\\x1b\\u2028",
    )
  })
})

describe("maxLength", () => {
  test.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcde… (1 more)"],
    ["abcdef", 0, "… (6 more)"],
    ["\x1babc", 4, "\\x1b… (3 more)"],
    ["\x1babc", 3, "… (4 more)"],
    ["ab\x1bc", 5, "ab… (2 more)"],
    ["a\x1b\x1b", 9, "a\\x1b\\x1b"],
    ["a\x1b\x1b", 8, "a\\x1b… (1 more)"],
    ["a🔑b", 2, "a… (3 more)"],
    ["a🔑b", 3, "a🔑… (1 more)"],
    ["\x1ba🔑b", 6, "\\x1ba… (3 more)"],
    ["a\ud83d", 2, "a… (1 more)"],
  ])("%j within %i", (text, maxLength, shown) => {
    expect(escapeText(text, { maxLength })).toBe(shown)
  })

  test("bounds every text, also without being asked", () => {
    const text = "\x1b[31m\u202e🔑".repeat(200_000)
    expect(escapeText(text).length).toBeLessThan(10_030)
    expect(escapeText(text)).toMatch(/… \(\d+ more\)$/)
    for (let maxLength = 0; maxLength < 60; maxLength++) {
      const [, shown = "", more] = /^(.*)… \((\d+) more\)$/s.exec(escapeText(text, { maxLength })) ?? []
      expect(shown.length).toBeLessThanOrEqual(maxLength)
      expect(effects(shown)).toEqual([])
      expect(escapeText(text.slice(0, text.length - Number(more)))).toBe(shown)
    }
  })

  test("does not read all of a text that is far too long", () => {
    const begun = performance.now()
    escapeText("\x1b".repeat(50_000_000), { maxLength: 100 })
    expect(performance.now() - begun).toBeLessThan(2_000) // about 10 ms; escaping all takes half a minute
  })
})
