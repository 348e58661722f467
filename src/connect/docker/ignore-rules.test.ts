import { expect, test } from "vitest"
import { FettleError } from "../../errors.ts"
import { ignoreLines } from "./ignore-file.ts"
import { ignoreRules, type Verdict } from "./ignore-rules.ts"

type Answer = "ignored" | "kept" | "refused"
type Case = readonly [pattern: string | readonly string[], path: string, answer: Answer]

/** The inputs and results of Docker's own tests of its matcher (moby/patternmatcher), one row each. */
const DOCKERS_OWN: readonly Case[] = [
  // a single name
  ["*", "fileutils.go", "ignored"],
  ["*.go", "fileutils.go", "ignored"],
  [["!fileutils.go", "*.go"], "fileutils.go", "ignored"],
  [["docs", "!docs/README.md"], "docs/README.md", "kept"],
  [["docs/", "!docs/README.md"], "docs/README.md", "kept"],
  [["docs/*", "!docs/README.md"], "docs/README.md", "kept"],
  [["*.go", "!fileutils.go"], "fileutils.go", "kept"],
  [["!"], "fileutils.go", "refused"],
  [[], "any/path/there", "kept"],
  [["["], "any/path/there", "refused"],
  // any depth
  ["**", "file", "ignored"],
  ["**", "file/", "ignored"],
  ["**/", "file", "ignored"],
  ["**/", "file/", "ignored"],
  ["**", "/", "ignored"],
  ["**/", "/", "ignored"],
  ["**", "dir/file", "ignored"],
  ["**/", "dir/file", "ignored"],
  ["**", "dir/file/", "ignored"],
  ["**/", "dir/file/", "ignored"],
  ["**/**", "dir/file", "ignored"],
  ["**/**", "dir/file/", "ignored"],
  ["dir/**", "dir/file", "ignored"],
  ["dir/**", "dir/file/", "ignored"],
  ["dir/**", "dir/dir2/file", "ignored"],
  ["dir/**", "dir/dir2/file/", "ignored"],
  ["**/dir", "dir", "ignored"],
  ["**/dir", "dir/file", "ignored"],
  ["**/dir2/*", "dir/dir2/file", "ignored"],
  ["**/dir2/*", "dir/dir2/file/", "ignored"],
  ["**/dir2/**", "dir/dir2/dir3/file", "ignored"],
  ["**/dir2/**", "dir/dir2/dir3/file/", "ignored"],
  ["**file", "file", "ignored"],
  ["**file", "dir/file", "ignored"],
  ["**/file", "dir/file", "ignored"],
  ["**file", "dir/dir/file", "ignored"],
  ["**/file", "dir/dir/file", "ignored"],
  ["**/file*", "dir/dir/file", "ignored"],
  ["**/file*", "dir/dir/file.txt", "ignored"],
  ["**/file*txt", "dir/dir/file.txt", "ignored"],
  ["**/file*.txt", "dir/dir/file.txt", "ignored"],
  ["**/file*.txt*", "dir/dir/file.txt", "ignored"],
  ["**/**/*.txt", "dir/dir/file.txt", "ignored"],
  ["**/**/*.txt2", "dir/dir/file.txt", "kept"],
  ["**/*.txt", "file.txt", "ignored"],
  ["**/**/*.txt", "file.txt", "ignored"],
  ["a**/*.txt", "a/file.txt", "ignored"],
  ["a**/*.txt", "a/dir/file.txt", "ignored"],
  ["a**/*.txt", "a/dir/dir/file.txt", "ignored"],
  ["a/*.txt", "a/dir/file.txt", "kept"],
  ["a/*.txt", "a/file.txt", "ignored"],
  ["a/*.txt**", "a/file.txt", "ignored"],
  ["**/foo/bar", "foo/bar", "ignored"],
  ["**/foo/bar", "dir/foo/bar", "ignored"],
  ["**/foo/bar", "dir/dir2/foo/bar", "ignored"],
  ["abc/**", "abc", "kept"],
  ["abc/**", "abc/def", "ignored"],
  ["abc/**", "abc/def/ghi", "ignored"],
  ["**/.foo", ".foo", "ignored"],
  ["**/.foo", "bar.foo", "kept"],
  // classes, dots and what a regular expression would take for its own
  ["a[b-d]e", "ae", "kept"],
  ["a[b-d]e", "ace", "ignored"],
  ["a[b-d]e", "aae", "kept"],
  ["a[^b-d]e", "aze", "ignored"],
  [".*", ".foo", "ignored"],
  [".*", "foo", "kept"],
  ["abc.def", "abcdef", "kept"],
  ["abc.def", "abc.def", "ignored"],
  ["abc.def", "abcZdef", "kept"],
  ["abc?def", "abcZdef", "ignored"],
  ["abc?def", "abcdef", "kept"],
  ["a(b)c/def", "a(b)c/def", "ignored"],
  ["a(b)c/def", "a(b)c/xyz", "kept"],
  ["a.|)$(}+{bc", "a.|)$(}+{bc", "ignored"],
  ["dist/proxy-2.4.dev36+g08acad9-py3-none.whl", "dist/proxy-2.4.dev36+g08acad9-py3-none.whl", "ignored"],
  ["dist/*.whl", "dist/proxy-2.4.dev36+g08acad9-py3-none.whl", "ignored"],
  ["a\\\\", "a\\", "ignored"],
  ["a\\*b", "a*b", "ignored"],
  [["**", "!util/docker/web"], "util/docker/web/foo", "kept"],
  [["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", "ignored"],
  [["**", "!dist/proxy-2.4.dev36+g08.whl"], "dist/proxy-2.4.dev36+g08.whl", "kept"],
  [["**", "!dist/*.whl"], "dist/proxy-2.4.dev36+g08.whl", "kept"],
  // as Go's filepath.Match is tested
  ["abc", "abc", "ignored"],
  ["*", "abc", "ignored"],
  ["*c", "abc", "ignored"],
  ["a*", "a", "ignored"],
  ["a*", "abc", "ignored"],
  ["a*", "ab/c", "ignored"],
  ["a*/b", "abc/b", "ignored"],
  ["a*/b", "a/c/b", "kept"],
  ["a*b*c*d*e*/f", "axbxcxdxe/f", "ignored"],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/f", "ignored"],
  ["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", "kept"],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/fff", "kept"],
  ["a*b?c*x", "abxbbxdbxebxczzx", "ignored"],
  ["a*b?c*x", "abxbbxdbxebxczzy", "kept"],
  ["ab[c]", "abc", "ignored"],
  ["ab[b-d]", "abc", "ignored"],
  ["ab[e-g]", "abc", "kept"],
  ["ab[^c]", "abc", "kept"],
  ["ab[^b-d]", "abc", "kept"],
  ["ab[^e-g]", "abc", "ignored"],
  ["a\\*b", "ab", "kept"],
  ["a?b", "a☺b", "ignored"],
  ["a[^a]b", "a☺b", "ignored"],
  ["a???b", "a☺b", "kept"],
  ["a[^a][^a][^a]b", "a☺b", "kept"],
  ["[a-ζ]*", "α", "ignored"],
  ["*[a-ζ]", "A", "kept"],
  ["a?b", "a/b", "kept"],
  ["a*b", "a/b", "kept"],
  ["[\\]a]", "]", "ignored"],
  ["[\\-]", "-", "ignored"],
  ["[x\\-]", "x", "ignored"],
  ["[x\\-]", "-", "ignored"],
  ["[x\\-]", "z", "kept"],
  ["[\\-x]", "x", "ignored"],
  ["[\\-x]", "-", "ignored"],
  ["[\\-x]", "a", "kept"],
  ["[]a]", "]", "refused"],
  ["[-]", "-", "refused"],
  ["[x-]", "x", "refused"],
  ["[-x]", "x", "refused"],
  ["\\", "a", "refused"],
  ["[a-b-c]", "a", "refused"],
  ["[", "a", "refused"],
  ["[^", "a", "refused"],
  ["[^bc", "a", "refused"],
  ["a[", "a", "refused"],
  ["*x", "xxx", "ignored"],
  ["[Local-Only]/", "x", "refused"],
]

/** What Docker does where its tests say nothing, found by asking it about 30,000 made-up files. */
const FOUND: readonly Case[] = [
  ["*|b", "b", "ignored"],
  ["a{2}*", "aab", "ignored"],
  ["[[^a]*]", "[x]", "ignored"],
  ["\\d*", "7up", "ignored"],
  ["\\q*", "q", "refused"],
  [["a", "!a/b", "a*"], "a/b", "kept"],
  [["a", "!a/b", "a/*"], "a/b", "ignored"],
]

function answer(lines: string | readonly string[], path: string, walked: boolean): Answer {
  try {
    const rules = ignoreRules([lines].flat())
    if (!walked) return rules.judge(path).ignored ? "ignored" : "kept"
    let verdict: Verdict | undefined
    for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1))
      verdict = rules.judge(path.slice(0, at), verdict)
    return rules.judge(path, verdict).ignored ? "ignored" : "kept"
  } catch (error) {
    expect(error).toBeInstanceOf(FettleError)
    expect((error as FettleError).code).toBe("DOCKER_IGNORE_INVALID")
    return "refused"
  }
}

test.each(DOCKERS_OWN)("Docker's own case %j of %s", (lines, path, expected) => {
  expect(answer(lines, path, false), "asked alone").toBe(expected)
  expect(answer(lines, path, true), "asked folder by folder").toBe(expected)
})

test.each(FOUND)("%j of %s", (lines, path, expected) => expect(answer(lines, path, true)).toBe(expected))

test("there are at least as many cases as Docker has", () => expect(DOCKERS_OWN.length).toBeGreaterThanOrEqual(113))

test.each([
  ["a\r\nb\r\n", ["a", "b"]],
  ["\ufeff# no\n#no\n  a  \n\n \t\n", ["a"]],
  [" # is a pattern", ["# is a pattern"]],
  ["/a/b/\n!/c\n! /d\n!  e/../f", ["a/b", "!c", "!d", "!f"]],
  ["/\n.\n!\n../x\n\u00a0y\u0085", ["/", ".", "!", "../x", "y"]],
])("the lines of %j", (text, lines) => expect(ignoreLines(text)).toEqual(lines))

test.each([
  [["node_modules"], "node_modules", false],
  [["*", "!src"], "node_modules", false],
  [["*", "!src/a"], "src", true],
  [["*", "!src/a/b"], "src/b", false],
  [["*", "!packages/*/package.json"], "packages/one", true],
  [["*", "!packages/*/package.json"], "packages/one/node_modules", false],
  [["*", "!**/*.ts"], "src", true],
  [["*", "!src/**/*.ts"], "lib", false],
  [["*", "!s?c/[a-b]"], "src", true],
  [["!node_modules/keep", "node_modules"], "node_modules", false],
  [["*", "!src/a", "src"], "src", true], // the last line is not asked where nothing would change, so it has no say inside
])("with %j, %s is looked into: %s", (lines, folder, expected) => {
  const rules = ignoreRules(lines)
  const verdict = rules.judge(folder)
  expect(verdict.ignored && rules.reaches(folder, verdict)).toBe(expected)
})

test("100,000 paths are judged by 5 patterns in under half a second of processor time", () => {
  const rules = ignoreRules(["node_modules", "**/*.log", "dist/*", "!dist/keep*.txt", "**/coverage/**"])
  const before = process.cpuUsage()
  let ignored = 0
  for (let at = 0; at < 100_000; at += 1)
    if (rules.judge(`packages/part-${at % 97}/src/file-${at}.${at % 3 ? "ts" : "log"}`).ignored) ignored += 1
  expect(ignored).toBe(33_334)
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1_000).toBeLessThan(500)
})
