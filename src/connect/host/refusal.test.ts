import { expect, test } from "vitest"
import { refusal } from "./refusal.ts"

const tar = (...lines: string[]): string =>
  [
    ...lines.map((line) => `tar: srv/shop/.fettle-1-0/${line}`),
    "tar: Exiting with failure status due to previous errors",
  ].join("\n")

test.each([
  ["the words of GNU tar", tar("a: Cannot write: No space left on device", "b: Cannot write: No space left on device")],
  ["its count of what it wrote", tar("z: Wrote only 5120 of 10240 bytes")],
  ["busybox", "tar: write error: No space left on device"],
  ["mkdir", "mkdir: cannot create directory '/srv/shop/.fettle-1-0': No space left on device"],
])("a full disk is one line, from %s", (_name, said) => {
  expect(refusal(said, "/srv/shop/a")).toEqual({
    reason: "no space left on /srv/shop",
    next: "free space there, then apply again",
  })
})

test("of what was said about many files a file is told its own line", () => {
  const said = tar("b: Cannot open: Permission denied", "a: Cannot open: Is a directory")
  expect(refusal(said, "/srv/shop/a").reason).toBe("tar: srv/shop/.fettle-1-0/a: Cannot open: Is a directory")
  expect(refusal("mv: cannot overwrite '/srv/shop/a': Is a directory", "/srv/shop/a").reason).toBe(
    "mv: cannot overwrite '/srv/shop/a': Is a directory",
  )
})

test("where none is its own, the first; nothing is long", () => {
  expect(refusal("chown: invalid user: 'shop'\nmore", "/srv/shop/a")).toEqual({
    reason: "chown: invalid user: 'shop'",
    next: undefined,
  })
  expect(refusal("x".repeat(9_999), "/srv/shop/a").reason).toHaveLength(300)
  expect(refusal("", "/srv/shop/a").reason).toBe("")
})
