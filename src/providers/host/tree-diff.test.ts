import { expect, test } from "vitest"
import { diffTrees, treeScript } from "./tree-diff.ts"
import { entriesFrom, listOf } from "./tree-entries.ts"

const [one, two] = ["1".repeat(64), "2".repeat(64)]
const entries = (of: Record<string, string>): ReadonlyMap<string, string> => new Map(Object.entries(of))

test("entries survive being remembered, whatever their names are", () => {
  const all = entries({ __proto__x: `0644 ${one}`, "a b\n": "0755/", "l -> x": "-> to\ny" })
  expect(entriesFrom(listOf(all))).toEqual(all)
  expect(listOf(entries({ b: "0755/", a: "0755/", "a/c": "0755/" }))).toEqual(["0755/\0a", "0755/\0a/c", "0755/\0b"])
})

test.each([
  ["the same", { f: `0644 ${one}` }, { f: `0644 ${one}` }, {}],
  ["a new file", { f: `0644 ${one}` }, {}, { news: ["f"], puts: { f: { entry: `0644 ${one}`, expect: "absent" } } }],
  [
    "other content",
    { f: `0644 ${one}` },
    { f: `0600 ${two}` },
    { changed: { f: "content; mode 0600, wanted 0644" }, puts: { f: { entry: `0644 ${one}`, expect: two } } },
  ],
  [
    "another mode",
    { f: `0644 ${one}` },
    { f: `0600 ${one}` },
    { changed: { f: "mode 0600, wanted 0644" }, modes: { f: "0644" } },
  ],
  ["a file that left", {}, { f: `0644 ${one}` }, { gone: ["f"], removes: { f: one } }],
  ["folders that left", {}, { d: "0755/", "d/e": "0755/" }, { gone: ["d", "d/e"], empties: ["d/e", "d"] }],
  ["a new folder", { d: "0755/" }, {}, { news: ["d"], folders: { d: "0755/" }, ownFolders: ["d"] }],
  ["a moved link", { l: "-> b" }, { l: "-> a" }, { changed: { l: "target" }, links: { l: { to: "b", from: "a" } } }],
  ["a link that left", {}, { l: "-> a" }, { gone: ["l"], unlinks: { l: "a" } }],
])("%s", (_what, wanted, there, expected: Record<string, unknown>) => {
  const diff = diffTrees(entries(wanted), entries(there), [], [])
  const plain = Object.fromEntries(
    Object.entries({ ...diff, news: [...diff.news.keys()] })
      .map(([name, value]) => [name, value instanceof Map ? Object.fromEntries(value) : value] as const)
      .filter(([, value]) => Object.keys(value as object).length > 0),
  )
  expect(plain).toEqual(expected)
})

test("owners and modes are set by few commands, and names are only names", () => {
  const wanted = entries(Object.fromEntries(Array.from({ length: 450 }, (_, at) => [`f${at}`, `0644 ${one}`])))
  const there = entries(Object.fromEntries([...wanted.keys()].map((name) => [name, `0600 ${one}`])))
  const script = treeScript("/srv/it's", diffTrees(wanted, there, ["f1"], ["-rf"]), { group: "app" })
  expect(script.match(/^chmod -- 0644 /gm)).toHaveLength(3)
  expect(script).toContain("chown -h -- ':app' '/srv/it'\\''s/f1'")
  expect(script).toContain("rm -f -- '/srv/it'\\''s/-rf'")
  expect(treeScript("/srv", diffTrees(wanted, wanted, [], []), {})).toBe("")
})
