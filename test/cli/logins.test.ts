import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"
import { expect, onTestFinished, test } from "vitest"
import { place } from "./fettle.ts"

const READ = "a token that may read"
const WRITE = "a token that may write"

/** A catalog that lets one token read and another one write, and notes who asked for what. */
async function catalog() {
  const shelves = new Map<string, unknown>()
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request
    const login = { [`Bearer ${READ}`]: "reader", [`Bearer ${WRITE}`]: "writer" }[headers.authorization ?? ""]
    asked.push(`${login ?? "nobody"} ${method} ${url}`)
    const answer = (status: number, body: unknown = {}): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    const name = /^\/shelves\/(\w+)$/.exec(url)?.[1] ?? ""
    if (url === "/health") return answer(200)
    if (login === undefined) return answer(401)
    if (method === "GET") return answer(shelves.has(name) ? 200 : 404, shelves.get(name))
    if (login !== "writer") return answer(403)
    shelves.set(name, await json(request))
    answer(200, shelves.get(name))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, shelves, asked }
}

test("the second program of docs/saved-plans.md: planned with one login, carried out with the other, each without the other's secret", async () => {
  const far = await catalog()
  const user = place()
  const page = readFileSync(new URL("../../docs/saved-plans.md", import.meta.url), "utf8")
  user.write("fettle.ts", [...page.matchAll(/^```ts\n(.*?)^```$/gms)][1]?.[1] ?? "")
  const planning = { env: { CATALOG_READ_TOKEN: READ } }
  const applying = { env: { CATALOG_WRITE_TOKEN: WRITE } }
  const param = ["--param", `url=${far.url}`]
  expect(await user.fettle(["plan", ...param, "--out", "plan.json"], planning)).toMatchObject({ code: 0 })
  expect(new Set(far.asked)).toEqual(new Set(["reader GET /shelves/seven"]))
  expect(user.read("plan.json")).not.toMatch(/a token that/)
  const wrong = await user.fettle(["apply", "plan.json"], planning)
  expect(wrong).toMatchObject({ code: 1, text: expect.stringContaining("the environment has no CATALOG_WRITE_TOKEN") })
  expect(far.shelves.size).toBe(0)
  expect(await user.fettle(["plan", ...param, "--out", "plan.json"], planning)).toMatchObject({ code: 0 })
  far.asked.length = 0
  expect(await user.fettle(["apply", "plan.json"], applying)).toMatchObject({ code: 0 })
  expect(far.asked.filter((each) => each.startsWith("reader"))).toEqual([])
  expect(far.shelves.get("seven")).toEqual({ name: "seven", rows: 4 })
  expect(await user.fettle(["plan", "--check", ...param], planning)).toMatchObject({ code: 0 })
  expect(await user.fettle(["verify", ...param], planning)).toMatchObject({ code: 0 })
  const { stdout } = await user.fettle(["audit"])
  expect(stdout).toContain("CATALOG_WRITE_TOKEN")
  expect(stdout).not.toContain("CATALOG_READ_TOKEN")
})
