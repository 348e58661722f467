import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, onTestFinished, test, vi } from "vitest"
import { takeLock } from "../../src/state/lock.ts"
import { need } from "../support/need.ts"
import { testFolder } from "../support/runs.ts"

const RACER = fileURLToPath(new URL("../fixtures/lock-racer.ts", import.meta.url))
const holder = { who: "me", host: "here", pid: process.pid, command: "apply", since: "2026-01-01T00:00:00Z" }

const NO_WARNING = "--disable-warning=ExperimentalWarning"
const hasStrace = need("strace", { install: "apt-get install strace" })

function racer(file: string, startAt: number, detachedChild = false): ChildProcess {
  return spawn(process.execPath, [NO_WARNING, RACER, file, String(startAt)], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: detachedChild,
  })
}

async function answerOf(child: ChildProcess): Promise<string> {
  let text = ""
  for await (const bytes of child.stdout ?? []) {
    text += bytes
    if (text.includes("\n")) break
  }
  return text.trim()
}

test("1,000 races in one process have one winner each", () => {
  const folder = testFolder()
  for (let race = 0; race < 1000; race += 1) {
    const file = join(folder, `${race % 7}.lock`)
    const winner = takeLock(file, holder)
    expect(() => takeLock(file, holder)).toThrowError(
      /me on here \(pid \d+, fettle apply, since 2026-01-01T00:00:00Z\) holds the lock/,
    )
    winner.release()
  }
})

test("processes that race for a lock: one winner, the others are told who, where and since when", {
  timeout: 120_000,
}, async () => {
  const folder = testFolder()
  for (let race = 0; race < 12; race += 1) {
    const file = join(folder, `${race}.lock`)
    writeFileSync(`${file}.holder`, JSON.stringify({ ...holder, who: "one that was killed" }))
    const startAt = Date.now() + 600
    const racers = Array.from({ length: 6 }, () => racer(file, startAt))
    const answers = await Promise.all(racers.map(answerOf))
    expect(answers.filter((each) => each === "won")).toHaveLength(1)
    const { pid } = racers[answers.indexOf("won")] as ChildProcess
    for (const lost of answers.filter((each) => each !== "won"))
      expect(lost).toMatch(new RegExp(`^lost STATE_LOCKED racer ${pid} on here \\(pid ${pid}, fettle race, since `))
    for (const each of racers) each.kill("SIGKILL")
  }
})

test.skipIf(!hasStrace)(
  "the note of a killed owner is never told, also while the next one has yet to write its own",
  {
    timeout: 60_000,
  },
  async () => {
    const file = join(testFolder(), "passed-on.lock")
    const dead = racer(file, 0)
    expect(await answerOf(dead)).toBe("won")
    dead.kill("SIGKILL")
    await once(dead, "exit")
    expect(readFileSync(`${file}.holder`, "utf8")).toContain(`racer ${dead.pid}`)

    const slow = ["-f", "-qq", "-o", "/dev/null", "-P", `${file}.holder`, "-e", "inject=openat:delay_enter=1500000"]
    const strace = spawn("strace", [...slow, process.execPath, NO_WARNING, RACER, file, "0"], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    onTestFinished(() => void strace.stdin.end())
    const next = await vi.waitUntil(() => holdsOpen(strace.pid as number, file), { timeout: 10_000, interval: 5 })
    expect(() => takeLock(file, holder)).toThrowError(
      new RegExp(`^racer ${next} on here \\(pid ${next}, .* holds the lock$`),
    )
    expect(await answerOf(strace)).toBe("won")
  },
)

/** The child of a process that has a file open, as Linux tells; undefined where none has. */
function holdsOpen(parent: number, file: string): number | undefined {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8")
    .split(" ")
    .filter(Boolean)
    .map(Number)
  const open = (pid: number): readonly string[] => {
    try {
      return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      return [] // it ends, or closes one, while it is looked at: it is looked at again
    }
  }
  return children.find((pid) => open(pid).includes(file))
}

test("the lock is free as soon as its owner is killed", async () => {
  const file = join(testFolder(), "killed.lock")
  const owner = racer(file, 0)
  expect(await answerOf(owner)).toBe("won")
  expect(() => takeLock(file, holder)).toThrowError(/racer \d+ on here/)
  owner.kill("SIGKILL")
  await once(owner, "exit")
  const begun = performance.now()
  takeLock(file, holder).release()
  expect(performance.now() - begun).toBeLessThan(100)
})

test("a folder of state that cannot be made says so, and what to do", () => {
  const folder = join(testFolder(), "taken")
  writeFileSync(folder, "")
  expect(() => takeLock(join(folder, "shop.dev.lock"), holder)).toThrow(
    expect.objectContaining({
      code: "STATE_WRITE",
      fact: expect.stringContaining(`the folder of state ${folder} cannot be made: `),
      next: expect.stringContaining("--state FOLDER"),
    }),
  )
})
