// Runs the quickstart as its user would by hand, and says each command before it runs it. `destroy` takes all of it away.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join, relative } from "node:path"

const here = import.meta.dirname
/** Where it is delivered to and remembered; this folder unless a test says otherwise. */
const place = process.env.FETTLE_QUICKSTART_FOLDER ?? here
const home = join(place, ".delivered")
const state = join(place, ".fettle")
const cli = join(here, "..", "..", "dist", "cli", "main.js")
const settings = join(state, "quickstart.json")

const ports = existsSync(settings)
  ? JSON.parse(readFileSync(settings, "utf8"))
  : { port: await freePort(), feedPort: await freePort() }
const params = [
  "--state",
  state,
  "--param",
  `home=${home}`,
  "--param",
  `port=${ports.port}`,
  "--param",
  `feedPort=${ports.feedPort}`,
]
// Everything stays in this folder, the data key too: taking it away must leave no trace.
const env = { ...process.env, XDG_CONFIG_HOME: join(state, "config"), XDG_CACHE_HOME: join(state, "cache") }

const [first, ...rest] = process.argv.slice(2)
process.exit(first === "destroy" ? destroy(rest) : deliver(process.argv.slice(2)))

function deliver(more) {
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeFileSync(settings, JSON.stringify(ports))
  const applied = fettle("apply", "--yes", ...more, ...params)
  if (applied !== 0) return applied
  const planned = fettle("plan", "--check", ...params)
  if (planned !== 0) return planned
  const at = (...path) => relative(process.cwd(), join(...path))
  console.log(`
The service runs until you take it away.
  URL        http://127.0.0.1:${ports.port}/orders   (and /products, /health)
  program    ${at(here, "fettle.ts")}
  log        ${at(home, "run", "log")}
  reports    ${at(home, "reports")}   (JUnit, coverage)
  state      ${at(state)}
Change something in ${at(here, "service")} or in the program and run npm start again.
npm run quickstart:destroy takes all of it away.`)
  return 0
}

function destroy(more) {
  if (!existsSync(settings)) {
    console.log("There is nothing to take away.")
    return 0
  }
  const code = fettle("destroy", "--yes", ...more, ...params)
  if (code !== 0) return code
  rmSync(state, { recursive: true, force: true })
  console.log("Nothing is left of the quickstart.")
  return 0
}

function fettle(...args) {
  console.log(`\n$ fettle ${said(args)}`)
  const { status, signal } = spawnSync(process.execPath, [cli, ...args], { cwd: here, env, stdio: "inherit" })
  return status ?? (signal === "SIGINT" ? 130 : 1)
}

/** The command as one would type it here: without what only keeps the quickstart to itself. */
function said(args) {
  const quiet = new Set(["--param", "--state"])
  return args.filter((each, at) => !quiet.has(each) && !quiet.has(args[at - 1])).join(" ")
}

/** Below those that outgoing connections are given: none of them takes it before the service does. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
}
