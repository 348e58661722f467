import { expect, test } from "vitest"
import type { HostRecord } from "./frames.ts"
import { chunksOf, lookLine, readAlone, readChunk } from "./look.ts"

const record = (kind: string, out: string, exitCode = 0): HostRecord => ({
  item: 0,
  kind,
  exitCode,
  out: Buffer.from(out),
  err: Buffer.alloc(0),
})
const HASH = "a".repeat(64)
const facts = { type: "file", mode: "0644", sizeBytes: 5, uid: 1, gid: 2, owner: "1", group: "2" }
const missing = (name: string): string => `stat: cannot statx '${name}': No such file or directory`

test("a chunk is matched by order alone", () => {
  const chunk = { paths: ["/f", "/none", "/d", "/l", "/s"], hash: true }
  const seen = readChunk(chunk, [
    record("f", "F-DLO"),
    record("s", "81a4:5:1:2\n41ed:5:1:2\na1ff:5:1:2\nc1ed:5:1:2"),
    record("m", missing("/none"), 1),
    record("h", `${HASH}  /f`),
    record("l", "/target"),
  ])
  expect(Object.fromEntries(seen)).toEqual({
    "/f": { ...facts, sha256: HASH },
    "/none": "absent",
    "/d": { ...facts, type: "directory", mode: "0755" },
    "/l": { ...facts, type: "link", mode: "0777", to: "/target" },
    "/s": { ...facts, type: "other", mode: "0755" },
  })
})

test("all there and all files needs no letters", () => {
  const seen = readChunk({ paths: ["/a", "/b"], hash: true }, [
    record("f", "+"),
    record("s", "81a4:5:1:2\n89ed:5:1:2"),
    record("h", `${HASH}  /a\n\\${HASH}  /b\\\\n`),
  ])
  expect([...seen.values()]).toEqual([
    { ...facts, sha256: HASH },
    { ...facts, mode: "4755", sha256: HASH },
  ])
})

test.each([
  [
    "one vanished before stat",
    "FF",
    [record("s", "81a4:5:1:2\nstat: cannot statx '/b': No such file or directory", 1)],
  ],
  ["stat printed fewer lines and no error", "FF", [record("s", "81a4:5:1:2")]],
  [
    "one may not be read",
    "FF",
    [record("s", "81a4:5:1:2\n81a4:5:1:2"), record("h", `${HASH}  /a\nsha256sum: /b: Permission denied`, 1)],
  ],
  [
    "may not be looked at is not absent",
    "--",
    [record("m", `${missing("/a")}\nstat: cannot statx '/b': Permission denied`, 1)],
  ],
  ["silence is not absent", "--", []],
  ["a tool that does not take so many", "LL", [record("s", "a1ff:5:1:2\na1ff:5:1:2"), record("l", "usage\nusage", 1)]],
  ["a link whose target holds a newline", "LL", [record("s", "a1ff:5:1:2\na1ff:5:1:2"), record("l", "a\nb\nc")]],
])("%s: must be looked at alone", (_what, flags, records) => {
  expect(readChunk({ paths: ["/a", "/b"], hash: true }, [record("f", flags), ...records]).size).toBe(0)
})

test.each(["F", "FFF", "", "F?"])("%j is no answer for two paths", (flags) => {
  expect(() => readChunk({ paths: ["/a", "/b"], hash: true }, [record("f", flags)])).toThrow(
    expect.objectContaining({ code: "HOST_PROTOCOL" }),
  )
})

test.each([
  ["absent", [record("1", missing("x"), 1)], "absent"],
  ["under a file", [record("1", "stat: can't stat '/f/x': Not a directory", 1)], "absent"],
  [
    "not allowed",
    [record("1", "stat: cannot statx 'x': Permission denied", 1)],
    { failed: "stat: cannot statx 'x': Permission denied" },
  ],
  [
    "an I/O error",
    [record("1", "stat: cannot statx 'x': Input/output error", 1)],
    { failed: "stat: cannot statx 'x': Input/output error" },
  ],
  ["no answer", [], { failed: "the host gave no answer" }],
  ["a file", [record("1", "81a4:5:1:2"), record("2", `${HASH}  -`)], { ...facts, sha256: HASH }],
  [
    "an unreadable file",
    [record("1", "81a4:5:1:2"), record("2", "cannot open x: Permission denied", 2)],
    { failed: "cannot open x: Permission denied" },
  ],
  ["a link", [record("1", "a1ff:5:1:2"), record("3", "a\nb")], { ...facts, type: "link", mode: "0777", to: "a\nb" }],
])("alone: %s", (_what, records, seen) => {
  expect(readAlone(records)).toEqual(seen)
})

test("chunks keep the order, stay under what an argument list holds, and set newlines apart", () => {
  const paths = [
    ...Array.from({ length: 1_200 }, (_, at) => `/f${at}`),
    "/new\nline",
    ...Array.from({ length: 60 }, (_, at) => `/${at}/${"x".repeat(4_000)}`),
  ]
  const chunks = chunksOf(paths, true)
  expect(chunks.flatMap((chunk) => chunk.paths)).toEqual(paths)
  expect(Math.max(...chunks.map((chunk) => chunk.paths.length))).toBe(500)
  expect(Math.max(...chunks.map((chunk) => Buffer.byteLength(lookLine(chunk, 0))))).toBeLessThan(120_000)
  expect(chunks.filter((chunk) => chunk.paths.includes("/new\nline"))).toEqual([{ paths: ["/new\nline"], hash: true }])
})
