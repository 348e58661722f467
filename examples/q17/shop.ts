// The service that is deployed. shop.ts PORT VERSION LOG. Version 2 answers its health check and takes no order; version 3 takes
// three orders, and then no more; version 4 works and has forgotten to write its log.
import { appendFileSync } from "node:fs"
import { createServer } from "node:http"

const [port, version, log = ""] = process.argv.slice(2)
let orders = 0
if (version !== "4") appendFileSync(log, "started\n")
createServer((request, response) => {
  const isOrder = request.url === "/orders"
  if (isOrder) orders += 1
  const fails = isOrder && (version === "2" || (version === "3" && orders > 3))
  response.statusCode = fails ? 500 : 200
  response.end(JSON.stringify({ status: fails ? "no database" : "ok", version }))
}).listen(Number(port), "127.0.0.1")
