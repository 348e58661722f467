// One of two web servers. Version 2 has a fault: it starts, and every answer is an error.
import { createServer } from "node:http"

const [port, version] = process.argv.slice(2)
const server = createServer((_, response) => {
  response.statusCode = version === "2" ? 500 : 200
  response.end(JSON.stringify({ version }))
})
server.listen(Number(port), "127.0.0.1")
