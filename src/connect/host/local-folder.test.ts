import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { globExpression, listLocal } from "./local-folder.ts"

const folder = mkdtempSync(join(tmpdir(), "fettle-listing-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe("globs", () => {
  test.each([
    ["*.log", ["a.log", "deep/a.log", ".log"], ["a.log/x", "alog", "a.logs"]],
    ["node_modules", ["node_modules", "a/node_modules"], ["node_modules2", "a/my_node_modules"]],
    ["/top", ["top"], ["a/top"]],
    ["cache/**", ["cache/a", "cache/a/b"], ["cache", "a/cache/b"]],
    ["**/tmp", ["tmp", "a/tmp", "a/b/tmp"], ["tmp/a", "atmp"]],
    ["a/*/c", ["a/b/c"], ["a/b/b/c", "a/c"]],
    ["?.[ch]", ["x.c", "a/y.h"], ["x.d", "xy.c"]],
    ["[!a]x", ["bx"], ["ax"]],
    ["a(b)+{c}$.x", ["a(b)+{c}$.x"], ["abcx"]],
    ["build/", ["build", "a/build"], ["rebuild"]],
    ["ünï-?", ["ünï-🎉"], ["ünï-"]],
  ])("%s", (glob, yes, no) => {
    expect(yes.filter((path) => !globExpression(glob).test(path))).toEqual([])
    expect(no.filter((path) => globExpression(glob).test(path))).toEqual([])
  })
})

test("a folder is listed with modes, hashes and links, without what is ignored and all below it", async () => {
  mkdirSync(join(folder, "a/skip/deep"), { recursive: true, mode: 0o755 })
  writeFileSync(join(folder, "a/f"), "x", { mode: 0o640 })
  writeFileSync(join(folder, "a/skip/deep/f"), "x")
  symlinkSync("/no/such", join(folder, "l"))
  expect(await listLocal({ path: folder, ignore: ["skip"] })).toEqual({
    entries: new Map<string, unknown>([
      ["a", { type: "directory", mode: "0755" }],
      [
        "a/f",
        {
          type: "file",
          mode: "0640",
          sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
          sizeBytes: 1,
        },
      ],
      ["l", { type: "link", to: "/no/such" }],
    ]),
  })
})

test("what cannot be listed whole is a failure, not less", async () => {
  expect(await listLocal({ path: join(folder, "no"), ignore: [] })).toMatchObject({
    failed: expect.stringContaining("ENOENT"),
  })
})
