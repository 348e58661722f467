// Starts the service of the quickstart. FAULTS is the bug of a bad version: so many percent of its answers are errors.
import { Server, type ServerResponse } from "node:http"

const faults = Number(process.env.FAULTS ?? 0) / 100
let asked = 0

if (faults > 0) {
  const emit = Server.prototype.emit
  Server.prototype.emit = function (this: Server, ...args: Parameters<typeof emit>) {
    const [event, request, response] = args as unknown as [string, { url?: string }, ServerResponse]
    if (event !== "request" || request.url === "/health") return emit.apply(this, args)
    asked += 1
    if (Math.floor(asked * faults) === Math.floor((asked - 1) * faults)) return emit.apply(this, args)
    response.writeHead(500, { "content-type": "application/json" }).end('{"error":"undefined is not a function"}')
    return true
  } as typeof emit
}

await import("../quickstart/service/main.ts")
