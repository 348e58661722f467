// `npm test [-- VITEST ARGS]`: sets the machine up, builds, runs every test. The last line is printed by
// test/support/reporter.ts from the results that vitest hands it.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { build } from "./build.mjs"
import { root, show } from "./step.mjs"

installAptPackages()
const built = await build()
if (built !== 0) process.exit(built)
process.exit(await show(["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)]))

/** Only as root where apt is; elsewhere test/support/need.ts says what to install. A failure is told, never hidden. */
function installAptPackages() {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return
  const lines = readFileSync(join(root, "test/support/apt-packages.txt"), "utf8").split("\n")
  const names = lines.map((line) => line.replace(/#.*/, "").trim()).filter(Boolean)
  const missing = names.filter((name) => !aptStatus(name).startsWith("install ok installed"))
  if (missing.length === 0) return
  console.error(`Installing with apt-get: ${missing.join(" ")} ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  const apt = (...args) => spawnSync("apt-get", ["-qq", ...args], { env, stdio: ["ignore", 2, 2] }).status === 0
  const allowServices = keepServicesDown()
  const done = apt("update") && apt("install", "-y", "--no-install-recommends", ...missing)
  allowServices()
  if (!done) console.error("apt-get failed. The tests that need these packages will say so.")
}

/** Packages of servers start them. The tests start their own, and nobody asked for others: Debian's way to say so. */
function keepServicesDown() {
  const policy = "/usr/sbin/policy-rc.d"
  if (existsSync(policy)) return () => {}
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 })
  return () => rmSync(policy, { force: true })
}

function aptStatus(name) {
  return spawnSync("dpkg-query", ["-W", "-f", "${Status}", name], { encoding: "utf8" }).stdout ?? ""
}
