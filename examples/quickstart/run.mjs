// Runs the quickstart as its user would by hand, and says each command before it runs it. `destroy` takes all of it away.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join, relative } from "node:path"

const here = import.meta.dirname
const home = join(here, ".delivered")
const cli = join(here, "..", "..", "dist", "cli", "main.js")
const settings = join(here, ".fettle", "quickstart.json")

const ports = existsSync(settings)
  ? JSON.parse(readFileSync(settings, "utf8"))
  : { port: await freePort(), feedPort: await freePort() }
const params = ["--param", `home=${home}`, "--param", `port=${ports.port}`, "--param", `feedPort=${ports.feedPort}`]
// Everything stays in this folder, the data key too: taking it away must leave no trace.
const env = { ...process.env, XDG_CONFIG_HOME: join(here, ".fettle", "config") }

process.exit(process.argv[2] === "destroy" ? destroy() : deliver())

function deliver() {
  mkdirSync(join(here, ".fettle"), { recursive: true, mode: 0o700 })
  writeFileSync(settings, JSON.stringify(ports))
  const applied = fettle("apply", "--yes", ...params)
  if (applied !== 0) return applied
  const planned = fettle("plan", "--check", ...params)
  if (planned !== 0) return planned
  const at = (...path) => relative(process.cwd(), join(here, ...path))
  console.log(`
The service runs until you take it away.
  URL        http://127.0.0.1:${ports.port}/orders   (and /products, /health)
  program    ${at("fettle.ts")}
  log        ${at(".delivered", "run", "log")}
  reports    ${at(".delivered", "reports")}   (JUnit, coverage)
  state      ${at(".fettle")}
Change something in ${at("service")} or in the program and run npm start again.
npm run quickstart:destroy takes all of it away.`)
  return 0
}

function destroy() {
  if (!existsSync(settings)) {
    console.log("There is nothing to take away.")
    return 0
  }
  const code = fettle("destroy", "--yes", ...params)
  if (code !== 0) return code
  rmSync(join(here, ".fettle"), { recursive: true, force: true })
  console.log("Nothing is left of the quickstart.")
  return 0
}

function fettle(...args) {
  console.log(`\n$ fettle ${args.filter((each, at) => each !== "--param" && args[at - 1] !== "--param").join(" ")}`)
  const { status, signal } = spawnSync(process.execPath, [cli, ...args], { cwd: here, env, stdio: "inherit" })
  return status ?? (signal === "SIGINT" ? 130 : 1)
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
