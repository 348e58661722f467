// Shows a release as its user would make it, and says each command before it runs it: a first version, a good one after it,
// and a bad one that goes back. Takes everything away at the end.
import { spawn } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Visitors } from "./visitors.mjs"

const here = import.meta.dirname
/** Where it runs and is remembered; this folder unless a test says otherwise. */
const place = process.env.FETTLE_RELEASE_FOLDER ?? here
const home = join(place, ".released")
const state = join(place, ".fettle")
const cli = join(here, "..", "..", "dist", "cli", "main.js")
const port = await freePorts()
// Everything stays in this folder, the data key too: taking it away must leave no trace.
const env = { ...process.env, XDG_CONFIG_HOME: join(state, "config"), XDG_CACHE_HOME: join(state, "cache") }
const started = Date.now()

mkdirSync(state, { recursive: true, mode: 0o700 })
const visitors = new Visitors(`http://127.0.0.1:${port}/products`)
try {
  say("1. Version 1.0.0 is the first one: it is checked, then it gets all traffic.")
  await must(0, "apply", "--yes", "--param", "version=1.0.0")
  visitors.begin()
  say("2. Visitors come, 60 a second. Version 1.1.0 works: a tenth of them, half of them, all of them.")
  await must(0, "apply", "--yes", "--param", "version=1.1.0")
  const good = visitors.take()
  say("3. Version 1.2.0 has a bug: one of twenty answers is an error. Its health check knows nothing of it.")
  await must(3, "apply", "--yes", "--param", "version=1.2.0", "--param", "faults=5")
  const bad = visitors.take()
  say("4. Version 1.2.0 is not tried again by itself; 1.1.0 has all visitors.")
  await must(0, "plan", "--check", "--param", "version=1.1.0")
  const last = await visitors.end()
  const seconds = Math.round((Date.now() - started) / 1000)
  console.log(`
In ${seconds} s:
  released 1.1.0    ${good.asked} visitors, ${good.failed} of them saw an error
  caught 1.2.0      ${bad.asked} visitors, ${bad.failed} of them saw an error before it went back
  since then        ${last.asked} visitors, ${last.failed} of them saw an error`)
  if (good.failed + last.failed > 0) process.exitCode = 1
} finally {
  await visitors.end()
  say("5. All of it is taken away.")
  await fettle("destroy", "--yes")
  for (const folder of [state, home]) rmSync(folder, { recursive: true, force: true })
}

async function must(code, ...args) {
  const ended = await fettle(...args)
  if (ended === code) return
  console.error(`fettle ${args[0]} ended with ${ended}, not with ${code}.`)
  process.exitCode = 1
  throw new Error("the demo did not go as it should")
}

function fettle(...args) {
  console.log(`\n$ fettle ${args.join(" ")}`)
  const own = ["--state", state, "--param", `home=${home}`, "--param", `port=${port}`]
  const child = spawn(process.execPath, [cli, ...args, ...own], { cwd: here, env, stdio: "inherit" })
  return new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)))
}

function say(words) {
  console.log(`\n${words}`)
}

/** A port whose next three are free, too: one for each version that runs at once. Below those that outgoing connections are given. */
async function freePorts() {
  for (;;) {
    const first = await listenOn(20_000 + Math.floor(Math.random() * 12_000)).catch(() => 0)
    if (first === 0) continue
    const all = await Promise.all([1, 2, 3].map((more) => listenOn(first + more).catch(() => 0)))
    if (all.every((each) => each > 0)) return first
  }
}

function listenOn(wanted) {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(wanted, "127.0.0.1", () => {
      const { port: got } = server.address()
      server.close(() => resolve(got))
    })
  })
}
