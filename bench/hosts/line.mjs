// A thread of its own: for every port one TCP proxy on loopback that hands each piece on `delayMs` later, and counts turns: how often a
// client speaks again after it was answered. Its timers must not wait for the bench's own work.
import { connect, createServer } from "node:net"
import { parentPort, workerData } from "node:worker_threads"

const { ports, delayMs } = workerData
let turns = 0

const servers = await Promise.all(ports.map(listen))
parentPort.postMessage(servers.map((server) => server.address().port))
parentPort.on("message", () => {
  parentPort.postMessage(turns)
  turns = 0
})

function listen(port) {
  return new Promise((ready) => {
    const server = createServer((client) => {
      const far = connect(port, "127.0.0.1")
      let answered = true
      client.setNoDelay(true)
      far.setNoDelay(true)
      pass(client, far, () => {
        if (answered) turns += 1
        answered = false
      })
      pass(far, client, undefined, () => {
        answered = true
      })
    })
    server.listen(0, "127.0.0.1", 1_024, () => ready(server))
  })
}

function pass(from, to, onCome, onGo) {
  const later = (work) => setTimeout(work, delayMs)
  from.on("data", (bytes) => {
    onCome?.()
    later(() => {
      onGo?.()
      if (to.writable) to.write(bytes)
    })
  })
  from.on("end", () => later(() => to.end()))
  from.on("error", () => to.destroy())
  from.on("close", () => later(() => to.destroy()))
}
