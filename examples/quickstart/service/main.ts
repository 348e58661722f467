// orders: a small web service over a SQLite database.
//
//   node main.ts CONFIG.json        (or ORDERS_CONFIG=CONFIG.json node main.ts)

import type { AddressInfo } from "node:net"
import { readConfig } from "./config.ts"
import { Database } from "./database.ts"
import { log } from "./log.ts"
import { createService, stop } from "./server.ts"
import { version } from "./version.ts"

/** Requests take milliseconds; what is open after this is a client that stopped sending. */
const stopGraceMs = 5000

const { ORDERS_CONFIG } = process.env
const read = readConfig(process.argv[2] ?? ORDERS_CONFIG)
if ("problem" in read) fail(read.problem)

const { host, port, database: path, apiKey } = read.config
const database = new Database(path)
const server = createService({ apiKey, database })
server.once("error", (error) => fail(`cannot listen on ${host}:${port}: ${error.message}`))
server.listen(port, host, () => {
  log("info", "listening", { host, port: (server.address() as AddressInfo).port, version, pid: process.pid })
})

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    log("info", "stopping", { signal })
    await stop(server, stopGraceMs)
    database.close()
    log("info", "stopped")
  })
}

function fail(problem: string): never {
  console.error(`orders: ${problem}`)
  process.exit(1)
}
