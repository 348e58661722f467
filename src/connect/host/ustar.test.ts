import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { need } from "../../../test/support/need.ts"
import { type TarEntry, tar } from "./ustar.ts"

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fettle-ustar-"))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const READERS = [["tar"], ["busybox", "tar"]].filter(([name = ""]) =>
  need(name, { install: `apt-get install ${name === "busybox" ? "busybox-static" : name}` }),
)

test.each(READERS)("%s %s reads what is written", async (...reader) => {
  writeFileSync(join(folder, "local"), Buffer.alloc(700_001, 9))
  const long = Array.from({ length: 20 }, (_, at) => `folder-${at}-${"é".repeat(20)}`).join("/")
  const entries: TarEntry[] = [
    { path: "plain", mode: 0o644, content: Buffer.from("hello") },
    { path: "empty", mode: 0o600, content: Buffer.alloc(0) },
    { path: `${"p/".repeat(60)}${"n".repeat(99)}`, mode: 0o755, content: Buffer.alloc(512, 1) },
    { path: `${long}/file`, mode: 0o640, content: Buffer.alloc(1_025, 2) },
    { path: "x".repeat(255), mode: 0o4711, content: Buffer.alloc(300_000, 3) },
    { path: "from-local", mode: 0o644, content: { local: join(folder, "local"), sizeBytes: 700_001 } },
    { path: "shrunk", mode: 0o644, content: { local: join(folder, "local"), sizeBytes: 700_100 } },
    { path: "new\nline 'and' \\ more", mode: 0o644, content: Buffer.from("odd") },
  ]
  const { length, chunks } = tar(entries)
  const pieces: Uint8Array[] = []
  for await (const chunk of chunks) pieces.push(chunk)
  const bytes = Buffer.concat(pieces)
  expect(bytes.length).toBe(length)
  execFileSync(reader[0] as string, [...reader.slice(1), "-xpomf", "-", "-C", folder], { input: bytes })
  for (const { path, mode, content } of entries) {
    expect(statSync(join(folder, path)).mode & 0o7777, path).toBe(mode)
    if (content instanceof Uint8Array) expect(readFileSync(join(folder, path)).equals(content), path).toBe(true)
  }
  expect(readFileSync(join(folder, "from-local"))).toEqual(readFileSync(join(folder, "local")))
  expect(statSync(join(folder, "shrunk")).size).toBe(700_100)
})
