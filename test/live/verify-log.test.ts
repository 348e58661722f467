import { appendFile, copyFile, open, rename, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { expect, test } from "vitest"
import { type LogMark, log } from "../../src/program/log-probes.ts"
import { markLog } from "../../src/verify/probes/log-segments.ts"
import { ask, atEnd, newFolder } from "./verify-support.ts"

const error = /\berror\b/i

async function newLog(text = ""): Promise<string> {
  const path = join(await newFolder(), "shop.log")
  await writeFile(path, text)
  return path
}

function without(path: string, since?: "start" | number | LogMark) {
  return ask(log.without(path, error, since === undefined ? {} : { since }))
}

test("no matching line is yes; one is no, with the line as evidence", async () => {
  const path = await newLog("INFO up\nINFO terror\n")
  expect(await without(path)).toMatchObject({ verdict: "yes", measured: { lines: 0, scannedBytes: 20 } })
  await appendFile(path, "ERROR disk \u001b[31mfull\u0007\nINFO\nerror again\n")
  const answer = await without(path)
  expect(answer).toMatchObject({ verdict: "no", measured: { lines: 2 } })
  expect(answer.evidence).toContain('2 lines match /\\berror\\b/i; the first: "ERROR disk ')
  expect(answer.evidence).not.toMatch(/\p{Cc}/u)
  expect(await ask(log.without(path, error, { max: 2 }))).toMatchObject({ verdict: "yes" })
})

test("a last line without its end counts", async () => {
  expect(await without(await newLog("INFO\nERROR half"))).toMatchObject({ verdict: "no", measured: { lines: 1 } })
})

test("what stands before the mark is not looked at", async () => {
  const path = await newLog("ERROR old\n")
  const mark = await markLog(path)
  expect(await without(path, mark)).toMatchObject({ verdict: "yes" })
  expect(await without(path, mark.offsetBytes)).toMatchObject({ verdict: "yes" })
  await appendFile(path, "ERROR new\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  expect(await without(path, mark.offsetBytes)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
})

test("a log that did not exist at the mark is looked at whole; one that does not exist says nothing", async () => {
  const path = join(await newFolder(), "later.log")
  const mark = await markLog(path)
  expect(await without(path, mark)).toMatchObject({ verdict: "inconclusive" })
  await writeFile(path, "ERROR early\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no" })
})

test("goes on in PATH.1 where the log was renamed since the mark", async () => {
  const path = await newLog("ERROR old\n")
  const mark = await markLog(path)
  await appendFile(path, "ERROR between\n")
  await rename(path, `${path}.1`)
  await writeFile(path, "INFO fresh\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  await appendFile(path, "ERROR fresh\n")
  expect(await without(path, mark)).toMatchObject({ measured: { lines: 2 } })
})

test("goes on in PATH.1 where the log was copied and truncated", async () => {
  const path = await newLog("ERROR old, and a longer line than what comes after\n")
  const mark = await markLog(path)
  await appendFile(path, "ERROR between\n")
  await copyFile(path, `${path}.1`)
  await truncate(path)
  await appendFile(path, "INFO\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  expect(await without(path, mark.offsetBytes)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
})

test("a log that was truncated and has grown past the mark is known by what stands before it", async () => {
  const path = await newLog(`${"INFO up\n".repeat(3)}`)
  const mark = await markLog(path)
  await truncate(path, 0)
  await appendFile(path, "ERROR early\nINFO a\nINFO b\nINFO c\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  await truncate(path, 0)
  await appendFile(path, "INFO other\nINFO a\nINFO b\nINFO c\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "inconclusive" })
})

test("a pattern that may reach further than a piece of a long line says so", async () => {
  const path = await newLog(`begin${"x".repeat(2 << 20)}end\n`)
  expect(await ask(log.without(path, /begin.*end/))).toMatchObject({ verdict: "inconclusive" })
  expect(await ask(log.without(path, /error/))).toMatchObject({ verdict: "yes" })
})

test("a part that is gone makes it inconclusive, unless another line matches", async () => {
  const path = await newLog("INFO a line that is long enough\n")
  const mark = await markLog(path)
  await truncate(path)
  expect(await without(path, mark)).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringContaining("truncated"),
  })
  await appendFile(path, "ERROR\n")
  expect(await without(path, mark)).toMatchObject({ verdict: "no" })
})

test("while it must hold, only what is new is looked at, also through rotations", async () => {
  const path = await newLog("INFO\n".repeat(100_000))
  const holding = ask(log.without(path, error), { for: 600, every: 50 })
  await new Promise((done) => setTimeout(done, 200))
  await appendFile(path, "INFO last\n")
  await rename(path, `${path}.1`)
  await writeFile(path, "INFO first\n")
  const answer = await holding
  expect(answer).toMatchObject({ verdict: "yes", measured: { scannedBytes: 500_000 + 10 + 11 } })

  const failing = ask(log.without(path, error), { for: 5_000, every: 20, within: "5s" })
  await new Promise((done) => setTimeout(done, 100))
  await appendFile(path, "ERROR now\n")
  expect(await failing).toMatchObject({
    verdict: "no",
    evidence: expect.stringMatching(/^was yes for \d+ ms, then: .*ERROR now/),
  })
})

test("a log that is written to and rotates while it is read loses no line", async () => {
  const path = await newLog("INFO before\n".repeat(200_000))
  const mark = { inode: (await markLog(path)).inode, offsetBytes: 0 }
  let writing = true
  let written = 0
  let rotated = false
  const writer = (async () => {
    let file = await open(path, "a")
    while (writing) {
      await file.appendFile(`ERROR ${written}\n`)
      written += 1
      if (written === 300 && !rotated) {
        rotated = true
        await file.close()
        await rename(path, `${path}.1`)
        file = await open(path, "a")
      }
    }
    await file.close()
  })()
  let lines = 0
  // Until a read has seen lines, and the log has rotated and grown again.
  for (const until = Date.now() + 15_000; !(written >= 600 && lines > 0) && Date.now() < until; )
    lines = Number((await without(path, mark)).measured?.lines)
  writing = false
  await writer
  const answer = await without(path, mark)
  expect(rotated).toBe(true)
  expect(answer).toMatchObject({ verdict: "no", measured: { lines: written } })
  expect(lines).toBeGreaterThan(0)
})

test("binary content without line breaks is bounded, and a folder is no log", async () => {
  const path = await newLog()
  await writeFile(path, Buffer.alloc(30 << 20, 0x00))
  expect(await without(path)).toMatchObject({ verdict: "yes" })
  expect(await without(join(path, ".."))).toMatchObject({ verdict: "inconclusive" })
})

test("a pattern that never ends is ended by the time, and by a cancel", async () => {
  const path = await newLog(`${"a".repeat(60)}!\n`)
  const evil = /^(a+)+$/
  const begun = performance.now()
  expect(await ask(log.without(path, evil, { timeoutMs: 300 }))).toMatchObject({
    verdict: "inconclusive",
    evidence: expect.stringContaining("no answer within 300 ms"),
  })
  const cancel = new AbortController()
  setTimeout(() => cancel.abort(), 200)
  await expect(ask(log.without(path, evil), { signal: cancel.signal })).rejects.toMatchObject({ code: "CANCELLED" })
  expect(performance.now() - begun).toBeLessThan(3_000)
})

test("300 MB are looked at in constant memory", async () => {
  const path = await newLog()
  const block = "2026-01-01T00:00:00Z INFO request served status=200 path=/api/orders\n".repeat(60_000)
  const file = await open(path, "w")
  for (let at = 0; at < 75; at += 1) await file.write(block)
  await file.write("ERROR at the very end\n")
  await file.close()
  let highest = 0
  const before = process.memoryUsage.rss()
  const timer = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss() - before)), 10)
  atEnd(() => clearInterval(timer))
  expect(await without(path)).toMatchObject({ verdict: "no", measured: { lines: 1 } })
  expect(highest).toBeLessThan(120 << 20)
})
