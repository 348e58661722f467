import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { FettleError } from "../errors.ts"
import { runCommand } from "./process.ts"

const base = { PATH: process.env.PATH, HOME: "/home/x", LANG: "C", SECRET_OF_OURS: "no" }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fettle-process-"))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const sh = (script: string, options: Parameters<typeof runCommand>[1] = {}): ReturnType<typeof runCommand> =>
  runCommand(["sh", "-c", script], { base, ...options })
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")

describe("a command", () => {
  test("gives both streams, its code and its duration", async () => {
    const result = await sh("echo out; echo err >&2; exit 3", { check: false })
    expect([text(result.stdout), text(result.stderr), result.exitCode, result.signal, result.timedOut]).toEqual([
      "out\n",
      "err\n",
      3,
      undefined,
      false,
    ])
    expect(result.durationMs).toBeGreaterThanOrEqual(0)
  })

  test("finds in its environment only what is named", async () => {
    const { stdout } = await sh("env", { env: { MINE: "yes" } })
    const names = text(stdout)
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0] as string)
    expect(names.filter((name) => !["PWD", "_", "SHLVL", "OLDPWD"].includes(name)).sort()).toEqual([
      "HOME",
      "LANG",
      "MINE",
      "PATH",
    ])
  })

  test("takes no shell: its arguments are only arguments", async () => {
    expect(text((await runCommand(["printf", "%s|", "a b", "$(id)", "*", ""], { base })).stdout)).toBe("a b|$(id)|*||")
  })

  test("reads its input, and an end of it is no error of ours", async () => {
    expect(text((await sh("cat", { input: "line\n" })).stdout)).toBe("line\n")
    expect((await sh("exit 0", { input: new Uint8Array(4_000_000) })).exitCode).toBe(0)
    expect(text((await sh("cat; echo end")).stdout)).toBe("end\n")
  })

  test("has its output seen as it comes, and kept to a bound", async () => {
    const seen: string[] = []
    const result = await sh("i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); echo line $i; done", {
      maxTailBytes: 100,
      onOutput: (stream, bytes) => seen.push(stream + text(bytes)),
    })
    expect(result.stdout.length).toBe(100)
    expect(text(result.stdout).endsWith("line 4999\nline 5000\n")).toBe(true)
    expect(seen.join("").replaceAll("stdout", "")).toContain("line 1\nline 2\n")
  })

  test("fails with what it said last", async () => {
    await expect(sh("echo before; echo 'no space' >&2; exit 4")).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      details: { exitCode: 4, stdout: "before\n", stderr: "no space\n", durationMs: expect.any(Number) },
    })
    await expect(sh("kill -TERM $$")).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      fact: expect.stringContaining("signal SIGTERM"),
    })
    await expect(runCommand(["/no/such/thing"], { base })).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      fact: "/no/such/thing could not be started",
    })
    await expect(sh("true", { cwd: "/no/such/folder" })).rejects.toMatchObject({ code: "COMMAND_FAILED" })
  })

  test("that left a daemon with its pipes has ended all the same", async () => {
    const begun = Date.now()
    expect(text((await sh("sleep 20 & echo $!")).stdout)).toMatch(/^\d+\n$/)
    expect(Date.now() - begun).toBeLessThan(8_000)
  })
})

test("secrets are hidden in the output that an error shows before it is cut", async () => {
  const token = "kJ8vQ2xW9rT4yU7pL3mN6bV1"
  const hide = (each: string): string => each.replaceAll(token, "[secret TOKEN]")
  const script = `printf %s ${token}; printf "%04084d" 0; exit 1`
  const error = await sh(script, { hide }).catch((thrown: FettleError) => thrown)
  const { stdout } = (error as FettleError).details as { stdout: string }
  expect(stdout).toMatch(/^[^0]*TOKEN\]0+$/)
  expect(stdout).not.toContain(token.slice(-8))
})

describe("at its limit, or when the run is cancelled", () => {
  const family = `sh -c 'trap "" TERM; echo $$ >${"$DIR"}/child; while :; do sleep 0.05; done' & echo $$ >$DIR/parent; wait`

  test("the whole family ends, also what ignores SIGTERM", async () => {
    await expect(sh(family, { env: { DIR: folder }, timeoutMs: 700, graceMs: 300 })).rejects.toMatchObject({
      code: "TIMEOUT",
    })
    await expect.poll(() => alive("parent") || alive("child"), { timeout: 10_000 }).toBe(false)
  })

  test("where this process ends before the grace does, it takes the family with it", async () => {
    const script = `
      const { runCommand } = await import(${JSON.stringify(join(import.meta.dirname, "process.ts"))})
      void runCommand(["sh", "-c", ${JSON.stringify(family)}], { base: process.env, env: { DIR: process.argv[1] }, timeoutMs: 500 })
      setTimeout(() => process.exit(), 1200)`
    await runCommand([process.execPath, "--input-type=module", "-e", script, folder], { base })
    expect(existsSync(join(folder, "child"))).toBe(true)
    await expect.poll(() => alive("parent") || alive("child"), { timeout: 3_000 }).toBe(false)
  })

  test("an abort ends it as CANCELLED", async () => {
    const controller = new AbortController()
    const running = sh(family, { env: { DIR: folder }, signal: controller.signal, graceMs: 300 })
    const ended = expect(running).rejects.toMatchObject({ code: "CANCELLED" })
    await expect.poll(() => existsSync(join(folder, "child"))).toBe(true)
    controller.abort()
    await ended
    await expect.poll(() => alive("parent") || alive("child"), { timeout: 10_000 }).toBe(false)
  })

  test("without check a timeout is a result", async () => {
    expect(await sh("sleep 20", { timeoutMs: 100, check: false })).toMatchObject({
      timedOut: true,
      exitCode: undefined,
    })
  })
})

function alive(name: string): boolean {
  if (!readdirSync(folder).includes(name)) return true
  const pid = readFileSync(join(folder, name), "utf8").trim()
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}
