// A small products API in pages, so that the quickstart has something to fetch.
//
//   node server.ts --port 4100 [--host 127.0.0.1]        (port 0: any free port)
//   GET /products?page=N -> { items, page, pages, total }        GET /health

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { parseArgs } from "node:util"
import { catalogPage } from "./catalog.ts"

const { host, port } = readArguments()
const server = createServer((request, response) => {
  const [status, body] = answer(request.method, URL.parse(request.url ?? "", "http://localhost"))
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
})
server.once("error", (error) => fail(`cannot listen on ${host}:${port}: ${error.message}`))
server.listen(port, host, () => log("listening", { host, port: (server.address() as AddressInfo).port }))

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => log("stopped"))
    server.closeAllConnections()
  })
}

function answer(method: string | undefined, url: URL | null): [status: number, body: object] {
  if (method !== "GET") return [405, { error: "method not allowed" }]
  if (url?.pathname === "/health") return [200, { status: "ok" }]
  if (url?.pathname !== "/products") return [404, { error: "not found" }]
  const page = catalogPage(Number(url.searchParams.get("page") ?? "1"))
  return page === undefined ? [404, { error: "no such page" }] : [200, page]
}

function readArguments(): { host: string; port: number } {
  try {
    const { values } = parseArgs({ options: { host: { type: "string" }, port: { type: "string" } } })
    if (!/^\d{1,5}$/.test(values.port ?? "")) throw new Error("usage: server.ts --port N [--host ADDRESS]")
    return { host: values.host ?? "127.0.0.1", port: Number(values.port) }
  } catch (error) {
    return fail((error as Error).message)
  }
}

function log(message: string, fields: object = {}): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), level: "info", message, ...fields }))
}

function fail(problem: string): never {
  console.error(`feed: ${problem}`)
  process.exit(1)
}
