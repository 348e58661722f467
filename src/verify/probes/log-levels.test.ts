import { spawnSync } from "node:child_process"
import { expect, test } from "vitest"
import { say } from "../posix/say.ts"
import { isOfLevel, type Level, levelPattern } from "./log-levels.ts"

const FATAL = [
  '{"level":60,"msg":"x"}',
  '{"time":1,"level":"fatal"}',
  '  { "a": { "Severity" : "CRITICAL" } }',
  '{"level":2,"short_message":"gelf"}',
  'ts=1 level=fatal msg="x y"',
  "<2>crit of syslog",
  "<130>1 2026-01-01T00:00:00Z host app - - -",
  "F0101 12:00:00.000 1 main.go:1] gone",
  "2026-01-01 12:00:00,123 CRITICAL app: gone",
  "2026-01-01 12:00:00 UTC [123] PANIC:  could not write",
  "fatal: not a git repository",
  "[emerg] no port",
]
const ERRORS = [
  '{"level":"error","msg":"a"}',
  '{"msg":"b","lvl":"ERR"}',
  '{"level":50}',
  '{"level": 3 }',
  'msg="x" level="error"',
  "level=ERROR",
  "<3>plain",
  "<11>user.err",
  "E0101 12:00:00.123456 1 file.go:10] it broke",
  "ERROR the first",
  "ERROR:root:python",
  "[error] nginx says",
  "2026/01/01 12:00:00 [error] 123#0: *1 open() failed",
  "[Thu Jan 01 12:00:00.123 2026] [core:error] [pid 1] x",
  "2026-01-01T12:00:00.000+01:00 ERROR 1234 --- [main] com.example.App : x",
  "12:00:00.000 [main] ERROR com.example.App - x",
  "12:00:00.000 [http-nio-8080-exec-1] ERROR c.e.App - x",
  "Jan  1 12:00:00 web1 app[123]: ERROR it broke",
  "<11>Jan  1 12:00:00 web1 app[123]: error: it broke",
  "2026-01-01T12:00:00Z web1 app[12]: [error] x",
  "Error: boom",
  "2026-01-01 12:00:00 CEST [1] ERROR:  relation does not exist",
  "SEVERE: java.util.logging",
]
const WARNINGS = [
  '{"level":40}',
  "WARN low disk",
  "[warning] x",
  "<4>x",
  "W0101 12:00:00.1 1 f.go:1] x",
  "level=warn x",
]
const NONE = [
  "",
  "INFO all is well",
  "INFO retry after ERROR from a peer",
  "info: retry after error: x",
  "2026-01-01 12:00:00 INFO app: ERROR said the peer",
  "[INFO] 12 ERROR",
  '{"level":30,"msg":"level error"}',
  '{"level":"info","msg":"{\\"level\\":\\"error\\"}"}',
  '{"level":"info","msg":"a,\\"level\\":50"}',
  '{"levels":"error"}',
  '{"level":7}',
  "text that says level error",
  "sublevel=error",
  "level=errors",
  "<6>info",
  "<30>daemon.info",
  "E01 12:00",
  "ERRORS are none",
  "TERROR",
  "no errors found",
  "the word ERROR far inside",
  "TypeError of nothing",
]

const CASES: readonly { readonly level: Level; readonly yes: readonly string[]; readonly no: readonly string[] }[] = [
  { level: "fatal", yes: FATAL, no: [...ERRORS, ...WARNINGS, ...NONE] },
  { level: "error", yes: [...FATAL, ...ERRORS], no: [...WARNINGS, ...NONE] },
  { level: "warn", yes: [...FATAL, ...ERRORS, ...WARNINGS], no: NONE },
]

test.each(CASES)("$level is told by what stands at the head of a line", ({ level, yes, no }) => {
  expect([...yes, ...no].filter((line) => isOfLevel(line, level))).toEqual(yes)
})

test.each(CASES)("$level is the same there, without a doubt", ({ level, yes, no }) => {
  const { regex, flags } = levelPattern(level)
  const { bytes, doubtful, hasWords } = say(regex, flags)
  expect({ doubtful, hasWords }).toEqual({ doubtful: "", hasWords: false })
  const input = [...yes, ...no].map((line) => `${line}\n`).join("")
  const { stdout } = spawnSync("grep", ["-aE", "-e", bytes], {
    input,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  })
  expect(stdout.split("\n").slice(0, -1)).toEqual(yes)
})

test("a hostile line takes no time that grows faster than it", () => {
  for (const piece of ["1", " ", "[", "a1 ", '{"level"', ",", "[1", "<1", "Jan ", '"level":'])
    for (const line of [piece.repeat(100_000), `{${piece.repeat(100_000)}`, `1 ${piece.repeat(100_000)}`]) {
      const begun = process.cpuUsage()
      isOfLevel(line, "error")
      expect(process.cpuUsage(begun).user, piece).toBeLessThan(2_000_000)
    }
})
