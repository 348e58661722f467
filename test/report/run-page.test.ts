import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import axe from "axe-core"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { FettleEvent } from "../../src/events/events.ts"
import { runPage } from "../../src/report/run-page/run-page.ts"
import { RunRecord } from "../../src/report/run-page/run-record.ts"
import { need } from "../support/need.ts"
import { events, MIXED, type Step, streamed } from "./build.ts"
import { everyEvent } from "./every-event.ts"
import { HOSTILE } from "./hostile.ts"
import { manyNodes } from "./many-nodes.ts"
import { RELEASED } from "./released.ts"

const hasChromium = need("chromium", { install: "apt-get install chromium" })

/** What of a page has the focus, in scripts for it: types of a browser would hold for all of our tests. */
const FOCUSED = `document.activeElement.getAttribute("aria-label")`
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

/** What needs what in that run. */
const ORDERED: Step = {
  type: "plan.ordered",
  nodes: [
    "host.directory[/srv/shop]",
    "web/host.file[config]",
    "task[build]",
    "host.process[shop]",
    "check[rows]",
    "check[answers]",
  ],
  needs: [[], [0], [], [1, 2], [], [3]],
}

/** A page of a run, in a file as a person would open it. */
const folder = mkdtempSync(join(tmpdir(), "fettle-report-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function pageOf(name: string, told: readonly FettleEvent[]): string {
  const record = new RunRecord()
  for (const event of told) record.take(event)
  const file = join(folder, `${name}.html`)
  writeFileSync(file, runPage(record, "/home/ann/shop"))
  return file
}

const mixed = pageOf("mixed", events(MIXED.toSpliced(3, 0, ORDERED)))
const many = pageOf("many", manyNodes(1_000))
const released = pageOf("released", events(RELEASED))
const hostile = pageOf(
  "hostile",
  HOSTILE.flatMap((text) => streamed([...everyEvent(text), ...logsOf(text)])),
)

/** What a task of that name writes: its address and what it says are what somebody else chose. */
function logsOf(text: string): Parameters<typeof streamed>[0] {
  return [
    { type: "node.started", address: `task[${text}]`, action: "run" },
    { type: "node.log", address: `task[${text}]`, stream: "stdout", text: `\x1b[1;31m${text}\x1b[0m ${text}` },
  ]
}

describe.skipIf(!hasChromium)("in a browser", () => {
  let browser: Browser
  beforeAll(async () => {
    // Root may not have the sandbox of Chromium; the pages are our own, and load nothing.
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
  })
  afterAll(() => browser.close())

  /** What a page did that it may not: messages of the console, requests, dialogs. */
  interface Opened {
    readonly page: Page
    readonly misdeeds: string[]
  }

  async function open(
    file: string,
    { width = 1400, scheme = "light" }: { readonly width?: number; readonly scheme?: "light" | "dark" } = {},
  ): Promise<Opened> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
    const misdeeds: string[] = []
    page.on("console", (message) => misdeeds.push(message.text()))
    page.on("pageerror", (error) => misdeeds.push(String(error)))
    page.on("dialog", (dialog) => misdeeds.push(`dialog ${dialog.message()}`))
    page.on("request", (request) => {
      if (request.url() !== pathToFileURL(file).href) misdeeds.push(`request ${request.url()}`)
    })
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector("html[data-drawn]", { state: "attached" })
    return { page, misdeeds }
  }

  /** Opens everything that opens, as far as it is drawn. */
  async function openAll(page: Page): Promise<void> {
    await page.evaluate(`for (const each of document.querySelectorAll("details")) each.open = true`)
    await page.waitForTimeout(300) // logs are unpacked
  }

  /** Rules that a page breaks, with the first place of each. */
  async function broken(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe.source)
    return page.evaluate(`axe.run({ runOnly: ${JSON.stringify(RULES)} }).then(({ violations }) =>
      violations.map(({ id, nodes }) => [id, nodes[0].html.slice(0, 200), nodes[0].failureSummary].join(": ")))`)
  }

  const pages = { mixed, many, released, hostile }

  test.each(["light", "dark"] as const)("axe finds nothing, in %s", { timeout: 120_000 }, async (scheme) => {
    for (const file of [mixed, many, released]) {
      const { page, misdeeds } = await open(file, { scheme })
      await openAll(page)
      await page.locator(".graph .unit").first().press("Enter")
      expect(await broken(page)).toEqual([])
      expect(misdeeds).toEqual([])
      await page.close()
    }
  })

  test.each([360, 800, 1400])("no page is wider than a screen of %i pixels", { timeout: 60_000 }, async (width) => {
    for (const [name, file] of Object.entries(pages)) {
      const { page } = await open(file, { width })
      await openAll(page)
      const over = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)
      expect({ name, over }).toEqual({ name, over: 0 })
      await page.close()
    }
  })

  test("5,000 nodes are a file below 300 kB that is drawn within 2 s", { timeout: 60_000 }, async () => {
    expect(readFileSync(many).length).toBeLessThan(300_000)
    const took: number[] = []
    for (let round = 0; round < 3; round += 1) {
      const { page } = await open(many)
      took.push(await page.evaluate<number>(`Number(document.documentElement.dataset.drawn)`))
      expect(await page.locator(".graph .unit").count()).toBeLessThanOrEqual(120)
      await page.close()
    }
    expect(Math.min(...took)).toBeLessThan(2_000)
  })

  test("what others wrote is text and does nothing", { timeout: 60_000 }, async () => {
    const { page, misdeeds } = await open(hostile)
    await openAll(page)
    await page.locator("#logs input").fill("alert")
    await page.waitForSelector("#logs mark")
    const found = await page.evaluate(`({
      scripts: document.scripts.length,
      foreign: document.querySelectorAll("img, iframe, object, embed, link, form, base, [onfocus], [onerror], [onload]").length,
      links: [...document.querySelectorAll("a")].filter((each) => !each.getAttribute("href").startsWith("#")).length,
      shown: document.body.textContent.includes("<img src=x onerror=alert(1)>"),
    })`)
    expect(found).toEqual({ scripts: 3, foreign: 0, links: 0, shown: true })
    expect(misdeeds).toEqual([])
    await page.close()
  })

  test("its policy lets no other script run, no style and no request", async () => {
    const { page, misdeeds } = await open(mixed)
    await page.evaluate(`
      const script = document.createElement("script")
      script.textContent = "document.title = 'changed'"
      const image = document.createElement("img")
      image.src = "https://example.com/a.png"
      const style = document.createElement("style")
      style.textContent = "body { display: none }"
      document.body.append(script, image, style)
    `)
    await page.waitForTimeout(200)
    expect(await page.title()).toBe("Failed · shop · prod")
    expect(await page.locator("h1").isVisible()).toBe(true)
    expect(misdeeds.filter((each) => each.includes("Content Security Policy")).length).toBe(3)
    await page.close()
  })

  test("everything is reached by keys alone", { timeout: 60_000 }, async () => {
    const { page } = await open(mixed)
    await page.evaluate(`for (const each of document.querySelectorAll("details")) each.open = false`)
    const wanted = await page.evaluate<number>(`{
      const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")
      const seen = [...all].filter((each) => each.checkVisibility())
      for (const [at, each] of seen.entries()) each.setAttribute("data-stop", String(at))
      seen.length
    }`)
    const met = new Set<string>()
    for (let press = 0; press < wanted + 2; press += 1) {
      await page.keyboard.press("Tab")
      const stop = await page.evaluate<string | null>(`document.activeElement.getAttribute("data-stop")`)
      if (stop !== null) met.add(stop)
    }
    expect(wanted).toBeGreaterThan(20)
    expect(met.size).toBe(wanted)
    await page.close()
  })

  test("keys open a change, walk the graph, zoom it, and find a line of a log", { timeout: 60_000 }, async () => {
    const { page } = await open(mixed)
    await page.locator("#plan summary", { hasText: "web/host.file[config]" }).focus()
    await page.keyboard.press("Enter")
    expect(await page.locator("#plan .props").innerText()).toContain("8080")

    await page.locator(".graph > svg").focus()
    const before = await page.locator(".graph > svg > g").getAttribute("transform")
    await page.keyboard.press("+")
    await page.keyboard.press("ArrowLeft")
    expect(await page.locator(".graph > svg > g").getAttribute("transform")).not.toBe(before)
    await page.keyboard.press("0")
    await page.keyboard.press("Tab")
    const first = await page.evaluate<string>(FOCUSED)
    await page.keyboard.press("ArrowRight")
    const second = await page.evaluate<string>(FOCUSED)
    expect(second).not.toBe(first)
    await page.keyboard.press("Enter")
    expect(await page.locator("#graph .about").innerText()).toContain(second.split(",")[0])

    await page.locator("#logs input").focus()
    await page.keyboard.type("ORDRES")
    await page.locator("#logs mark", { hasText: /^ordres$/ }).waitFor()
    expect(await page.locator("#logs [role=status]").innerText()).toBe("1 line in 1 log")
    await page.close()
  })

  test("of many nodes groups are drawn, which open, and any node is found", { timeout: 60_000 }, async () => {
    const { page } = await open(many)
    const units = page.locator(".graph .unit")
    expect(await units.count()).toBe(5)
    await units.filter({ hasText: "host.service" }).press("Enter")
    expect(await units.count()).toBeGreaterThan(5)
    await page.locator("#graph input").fill("web-0750/host.service")
    await page.keyboard.press("Enter")
    expect(await page.evaluate<string>(FOCUSED)).toContain("web-0750/host.service[shop], update · failed")
    expect(await page.locator("#graph .about").innerText()).toContain("UNIT_FAILED")
    await page.getByRole("button", { name: "Close groups" }).press("Enter")
    expect(await units.count()).toBe(5)
    await page.close()
  })

  test("a release shows both versions, its limit, and its numbers", { timeout: 60_000 }, async () => {
    const { page } = await open(released)
    await page.locator("#releases summary").press("Enter")
    expect(await page.locator("#releases .curve").count()).toBe(3)
    expect(await page.locator("#releases .curve path").count()).toBe(6)
    expect(await page.locator("#releases .limitname").allTextContents()).toEqual(["goes back here"])
    expect(await page.locator("#releases tbody tr").last().innerText()).toMatch(
      /12s\s+2\s+200\s+10\s+5%\s+300\s+0\s+0%\s+rollback/,
    )
    await page.close()
  })
})
