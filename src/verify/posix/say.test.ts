import { execFileSync, spawnSync } from "node:child_process"
import { expect, test } from "vitest"
import { need } from "../../../test/support/need.ts"
import { say } from "./say.ts"

const LINES = [
  "INFO all is well",
  "ERROR the first",
  "",
  "error",
  "xerrorx ERROR error_",
  "Größe über Ärger — error",
  "größe ÄRGER",
  "status=500 path=/x",
  "status=5é0",
  "a😀b",
  "a b",
  "a\u00a0b",
  "axb",
  "aéb",
  "aéxb",
  "tail\r",
  "a \r",
  "mid\rdle",
  "\u0001\u0007 bell",
  "tab\there",
  "[core:error] ]^-\\[",
  "^",
  "-",
  "\\",
  "]",
  "a{2}",
  "aa",
  "aaa",
  "a|b",
  "x+y=z?",
  "$5.00",
  "K ſ K s",
  "line\u2028separator",
  "\ufeffbom",
  '{"level":"error","msg":"a \\"b\\""}',
]

/** Of what a program should not write, and may. */
const made = (source: string, flags = ""): RegExp => new RegExp(source, flags)

const PATTERNS = [
  /error/,
  /error/i,
  /ERROR|error/,
  /^error$/,
  /^$/,
  /\berror\b/i,
  /\b(?:error|fatal)\b/i,
  /(?<level>ERROR|WARN)\s/,
  /status=5\d\d/,
  /status=5../,
  /status=5[^4]0/,
  /^a.b$/,
  /^a..b$/,
  /^a.{2,3}b$/,
  /^a.*b$/,
  /^a[^x]+b$/,
  /a\sb/,
  /a\Sb/,
  /a\Wb/,
  /a\wb/,
  /^\S+$/,
  /\s$/,
  /l$/,
  /[^l]$/,
  /mid.dle/,
  /mid\sdle/,
  /d[^\n]d/,
  /[\]^-]/,
  /[\]\\^-]/,
  /[\^]/,
  /[\^-]$/,
  /^[^\]\\^-]$/,
  /^[[:a]/,
  /[^\d{\w]{1,2}$/i,
  /[A-_]+$/i,
  /a{2}/,
  /a\{2/,
  /a{,2}/,
  /(a|)b/,
  /(?:|a)a$/,
  /(a*)*$/,
  /a|/,
  /x\+y=z\?/,
  /\$5\.00/,
  /é/,
  /ärger/i,
  /[äé]/i,
  /é+x/,
  /k s/i,
  /😀/,
  /^a.b$/u,
  made("[\\u0001-\\u0008]"),
  /\t/,
  made("\\x07"),
  /\u00e9b/,
  /a+?a/,
  /^.+$/,
  /^.$/,
  made("[^]$"),
  /line.sep/,
  /line[^x]*sep/,
  /^\W/,
  /"level":"(error|fatal)"/,
  /-/,
  /--/,
  /(?:a(?:b|c)?|é){1,3}b/,
]

/** What grep finds, without those of which it may find too many and which do not match. */
function found(
  grep: readonly string[],
  pattern: RegExp,
): { readonly lines: readonly string[]; readonly doubts: number } {
  const { bytes, isLiteral, ignoresCase, doubtful } = say(pattern.source, pattern.flags)
  const script = `p=$(printf '${octal(bytes)}x'); p=\${p%x}; shift 0; exec "$@" -e "$p"`
  const words = ["-c", script, "sh", ...grep, isLiteral ? "-F" : "-E", ...(ignoresCase ? ["-i"] : [])]
  const input = LINES.map((line) => `${line}\n`).join("")
  const { status, stdout, stderr } = spawnSync("sh", words, {
    input,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  })
  expect(status, `${pattern}: ${stderr}`).toBeLessThan(2)
  const all = stdout.split("\n").slice(0, -1)
  const isDoubtful = (line: string): boolean =>
    doubtful !== "" && new RegExp(`[${doubtful}]`).test(Buffer.from(line).toString("latin1"))
  const doubts = all.filter(isDoubtful)
  const fits = (line: string): boolean => pattern.test(line.replace(/\r$/, ""))
  return { lines: all.filter((line) => !isDoubtful(line) || fits(line)), doubts: doubts.length }
}

const octal = (bytes: string): string =>
  [...bytes].map((byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`).join("")

const hasBusybox = need("busybox", { install: "apt-get install busybox-static" })

test.each([["grep", "-a"], ...(hasBusybox ? [["busybox", "grep"]] : [])].map((grep) => ({ grep })))(
  "$grep finds the lines that match here",
  ({ grep }) => {
    for (const pattern of PATTERNS) {
      const expected = LINES.filter((line) => pattern.test(line.replace(/\r$/, "")))
      expect([String(pattern), found(grep, pattern).lines]).toEqual([String(pattern), expected])
    }
  },
)

test.each([
  [/error(?!s)/, "(?!…)"],
  [/(?<=a)b/, "(?<=…)"],
  [/(a)\1/, "\\1"],
  [/(?<x>a)\k<x>/, "\\k"],
  [/a\Bb/, "\\B"],
  [/\p{L}/u, "\\p"],
  [/a/m, "the flag m"],
  [made("[a]", "v"), "the flag v"],
  [/s/iu, "the flags iu"],
  [/a\0b/, "\\0"],
  [/a{300}/, "a{300}"],
  [/(?:\ba)+/, "(?:\\ba)+ repeats"],
  [/a\nb/, "\\n"],
  [made("a[]b"), "[]"],
])("%s is refused by the part that cannot be said", (pattern, part) => {
  expect(() => say(pattern.source, pattern.flags)).toThrow(part)
})

test("a text is a text, and most patterns leave no doubt", () => {
  expect(say("status\\.5 \\[x\\]", "")).toMatchObject({ bytes: "status.5 [x]", isLiteral: true, doubtful: "" })
  expect(say("\\b(error|fatal)\\b", "i")).toMatchObject({ isLiteral: false, hasWords: true, doubtful: "" })
  expect(say("status=5\\d\\d", "").bytes).toBe("status=5[0-9][0-9]")
  expect(say("a.*b", "").doubtful).toBe("\x80-\xff")
  expect(execFileSync("grep", ["--version"], { encoding: "utf8" })).toContain("grep")
})
