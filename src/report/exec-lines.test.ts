import { expect, test } from "vitest"
import { execLines, type HostSaid } from "./exec-lines.ts"

const look = { color: false, columns: 100, verbose: false }
const said = (name: string, stdout: string, exitCode = 0, stderr = ""): HostSaid => ({
  name,
  exitCode,
  stdout,
  stderr,
  cut: false,
})
const dead = (name: string): HostSaid => ({
  name,
  error: { code: "CONNECTION_FAILED", fact: `${name}: connection refused`, next: "see that it is up" },
})

test("equal answers are told once, what went wrong last", () => {
  const all = [said("web1", "a\n"), dead("web7"), said("db1", "b\n"), said("web2", "a\n"), said("web3", "a\n")]
  expect(execLines([...all, said("web4", "", 3, "no\n"), dead("web8")], 1_200, look)).toEqual([
    "web[1-3]  3 hosts",
    "  a",
    "db1",
    "  b",
    "web4  exit code 3",
    "! no",
    "web7, web8  2 hosts  CONNECTION_FAILED",
    "  web7: connection refused",
    "  next   see that it is up",
    "",
    "7 hosts: 4 ok, 1 exit code 3, 2 failed · 1.2s",
  ])
})

test("a thousand equal answers are a few lines", () => {
  const all = Array.from({ length: 1_000 }, (_, at) => said(`web${String(at).padStart(4, "0")}`, "same\n"))
  expect(execLines(all, 5_000, look)).toEqual([
    "web[0000-0999]  1,000 hosts",
    "  same",
    "",
    "1,000 hosts: 1,000 ok · 5.0s",
  ])
})

test("what has an effect on a terminal is shown, long output is cropped, and cut output says so", () => {
  const lines = execLines([{ ...said("a", `\u001b[2J${"x\n".repeat(500)}`), cut: true } as HostSaid], 0, look)
  expect(lines[1]).toBe("  \\x1b[2Jx")
  expect(lines).toContain("  … 300 more lines; --json gives all")
  expect(lines).toContain("  … more was printed than is kept")
  expect(lines.length).toBeLessThan(210)
})
