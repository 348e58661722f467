import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { takeLock } from "../../src/state/lock.ts"
import { testFolder } from "../support/runs.ts"

const RACER = fileURLToPath(new URL("../fixtures/lock-racer.ts", import.meta.url))
const holder = { who: "me", host: "here", pid: process.pid, command: "apply", since: "2026-01-01T00:00:00Z" }

function racer(file: string, startAt: number, detachedChild = false): ChildProcess {
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", RACER, file, String(startAt)], {
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
    const startAt = Date.now() + 600
    const racers = Array.from({ length: 6 }, () => racer(file, startAt))
    const answers = await Promise.all(racers.map(answerOf))
    expect(answers.filter((each) => each === "won")).toHaveLength(1)
    for (const lost of answers.filter((each) => each !== "won")) expect(lost).toMatch(/^lost STATE_LOCKED /)
    for (const each of racers) each.kill("SIGKILL")
  }
})

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
