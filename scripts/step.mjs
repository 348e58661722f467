// Small pieces that the repository's scripts share: where it is, running a command, finding files.
import { spawn } from "node:child_process"
import { globSync } from "node:fs"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

/** Paths below the repository that fit one of the patterns, sorted. */
export const files = (...patterns) =>
  globSync(patterns, { cwd: root, exclude: (path) => /(^|\/)(node_modules|dist|\.fettle)$/.test(path) }).sort()

/** Runs `node ARGS` with its output on the terminal; resolves to the exit code. It outlives no child of its own. */
export function show(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" })
  process.on("SIGINT", () => {}) // the terminal sends it to the child too, which ends in its own order
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  return new Promise((done, failed) => {
    child.on("error", failed)
    child.on("exit", (code, signal) => done(code ?? 128 + constants.signals[signal]))
  })
}

/** Runs `node ARGS` and keeps what it printed. Never throws on a bad exit code. */
export function capture(args, { cwd = root, command = process.execPath, ...options } = {}) {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], ...options })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text))
  return new Promise((done, failed) => {
    child.on("error", failed)
    child.on("close", (code) => done({ code: code ?? 1, stdout, stderr, text: (stdout + stderr).trim() }))
  })
}
