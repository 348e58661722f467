// Runs an example of docs/questions: `node examples/run.mjs q07`. It works in a folder of its own below the temporary one, and takes
// that away however the example ends. Like scripts/with-node.mjs it must start on an older Node, too.
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = join(here, "..")
const name = process.argv[2] ?? ""
const main = join(here, name, "main.ts")
if (!/^q\d\d$/.test(name) || !existsSync(main)) {
  const names = readdirSync(here).filter((each) => /^q\d\d$/.test(each))
  console.error(`Say which: node examples/run.mjs ${names[0]} … ${names.at(-1)}`)
  process.exit(1)
}
const node = runsTypeScript() ? process.execPath : join(root, "node_modules", ".bin", "node")
if (!existsSync(join(root, "dist", "index.js"))) build()

const folder = mkdtempSync(join(tmpdir(), `fettle-${name}-`))
const child = spawn(node, ["--disable-warning=ExperimentalWarning", main], {
  cwd: folder,
  env: { ...process.env, HOME: folder, TMPDIR: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
  stdio: "inherit",
})
process.on("SIGINT", () => {}) // the terminal sends it to the child, too
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
child.on("exit", (code, signal) => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit(code ?? 128 + constants.signals[signal])
})

function runsTypeScript() {
  const [major, minor] = process.versions.node.split(".").map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

function build() {
  const { status } = spawnSync(process.execPath, ["scripts/with-node.mjs", "scripts/build.mjs"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  })
  if (status !== 0) process.exit(status ?? 1)
}
