import { describe, expect, test } from "vitest"
import { formsOf } from "./forms.ts"
import { createRedactor, type Redactor, type RedactorEntry } from "./redactor.ts"

/** Fewer would be enough to see a wrong line; all kinds of texts together take about two seconds. */
const SEEDS = 200

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")

/** A generator with a seed (mulberry32), so that a failing case can be repeated. */
function random(seed: number) {
  let state = seed >>> 0
  const next = (below: number) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
  const pick = <T>(list: ArrayLike<T>) => list[next(list.length)] as T
  const text = (alphabet: string, length: number) => Array.from({ length }, () => pick(alphabet)).join("")
  return { next, pick, text }
}
type Random = ReturnType<typeof random>

/** What the redactor must do, written to be obviously right: try every form at every place, mark, then rewrite. */
function reference(text: Uint8Array, entries: readonly RedactorEntry[]): string {
  const matches = entries.flatMap(({ value, weak = false }, owner) =>
    formsOf(value, { weak }).flatMap((form) => endsOf(text, form).map(({ start, end }) => ({ start, end, owner }))),
  )
  matches.sort((a, b) => a.start - b.start || b.end - a.end || a.owner - b.owner)
  let result = ""
  let done = 0
  for (const { start, end, owner } of matches) {
    if (start > done || result === "") {
      result += `${latin1(text.subarray(done, start))}[secret ${entries[owner]?.name}]`
    }
    done = Math.max(done, end)
  }
  return result + latin1(text.subarray(done))
}

function endsOf(text: Uint8Array, form: Uint8Array): { start: number; end: number }[] {
  const foldable = form.length >= 8 && !form.includes(10) && !form.includes(13)
  const found: { start: number; end: number }[] = []
  for (let start = text.indexOf(form[0] as number); start !== -1; start = text.indexOf(form[0] as number, start + 1)) {
    for (const end of [endOf(text, start, form, false), foldable ? endOf(text, start, form, true) : undefined]) {
      if (end !== undefined) found.push({ start, end })
    }
  }
  return found
}

function endOf(text: Uint8Array, start: number, form: Uint8Array, folded: boolean): number | undefined {
  let at = start
  for (const byte of form) {
    const breaks = folded && at > start ? (/^(\r\n|\r|\n)/.exec(latin1(text.subarray(at, at + 2)))?.[0].length ?? 0) : 0
    if (breaks > 0 && !/[A-Za-z0-9+/=_-]{32}$/.test(latin1(text.subarray(Math.max(0, at - 32), at)))) return undefined
    at += breaks
    if (text[at++] !== byte) return undefined
  }
  return at
}

const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")
const encoded = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="

/** One secret of any kind that occurs: a password, a token, a key, an umlaut, a PEM file, JSON, a URL, bytes. */
function anySecret(r: Random, index: number): RedactorEntry {
  const value = [
    () => `x${r.text(ascii, 8 + r.next(24))}x`,
    () => r.text(encoded, 8 + r.next(40)),
    () => r.text("0123456789abcdef", 32),
    () => `ä${r.text("äöü€🔑 \"'<", 8 + r.next(8))}xxx`,
    () => `-----BEGIN X-----\n${r.text(encoded, 64)}\n${r.text(encoded, 10)}\n-----END X-----\n`,
    () =>
      JSON.stringify(
        { user: r.text(ascii, 4), password: r.text(ascii, 12), more: [r.text('ab\\"', 9)] },
        null,
        r.next(3),
      ),
    () => `postgres://app:${encodeURIComponent(`x${r.text(ascii, 10)}`)}@db:5432/x`,
    () => Buffer.from(Array.from({ length: 12 }, () => 128 + r.next(128))),
  ]
  return { name: `s${index}`, value: r.pick(value)() }
}

function planted(r: Random, entries: readonly RedactorEntry[], alphabet = ascii): Uint8Array {
  const pieces = Array.from({ length: 1 + r.next(8) }, () => {
    const { value, weak = false } = r.pick(entries)
    const form = r.pick(formsOf(value, { weak }))
    const cut = r.next(4) === 0 ? form.subarray(r.next(3), form.length - r.next(3)) : form
    return [Buffer.from(r.text(`${alphabet}\n`, r.pick([0, 0, 1, 2, 3, 5, 8, 20, 90]))), cut]
  })
  return Buffer.concat([...pieces.flat(), Buffer.from(r.text(alphabet, r.next(30)))])
}

function inChunks(r: Random, redactor: Redactor, text: Uint8Array, largest: number): Uint8Array {
  const stream = redactor.stream()
  const given: Uint8Array[] = []
  for (let at = 0; at < text.length; ) {
    const chunk = Buffer.from(text.subarray(at, at + r.next(largest + 1)))
    given.push(Uint8Array.from(stream.write(chunk)))
    at += chunk.length
    chunk.fill(0) // whoever gives a chunk may use its memory again
  }
  return Buffer.concat([...given, stream.end()])
}

/** The text as tools print it: line breaks every so many characters. */
function wrapped(text: string, columns: number, lineBreak: string): string {
  return text.replace(new RegExp(`.{${columns}}(?=.)`, "gs"), `$&${lineBreak}`)
}

describe("against a slow reference, whole and in chunks", () => {
  const agree = (seed: number, make: (r: Random) => { entries: readonly RedactorEntry[]; text: Uint8Array }) => {
    const r = random(seed)
    const { entries, text } = make(r)
    const redactor = createRedactor()
    for (const entry of entries) {
      redactor.add(entry)
      if (r.next(2) === 0) redactor.redactText("") // builds what was added, so that several sets work side by side
    }
    const expected = reference(text, entries)
    expect(latin1(redactor.redact(text)), `seed ${seed}`).toBe(expected)
    for (const largest of [1, 7, 60]) {
      expect(latin1(inChunks(r, redactor, text, largest)), `seed ${seed}, chunks up to ${largest}`).toBe(expected)
    }
  }

  test("every kind of secret in every form", () => {
    const make = (r: Random) => {
      const entries = Array.from({ length: 1 + r.next(6) }, (_, i) => anySecret(r, i))
      return { entries, text: planted(r, entries, r.pick([ascii, encoded, "0123456789abcdef"])) }
    }
    for (let seed = 0; seed < SEEDS; seed++) agree(seed, make)
  })

  test("secrets that overlap and contain one another", () => {
    const make = (r: Random) => {
      const alphabet = r.pick(["ab", "abc", "a\n", "ab\r\n"])
      const entries = Array.from({ length: 1 + r.next(8) }, (_, i) => {
        return { name: `s${i}`, value: r.text(alphabet, r.pick([1, 2, 3, 4, 5, 8, 9, 12, 20])), weak: true }
      })
      return { entries, text: Buffer.from(r.text(alphabet, r.next(300))) }
    }
    for (let seed = 0; seed < SEEDS; seed++) agree(seed, make)
  })

  test("forms with line breaks inside", () => {
    const make = (r: Random) => {
      const alphabet = r.pick(["ab", "abc", encoded])
      const entries = Array.from({ length: 1 + r.next(4) }, (_, i) => ({
        name: `s${i}`,
        value: r.text(r.pick([alphabet, alphabet, `${alphabet}\n`]), r.pick([2, 5, 8, 10, 16, 40, 200])),
        weak: true,
      }))
      const lines = Array.from({ length: 1 + r.next(8) }, () => {
        const form = latin1(r.pick(formsOf(r.pick(entries).value, { weak: true })))
        const at = r.next(form.length)
        const lineBreak = r.pick(["\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r"])
        return r.text(alphabet, r.pick([0, 10, 31, 32, 33, 60])) + form.slice(0, at) + lineBreak + form.slice(at)
      })
      return { entries, text: Buffer.from(lines.join(""), "latin1") }
    }
    for (let seed = 0; seed < SEEDS; seed++) agree(seed, make)
  })
})

describe("encoded documents", () => {
  const secrets = ['p@ss/w0rd+"Qx&yZ 7é!', "correct-horse-battery-staple-0123456789-correct-horse"]

  test.each(["base64", "base64url", "hex"] as const)("%s at every alignment, in lines or not", (encoding) => {
    const r = random(7)
    const redactor = createRedactor(secrets.map((value, i) => ({ name: `s${i}`, value })))
    for (let before = 0; before < 90; before++) {
      for (const secret of secrets) {
        const document = `${r.text(ascii, before)}${secret}${r.text(ascii, r.next(90))}`
        const text = Buffer.from(document).toString(encoding)
        for (const [columns, lineBreak] of [
          [1e6, ""],
          [76, "\n"],
          [64, "\r\n"],
          [60, "\n"],
        ] as const) {
          const shown = redactor.redactText(wrapped(text, columns, lineBreak))
          expect(shown).toContain("[secret s")
          for (const form of formsOf(secret)) expect(shown.replace(/[\r\n]/g, "")).not.toContain(latin1(form))
        }
      }
    }
  })

  test("a long key that was wrapped goes as one piece", () => {
    const key = random(8).text(encoded, 3000)
    const shown = createRedactor([{ name: "key", value: key }]).redactText(
      `a\n${wrapped(Buffer.from(`--${key}--`).toString("base64"), 76, "\n")}\nz`,
    )
    expect(shown).toMatch(/^a\n.{1,4}\[secret key\].{1,6}\nz$/)
  })

  test("a wrapped form is found although another one begins inside its first line", () => {
    const redactor = createRedactor([
      { name: "one", value: "abcdefgh1234" },
      { name: "two", value: "cd\nefgh1-and more" },
    ])
    const line = "x".repeat(60)
    expect(redactor.redactText(`${line}abcd\nefgh1234`)).toBe(`${line}[secret one]`)
    expect(redactor.redactText(`${line}abcd\nefgh1-and more`)).toBe(`${line}ab[secret two]`)
  })

  test("a form's own line breaks and those of wrapping do not mix", () => {
    const redactor = createRedactor([{ name: "s", value: `ab\n${"x".repeat(36)}1234` }])
    expect(redactor.redactText(`ab\n${"x".repeat(36)}1234`)).toBe("[secret s]")
    expect(redactor.redactText(`ab\n${"x".repeat(36)}\n1234`)).toBe("ab\n[secret s]")
  })

  test("a line break hides nothing where the line is not encoded text", () => {
    const redactor = createRedactor([{ name: "s", value: "abcdefgh" }])
    const text = "this line is long enough but it is prose abcd\nefgh"
    expect(redactor.redactText(text)).toBe(text)
  })
})

describe("streams", () => {
  test("give every byte at once that cannot begin a form", () => {
    const redactor = createRedactor([{ name: "token", value: "tok-abcdefgh" }])
    const stream = redactor.stream()
    const write = (text: string) => utf8(stream.write(Buffer.from(text)))
    expect(write("working...\n")).toBe("working...\n")
    expect(write("password: to")).toBe("password: ")
    expect(write("k-abcd")).toBe("")
    expect(write("e!")).toBe("tok-abcde!")
    expect(write("tok-abcdefgh")).toBe("[secret token]")
    expect(write("tok-abcdefgh")).toBe("") // touches the one before
    expect(write(" tok-abcde")).toBe(" ")
    expect(utf8(stream.end())).toBe("tok-abcde")
    expect(redactor.hits).toBe(1)
    expect(utf8(stream.end())).toBe("")
    expect(write("tok-abcdefgh")).toBe("[secret token]") // a new text
  })

  test("hold back fewer bytes than the longest form has", () => {
    const r = random(3)
    const value = "ab".repeat(30)
    const redactor = createRedactor([{ name: "s", value }])
    const longest = Math.max(...formsOf(value).map((form) => form.length))
    const stream = redactor.stream()
    let held = 0
    for (let i = 0; i < 3000; i++) {
      const chunk = Buffer.from(i % 40 === 0 ? "x" : r.text("ab", 1))
      held += chunk.length - stream.write(chunk).length
      expect(held).toBeGreaterThanOrEqual(0)
      expect(held).toBeLessThan(longest)
    }
    expect(redactor.hits).toBe(0)
  })

  test("hide a secret that was added in the middle, also when its beginning is held", () => {
    const redactor = createRedactor([{ name: "old", value: "shared-old-secret" }])
    const stream = redactor.stream()
    const write = (text: string) => utf8(stream.write(Buffer.from(text)))
    expect(write("new-new-new ")).toBe("new-new-new ")
    expect(write("shared-")).toBe("")
    redactor.add({ name: "new", value: "shared-new-secret" })
    expect(write("new-secret shared-old-secret ")).toBe("[secret new] [secret old] ")
    expect(utf8(stream.end())).toBe("")
  })

  test("lose and double nothing when secrets are added between any two chunks", () => {
    for (let seed = 0; seed < 40; seed++) {
      const r = random(seed)
      const entries = Array.from({ length: 5 }, (_, i) => ({ name: `s${i}`, value: r.text("ab", 8 + r.next(8)) }))
      const redactor = createRedactor(entries.slice(0, 1))
      const stream = redactor.stream()
      const before = Buffer.from(r.text("abcd", 100))
      let shown = ""
      for (const [i, byte] of before.entries()) {
        shown += latin1(stream.write(Uint8Array.of(byte)))
        if (i % 25 === 20) redactor.add(entries[1 + Math.floor(i / 25)] as RedactorEntry)
      }
      shown += latin1(stream.end())
      const plain = shown.split(/\[secret s\d\]/)
      const pattern = plain.map((text) => text.replace(/[^a-z]/g, "")).join("[ab]{8,}")
      expect(latin1(before)).toMatch(new RegExp(`^${pattern}$`))
      expect(shown).not.toContain(entries[0]?.value)
    }
  })

  test("give a form with a line break as soon as it is complete", () => {
    const stream = createRedactor([{ name: "key", value: "abcdefgh1234" }]).stream()
    const line = "-".repeat(60)
    expect(utf8(stream.write(Buffer.from(`${line}abcdefgh\n1234`)))).toBe(`${line}[secret key]`)
  })

  test("give memory that stays as it is, and keep their own markers when it is changed", () => {
    const r = random(9)
    const redactor = createRedactor([{ name: "s", value: "abababab" }])
    const text = Buffer.from(r.text("ab", 500))
    const stream = redactor.stream()
    const given = Array.from(text, (_, at) => stream.write(text.subarray(at, at + 1)))
    given.push(stream.end())
    expect(latin1(Buffer.concat(given))).toBe(reference(text, [{ name: "s", value: "abababab" }]))
    const marker = stream.write(Buffer.from("abababab"))
    expect(utf8(marker)).toBe("[secret s]")
    marker.fill(0)
    expect(utf8(stream.write(Buffer.from(". abababab.")))).toBe(". [secret s].")
  })

  test("give an empty chunk for an empty chunk", () => {
    const stream = createRedactor([{ name: "s", value: "12345678" }]).stream()
    expect(stream.write(new Uint8Array())).toHaveLength(0)
    expect(createRedactor().stream().write(Buffer.from("x"))).toHaveLength(1)
  })
})

describe("redact and redactText", () => {
  test("give back the very same object where nothing is to hide", () => {
    const r = random(5)
    const redactor = createRedactor(
      Array.from({ length: 200 }, (_, i) => ({ name: `s${i}`, value: r.text(encoded, 12) })),
    )
    for (let i = 0; i < 50; i++) {
      const text = `${r.text(`${ascii}äöü€🔑\n`, r.next(3000))}\ud800`
      const bytes = Buffer.from(r.text(ascii, r.next(3000)))
      expect(redactor.redactText(text)).toBe(text)
      expect(redactor.redact(bytes)).toBe(bytes)
      expect(latin1(inChunks(r, redactor, bytes, 500))).toBe(latin1(bytes))
    }
    expect(redactor.hits).toBe(0)
  })

  test("leave the characters around a secret as they are", () => {
    const redactor = createRedactor([{ name: "ü", value: "pässwörd" }])
    expect(redactor.redactText("🔑ä\ud800pässwörd\udc00€pässwörd🔑")).toBe("🔑ä\ud800[secret ü]\udc00€[secret ü]🔑")
    expect(redactor.redactText(`${"é".repeat(50_000)}pässwörd`)).toBe(`${"é".repeat(50_000)}[secret ü]`)
  })

  test("hide half a character as a whole", () => {
    const redactor = createRedactor([{ name: "key", value: Buffer.from("xé1234567é").subarray(2, -1) }])
    expect(redactor.redactText("aé1234567éb")).toBe("a[secret key]b")
  })

  test("count the markers", () => {
    const redactor = createRedactor([{ name: "s", value: "12345678" }])
    redactor.redactText("12345678 12345678")
    redactor.redact(Buffer.from("1234567812345678"))
    redactor.redactText("1234567")
    expect(redactor.hits).toBe(3)
  })

  test("name the secret that begins first, then the longest, then the first given", () => {
    const names = ["inner", "long", "longer", "same"]
    const values = ["middle-part", "start-middle-part", "start-middle-part-end", "middle-part"]
    const redactor = createRedactor(values.map((value, i) => ({ name: names[i] as string, value })))
    expect(redactor.redactText("start-middle-part-end")).toBe("[secret longer]")
    expect(redactor.redactText("start-middle-part-en")).toBe("[secret long]-en")
    expect(redactor.redactText("art-middle-part-end")).toBe("art-[secret inner]-end")
  })
})

describe("add", () => {
  test.each([
    ["short", "1234567", /"db\.pass" has fewer than 8 characters/],
    ["short but for white space", "  1234567  \n", /fewer than 8/],
    ["empty", "", /is empty/],
    ["too large", "x".repeat(2 ** 20 + 1), /more than 1 MiB/],
  ])("refuses a value that is %s, and does not repeat it", (_, value, message) => {
    const add = () => createRedactor([{ name: "db.pass", value }])
    expect(add).toThrow(RangeError)
    expect(add).toThrow(message)
    expect(add).not.toThrow(/1234567/)
  })

  test("takes a short value that is weak, and only that one", () => {
    const redactor = createRedactor([{ name: "pin", value: "77", weak: true }])
    expect(redactor.redactText("pin 77, 1779")).toBe("pin [secret pin], 1[secret pin]9")
    expect(() => redactor.add({ name: "pin", value: "78" })).toThrow(RangeError)
    expect(() => redactor.add({ name: "pin", value: "", weak: true })).toThrow(RangeError)
  })

  test("of what is known changes nothing", () => {
    const redactor = createRedactor([{ name: "first", value: "12345678" }])
    redactor.add({ name: "second", value: Buffer.from("12345678") })
    expect(redactor.redactText("12345678")).toBe("[secret first]")
    const begun = performance.now()
    for (let i = 0; i < 200_000; i++) {
      redactor.add({ name: "again", value: "12345678" })
      redactor.redactText("12345678")
    }
    expect(performance.now() - begun).toBeLessThan(10_000) // about 0.2 s; forms that pile up take minutes
  })

  test("one by one is as good as all at once, and its cost stays small", () => {
    const r = random(11)
    const entries = Array.from({ length: 800 }, (_, i) => ({ name: `s${i}`, value: r.text(encoded, 40) }))
    const redactor = createRedactor()
    const begun = performance.now()
    for (const entry of entries) {
      redactor.add(entry)
      expect(redactor.redactText(`a ${entry.value} b`)).toBe(`a [secret ${entry.name}] b`)
    }
    expect(performance.now() - begun).toBeLessThan(10_000) // about 0.7 s; building all anew each time takes a minute
    const text = entries.map(({ value }) => value).join("\n")
    expect(redactor.redactText(text)).toBe(entries.map(({ name }) => `[secret ${name}]`).join("\n"))
  })
})

test("the cost is linear in the bytes of a text made to be slow", () => {
  const value = `${"a".repeat(20_000)}b`
  const redactor = createRedactor([{ name: "s", value }])
  const text = Buffer.alloc(4_000_000, "a")
  const begun = performance.now()
  expect(redactor.redact(text)).toBe(text)
  expect(performance.now() - begun).toBeLessThan(10_000) // about 0.1 s; comparing at each place takes minutes
})
