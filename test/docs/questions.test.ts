import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { canStartEngines, DockerWorld, stopEngines } from "../live/docker-world.ts"
import { realAnsible } from "../support/ansible.ts"
import { COMPILED } from "../support/crash.ts"
import { testFolder } from "../support/runs.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const NAMES = Array.from({ length: 18 }, (_, at) => `q${String(at + 1).padStart(2, "0")}`)
const SECTIONS = ["In 60 seconds", "In depth", "Try it", "What is asked next"]
const MINUTE_WORDS = 170
const DEPTH_WORDS = { min: 300, max: 700 }
const AT_ONCE = 2

const inFolder = (...path: string[]): string[] => readdirSync(join(ROOT, ...path)).filter((each) => /^q\d/.test(each))
const pages = inFolder("docs", "questions")
const words = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length

/** The page of a question, by its sections. */
function pageOf(name: string): { readonly text: string; readonly sections: ReadonlyMap<string, string> } {
  const file = pages.find((each) => each.startsWith(`${name}-`))
  const text = readFileSync(join(ROOT, "docs/questions", file ?? name), "utf8")
  const parts = text.split(/^## /m).slice(1)
  return { text, sections: new Map(parts.map((part) => [part.split("\n")[0] ?? "", part.replace(/.*\n/, "")])) }
}

test("there are eighteen pages and eighteen examples, one for each question", () => {
  expect(pages.map((each) => each.slice(0, 3)).sort()).toEqual(NAMES)
  expect(inFolder("examples").sort()).toEqual(NAMES)
  const index = readFileSync(join(ROOT, "docs/questions/README.md"), "utf8")
  expect(pages.filter((each) => !index.includes(`](${each})`))).toEqual([])
})

test.each(NAMES)("the page of %s has its parts, and its short answer is read in a minute", (name) => {
  const { text, sections } = pageOf(name)
  expect([...sections.keys()]).toEqual(SECTIONS)
  expect(text).toMatch(new RegExp(`^# ${Number(name.slice(1))}\\. .+\\n\\n\\*\\*The question\\.\\*\\* .+\\?`))
  const [minute = "", depth = "", , next = ""] = SECTIONS.map((section) => sections.get(section) ?? "")
  expect(words(minute)).toBeGreaterThan(100)
  expect(words(minute)).toBeLessThanOrEqual(MINUTE_WORDS)
  expect(minute).toContain("The distinction that matters: ")
  expect(words(depth)).toBeGreaterThanOrEqual(DEPTH_WORDS.min)
  expect(words(depth)).toBeLessThanOrEqual(DEPTH_WORDS.max)
  const asked = next.trim().split("\n\n")
  expect(asked.length).toBeGreaterThanOrEqual(4)
  expect(asked.length).toBeLessThanOrEqual(6)
  for (const each of asked) expect(each).toMatch(/^\*\*.+\?\*\* (.+[.?;:!] ?)+$/)
})

const real = realAnsible()
const engines = canStartEngines()

describe.concurrent("examples of the questions", () => {
  let engine: DockerWorld | undefined
  beforeAll(async () => {
    if (engines) engine = await DockerWorld.start()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  const isMissing = (name: string): boolean => (name === "q12" && real === undefined) || (name === "q13" && !engines)
  for (const name of NAMES)
    test.skipIf(isMissing(name))(`${name} shows what its page says`, { timeout: 300_000 }, async ({ expect }) => {
      const { sections } = pageOf(name)
      const command = /^(?:\w+=\S+ )?node (examples\/run\.mjs (q\d\d))$/m.exec(sections.get("Try it") ?? "")
      expect(command?.[2]).toBe(name)
      const place = testFolder()
      const before = readdirSync(join(ROOT, "examples", name), { recursive: true })
      const env = {
        ...COMPILED,
        TMPDIR: place,
        ...(real && { ANSIBLE_VENV: real.venv }),
        ...(engine && { DOCKER_HOST: engine.host }),
      }
      const ran = await turn(() => run((command?.[1] ?? "").split(" "), env))
      expect(ran.code, ran.text).toBe(0)
      const shown = /^```text\n(.*?)^```$/ms.exec(sections.get("Try it") ?? "")?.[1] ?? ""
      expect(shown).toContain("✓")
      const printed = new Set(ran.text.split("\n").map(shapeOf))
      const invented = shown.split("\n").filter((line) => line.trim() !== "…" && !printed.has(shapeOf(line)))
      expect(invented, ran.text).toEqual([])
      expect(readdirSync(place), "left behind").toEqual([])
      expect(readdirSync(join(ROOT, "examples", name), { recursive: true })).toEqual(before)
    })
})

/** A line without what differs from run to run: numbers, times, hashes, ids, and the room that aligns them. */
function shapeOf(line: string): string {
  const short = line.replaceAll(/\b\d[\d.]*( ?ms|s|m \d+s| s)\b/g, "T").replaceAll(/\b[0-9a-f]{8,}\b/g, "H")
  return short
    .replaceAll(/\d[\d.,]*/g, "N")
    .replaceAll(/\s+/g, " ")
    .trim()
}

/** As a reader would run it, with the Node of this run. */
function run(args: readonly string[], env: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env } })
  let text = ""
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (more) => (text += more))
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, text }))
  })
}

let free = AT_ONCE
const line: (() => void)[] = []

/** Does something when it is its turn: not all examples at once. */
async function turn<T>(work: () => Promise<T>): Promise<T> {
  if (free > 0) free -= 1
  else await new Promise<void>((resolve) => line.push(resolve))
  try {
    return await work()
  } finally {
    const next = line.shift()
    if (next === undefined) free += 1
    else next()
  }
}
