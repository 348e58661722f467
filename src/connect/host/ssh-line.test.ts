import { execFileSync } from "node:child_process"
import { expect, test } from "vitest"
import { bootArgv } from "./shell.ts"
import { becomeWords, remoteLine, sshLine } from "./ssh-line.ts"

test("options stand before the two dashes, destination and one command after them", () => {
  const line = sshLine(
    "web1",
    { user: "deploy", port: 2222, config: "/c", identityFile: "/k" },
    { asks: false, command: "exec sh" },
  )
  expect(line.slice(0, 9)).toEqual(["ssh", "-F", "/c", "-l", "deploy", "-p", "2222", "-i", "/k"])
  expect(line.slice(-3)).toEqual(["--", "web1", "exec sh"])
  expect(line).toContain("BatchMode=yes")
  expect(line).toContain("StrictHostKeyChecking=yes")
  expect(sshLine("web1", {}, { asks: true })).toContain("BatchMode=no")
  expect(sshLine("web1", {}, { asks: true })).toContain("ConnectTimeout=10")
  expect(sshLine("web1", { connectTimeout: "1500ms" }, { asks: true })).toContain("ConnectTimeout=2")
})

test("the first line is one that every login shell hands on: no newline, no backslash, no !, and under 2 KB", () => {
  const line = remoteLine([...becomeWords({ by: "sudo" }, "p"), ...bootArgv("sh")])
  expect(line).toMatch(/^exec sudo -H -n -u root -- sh -c '/)
  expect(line).not.toMatch(/[\n\\!]/)
  expect(line.length).toBeLessThan(2_000)
  const words = line.slice("exec ".length)
  expect(execFileSync("sh", ["-c", `printf '%s\\n' ${words}`], { encoding: "utf8" })).toBe(
    `${[...becomeWords({ by: "sudo" }, "p"), ...bootArgv("sh")].join("\n")}\n`,
  )
})

test.each([
  [undefined, []],
  [{ by: "sudo" }, ["sudo", "-H", "-n", "-u", "root", "--"]],
  [{ by: "sudo", user: "app", password: {} }, ["sudo", "-H", "-S", "-p", "ask:", "-u", "app", "--"]],
  [{ by: "doas", user: "app" }, ["doas", "-n", "-u", "app", "--"]],
])("becoming by %j", (become, words) => {
  expect(becomeWords(become as never, "ask:")).toEqual(words)
})
