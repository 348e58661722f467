import { type ChildProcess, execFile, spawn } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Nobody: database servers refuse to be root. */
const USER_ID = 65_534

/** The user that a server of a test runs as; undefined where we are no root and stay who we are. */
const AS =
  process.getuid?.() === 0
    ? ["setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups", "--pdeathsig=QUIT", "--"]
    : []

/** A server of its own in a folder of its own, both gone when it is stopped. */
export class ServerProcess {
  readonly folder: string
  readonly #enter: readonly string[]
  #child: ChildProcess | undefined

  /** @param enter words before its commands: of another network */
  constructor(name: string, enter: readonly string[] = []) {
    this.folder = mkdtempSync(join(tmpdir(), `fettle-${name}-`))
    this.#enter = enter
    chmodSync(this.folder, 0o755)
  }

  at(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Gives all that is in the folder by now to the server's user. */
  own(): void {
    if (AS.length === 0) return
    for (const path of ["", ...(readdirSync(this.folder, { recursive: true }) as string[])])
      chownSync(this.at(path), USER_ID, USER_ID)
  }

  /** Runs a command as the server's user and gives what it prints. */
  async run(words: readonly string[], input?: string): Promise<string> {
    const [file = "", ...rest] = [...this.#enter, ...AS, ...words]
    const running = run(file, rest, { cwd: this.folder, env: { ...process.env, HOME: this.folder }, maxBuffer: 1e8 })
    running.child.stdin?.end(input ?? "")
    return (await running).stdout
  }

  /** Starts it, and waits until `isUp` does not fail. */
  async start(words: readonly string[], isUp: () => Promise<unknown>): Promise<void> {
    const log = this.at("log")
    const [file = "", ...rest] = [
      ...this.#enter,
      ...AS,
      "sh",
      "-c",
      'l=$1; shift; exec "$@" >>"$l" 2>&1',
      "sh",
      log,
      ...words,
    ]
    const child = spawn(file, rest, { cwd: this.folder, stdio: "ignore" })
    this.#child = child
    for (let tries = 0; ; tries += 1) {
      try {
        await isUp()
        return
      } catch (thrown) {
        if (tries > 300 || child.exitCode !== null)
          throw new Error(`${words[0]} does not start: ${readFileSync(log, "utf8").slice(-2_000)}`, { cause: thrown })
      }
      await sleep(100)
    }
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGINT") // PostgreSQL's fast shutdown
      child.kill("SIGTERM")
      await Promise.race([ended, sleep(20_000, undefined, { ref: false })])
      child.kill("SIGKILL")
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
