import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { join } from "node:path"
import { hostOf } from "../src/connect/host/driver.ts"
import { ssh } from "../src/connect/host/ssh.ts"
import { log } from "../src/program/log-probes.ts"
import { localTools } from "../src/run/local.ts"
import { hostTools } from "../src/verify/host-tools.ts"
import { prepare } from "../src/verify/question.ts"
import type { Standpoint } from "../src/verify/where.ts"
import { SshHost, stopHosts } from "../test/support/ssh-host.ts"
import type { Bench } from "./context.ts"
import { withFolder } from "./measure.ts"

/** A log of so many bytes. */
const SIZE_BYTES = 1_000_000_000
const NEAR = "ratio <= 2"
const ROUNDS = 5

/** What is asked: nothing matches, a few lines do, one in a hundred does. */
const QUESTIONS = [
  { name: "a literal that is nowhere", pattern: "connection reset by peer", grep: ["-F", "connection reset by peer"] },
  { name: "a literal, 1 line in 10,000", pattern: "disk full", grep: ["-F", "disk full"] },
  { name: "a literal, 1 line in 100", pattern: "status=503", grep: ["-F", "status=503"] },
  { name: "a pattern, 1 line in 100", pattern: /status=5\d\d /, grep: ["-E", "status=5[0-9][0-9] "] },
  {
    name: "words, whatever their case, 1 line in 10,000",
    pattern: /\b(error|fatal)\b/i,
    grep: ["-Ei", "\\b(error|fatal)\\b"],
  },
] as const

/**
 * Lines of a log counted since its beginning, beside `grep -c` of the same file: here on worker threads, and on an sshd of this machine by the grep
 * there. The file is in memory (the page cache) for both; each figure is the whole question, with the first matching line. `grep` runs with LC_ALL=C, where
 * it is fastest.
 */
export default async function bench({ row, interleave }: Bench): Promise<void> {
  await withFolder("logs", async (folder) => {
    const path = join(folder, "shop.log")
    await writeLog(path)
    const { PATH = "", HOME = "" } = process.env
    const tools = localTools("/", { PATH, HOME, TMPDIR: folder, LANG: "C.UTF-8" })
    const here: Standpoint = { where: { type: "here" }, tools }
    const web = await SshHost.start("web1")
    const driver = await ssh("web1", { config: web.config }).open({
      signal: new AbortController().signal,
      reveal: () => undefined as never,
      log: () => {},
    })
    try {
      const client = hostOf(driver)
      if (client === undefined) throw new Error("this is no host")
      const there: Standpoint = {
        where: { type: "host", name: "web1", host: client, here: "/" },
        tools: hostTools(client),
      }
      for (const [place, standpoint] of [
        ["here", here],
        ["over ssh", there],
      ] as const)
        for (const { name, pattern, grep } of QUESTIONS) {
          const counted = new Set<number>()
          const figures = await interleave(ROUNDS, {
            ours: async () => void counted.add(await ours(standpoint, path, pattern)),
            other: async () => void counted.add(await peer(standpoint, path, grep)),
          })
          if (counted.size !== 1) throw new Error(`${name} ${place}: ${[...counted].join(" and ")} lines`)
          row({ name: `${name}, ${place}`, unit: "ms", ...figures, otherName: "grep -c", target: NEAR })
        }
    } finally {
      await driver.close()
      await stopHosts()
    }
  })
}

async function ours(standpoint: Standpoint, path: string, pattern: string | RegExp): Promise<number> {
  const question = await prepare(log.quiet({ path, pattern, max: 1_000_000_000 }), {
    ...standpoint,
    signal: new AbortController().signal,
    hide: (text) => text,
  })
  const { verdict, evidence, measured } = await question(undefined)
  if (verdict !== "yes") throw new Error(evidence)
  return Number(measured?.lines)
}

async function peer({ tools }: Standpoint, path: string, words: readonly string[]): Promise<number> {
  const { stdout } = await tools.run(["grep", "-c", ...words, path], {
    check: false,
    env: { ...tools.baseEnv, LC_ALL: "C" },
  })
  return Number(stdout)
}

/** Lines of a service, all a little different. */
async function writeLog(path: string): Promise<void> {
  const stream = createWriteStream(path)
  let line = 0
  for (let written = 0; written < SIZE_BYTES; ) {
    const lines: string[] = []
    for (let at = 0; at < 10_000; at += 1, line += 1) {
      const status = line % 100 === 7 ? 503 : 200
      const word = line % 10_000 === 99 ? "ERROR disk full" : "INFO request served"
      lines.push(
        `2026-01-01T00:00:${String(line % 60).padStart(2, "0")}Z ${word} status=${status} path=/api/orders/${line}\n`,
      )
    }
    const text = lines.join("")
    written += text.length
    if (!stream.write(text)) await once(stream, "drain")
  }
  stream.end()
  await once(stream, "close")
}
