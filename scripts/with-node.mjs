// Runs a script of this repository on its own Node: `node scripts/with-node.mjs SCRIPT [ARGS]`.
// It is the one file that must also work on the machine's older Node (20) and before anything is installed.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const bin = join(root, "node_modules", ".bin")

if (!isInstalled()) install()
run(findNode(), process.argv.slice(2))

/** Installed means: npm's own record in node_modules names what package-lock.json names. No stamp of ours can go stale. */
function isInstalled() {
  const record = join(root, "node_modules", ".package-lock.json")
  if (!existsSync(record)) return false
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages
  const there = JSON.parse(readFileSync(record, "utf8")).packages
  return Object.entries(wanted).every(([path, { version, optional, link }]) => {
    if (!path.startsWith("node_modules/")) return true
    if (!there[path]) return optional === true // a package for another platform
    return link === true || there[path].version === version
  })
}

function install() {
  console.error("Installing npm packages (npm ci) ...")
  const npm = process.env.npm_execpath // set by npm itself; a bare `npm` is the fallback for direct calls
  const [command, before] = npm?.endsWith(".js") ? [process.execPath, [npm]] : ["npm", []]
  const args = [...before, "ci", "--include=dev", "--include=optional", "--loglevel=error"]
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] })
  if (status === 0) return
  console.error(error ? `npm ci could not start: ${error.message}` : "npm ci failed. Its message stands above.")
  process.exit(1)
}

/** The Node that npm installed for this platform, else the machine's where it is new enough. */
function findNode() {
  const own = join(bin, "node")
  if (existsSync(own) && spawnSync(own, ["--version"]).status === 0) return own // musl has the file but cannot run it
  const [major, minor] = process.versions.node.split(".").map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  console.error(
    `No Node 24 from npm runs on ${process.platform}-${process.arch}, and this machine's Node is ${process.version}.\n` +
      "Install Node 22.18 or newer (https://nodejs.org), then repeat the command.",
  )
  process.exit(1)
}

function run(node, args) {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` }
  const child = spawn(node, args, { cwd: root, stdio: "inherit", env })
  process.on("SIGINT", () => {}) // the terminal sends it to the child too; it decides when to end
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
