import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Below those that Linux gives to outgoing connections (32768 and up): one of them must not take a port before its server does. */
const FIRST = 12_000
const END = 32_000
const HELD = join(tmpdir(), "fettle-test-ports")

const held = new Set<string>()
process.on("exit", () => {
  for (const file of held) rmSync(file, { force: true })
})

/** The first of `count` ports in a row that nothing listens on. No other process of the tests is given one while this one lives. */
export async function freePort(count = 1): Promise<number> {
  const from = FIRST + Math.floor(Math.random() * (END - FIRST))
  for (let at = 0; at < END - FIRST; at += count) {
    const first = FIRST + ((from - FIRST + at) % (END - FIRST - count))
    const ports = Array.from({ length: count }, (_, more) => first + more)
    if (ports.every(hold) && (await Promise.all(ports.map(isFree))).every(Boolean)) return first
  }
  throw new Error(`no ${count} free ports between ${FIRST} and ${END}`)
}

/** Whether it is ours now: a file that only one can make, with who made it. */
function hold(port: number): boolean {
  mkdirSync(HELD, { recursive: true })
  const file = join(HELD, String(port))
  if (held.has(file)) return false
  if (isLeft(file)) rmSync(file, { force: true })
  try {
    const made = openSync(file, "wx")
    writeSync(made, String(process.pid))
    closeSync(made)
    held.add(file)
    return true
  } catch {
    return false
  }
}

function isLeft(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, "utf8"))
    if (pid === 0) return false // made this moment
    process.kill(pid, 0)
    return false
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "ESRCH"
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
}
