import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { DataKey, findKey, makeKey } from "./key.ts"

function places(given?: string): { folder: string; file: string; given: string | undefined } {
  const folder = mkdtempSync(join(tmpdir(), "fettle-key-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, file: join(folder, "config", "fettle", "state.key"), given }
}

const key = (byte: number): DataKey => new DataKey(new Uint8Array(32).fill(byte))
const code = (name: string): object => expect.objectContaining({ code: name })

test("the key file is made at first need, for its owner alone, and is the same ever after", () => {
  const at = places()
  expect(findKey(at)).toBeUndefined()
  expect(existsSync(at.file)).toBe(false)
  const made = makeKey(at)
  expect(statSync(at.file).mode & 0o777).toBe(0o600)
  expect(statSync(join(at.file, "..")).mode & 0o777).toBe(0o700)
  expect(readdirSync(join(at.file, ".."))).toEqual(["state.key"])
  expect(makeKey(at).id).toBe(made.id)
  expect(findKey(at)?.id).toBe(made.id)
})

test("a key file that others can read is refused", () => {
  const at = places()
  makeKey(at)
  for (const mode of [0o640, 0o604, 0o660, 0o610]) {
    chmodSync(at.file, mode)
    expect(() => findKey(at)).toThrowError(code("SECRET_EXPOSED"))
    expect(() => makeKey(at)).toThrowError(code("SECRET_EXPOSED"))
  }
})

test("a file that is no key is refused and stays as it is", () => {
  const at = places()
  makeKey(at)
  for (const text of ["", "short", "A".repeat(200)]) {
    writeFileSync(at.file, text)
    expect(() => makeKey(at)).toThrowError(code("STATE_KEY_WRONG"))
    expect(readFileSync(at.file, "utf8")).toBe(text)
  }
})

test("a given key wins over the file, as base64 or as hex; what is no key is refused", () => {
  const bytes = Buffer.alloc(32, 7)
  const ids = [bytes.toString("base64"), bytes.toString("hex"), bytes.toString("base64url")].map((given) => {
    const at = places(given)
    const id = makeKey(at).id
    expect(existsSync(at.file)).toBe(false)
    return id
  })
  expect(new Set(ids)).toEqual(new Set([key(7).id]))
  for (const given of ["no", "x".repeat(42), bytes.toString("hex").slice(1)])
    expect(() => findKey(places(given))).toThrowError(code("STATE_KEY_WRONG"))
})

test("a sealed value opens with its own key alone, and not when altered", () => {
  const sealed = key(1).seal("the value ☃")
  expect(key(1).open(sealed)).toBe("the value ☃")
  expect(key(1).seal("the value ☃")).not.toBe(sealed)
  expect(() => key(2).open(sealed)).toThrowError(code("STATE_KEY_WRONG"))
  for (const at of [0, 13, 30]) {
    const bytes = Buffer.from(sealed, "base64")
    bytes[at] = (bytes[at] as number) ^ 1
    expect(() => key(1).open(bytes.toString("base64"))).toThrowError(code("STATE_KEY_WRONG"))
  }
  for (const cut of ["", sealed.slice(0, 8), sealed.slice(0, 24)])
    expect(() => key(1).open(cut)).toThrowError(code("STATE_KEY_WRONG"))
})

test("fingerprints are keyed: the same value under another key has another one", () => {
  expect(key(1).fingerprint("value")).toBe(key(1).fingerprint("value"))
  expect(key(1).fingerprint("value")).not.toBe(key(2).fingerprint("value"))
  expect(key(1).fingerprint("value")).not.toBe(key(1).fingerprint("value "))
  expect(key(1).id).not.toBe(key(2).id)
})

const MAKER = `
const { makeKey } = await import(process.argv[1])
while (Date.now() < Number(process.argv[3]));
process.stdout.write(makeKey({ given: undefined, file: process.argv[2] }).id)
`

test("processes that make the key at once end with one", { timeout: 60_000 }, async () => {
  const at = places()
  const module = new URL("./key.ts", import.meta.url).href
  const start = String(Date.now() + 1_500)
  const ids = Array.from({ length: 6 }, async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", MAKER, module, at.file, start])
    let id = ""
    for await (const bytes of child.stdout) id += bytes
    return id
  })
  expect(new Set(await Promise.all(ids))).toEqual(new Set([findKey(at)?.id]))
  expect(readdirSync(join(at.file, ".."))).toEqual(["state.key"])
})
