// The process of the embedded proxy: node main.js LISTEN CONTROL STATE, as `proxy.command(…)` writes it.
import { chmodSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { connect } from "node:net"
import { control } from "./control.ts"
import { Forwarder } from "./forward.ts"
import { Servers, type Upstream } from "./servers.ts"

/** How often each server is asked for a connection, and how long it may take. */
const CHECK_EVERY_MS = 500
const CHECK_MS = 1_000
/** Requests get so long to end when the proxy is asked to. */
const GRACE_MS = 10_000

const [listen = "", controlPath = "", stateFile = ""] = process.argv.slice(2)
const servers = new Servers(stateFile)
const forwarder = new Forwarder(servers)

const front = createServer((incoming, response) => forwarder.request(incoming, response))
front.on("upgrade", (incoming, socket, head) => forwarder.upgrade(incoming, socket, head))
front.on("clientError", (_error, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"))

const back = createServer((incoming, response) => void control(servers, incoming, response))
rmSync(controlPath, { force: true })
back.listen(controlPath, () => chmodSync(controlPath, 0o600))

const [, host = "127.0.0.1", port = ""] = /^(.*):(\d+)$/.exec(listen) ?? []
front.on("error", (error: NodeJS.ErrnoException) => {
  const isTaken = error.code === "EADDRINUSE"
  process.stderr.write(
    `cannot listen on ${listen}: ${isTaken ? "something else listens there already" : error.message}\n`,
  )
  process.exit(1)
})
front.listen(Number(port), host.replace(/^\[(.*)\]$/, "$1"))

const checking = setInterval(() => {
  for (const server of servers.all) if (server.weight > 0 || !server.isUp) check(server)
}, CHECK_EVERY_MS)

function check(server: Upstream): void {
  const socket = connect({ host: server.address, port: server.port, timeout: CHECK_MS })
  const end = (isUp: boolean): void => {
    if (isUp) server.isUp = true
    else server.fall()
    socket.destroy()
  }
  socket.once("connect", () => end(true))
  socket.once("timeout", () => end(false))
  socket.once("error", () => end(false))
}

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    clearInterval(checking)
    back.close()
    front.close(() => forwarder.close())
    front.closeIdleConnections()
    setTimeout(() => front.closeAllConnections(), GRACE_MS).unref()
  })
