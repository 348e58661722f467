// Peers that benchmarks run beside Fettle, kept in bench/peers/.cache. `node bench/peers/install.mjs` installs both.
// One that cannot be installed is an error that says what to do: no benchmark goes on without it.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const OPENTOFU = "1.10.7"
const ALCHEMY = "0.94.0"
const cache = fileURLToPath(new URL(".cache/", import.meta.url))

/** What peers must not do while they are measured or installed: call home. */
export const peerEnv = { DO_NOT_TRACK: "1", CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null", CI: undefined }

/**
 * OpenTofu, built once from the Go module proxy; gives the path of the binary. `go install` refuses its module because of
 * replace directives, so it is built in a copy of the module: several minutes of two cores.
 */
export function openTofu() {
  const folder = join(cache, `opentofu-${OPENTOFU}`)
  const binary = join(folder, "tofu")
  if (existsSync(binary)) return { name: `OpenTofu ${OPENTOFU}`, binary }
  const source = join(folder, "source")
  const hint = `OpenTofu ${OPENTOFU} is built with Go 1.24 or newer (https://go.dev/dl) from the Go module proxy, or put a binary at ${binary}`
  console.log(`building OpenTofu ${OPENTOFU} (several minutes, once)`)
  const module = JSON.parse(
    run("go", ["mod", "download", "-json", `github.com/opentofu/opentofu@v${OPENTOFU}`], { hint }),
  )
  rmSync(source, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(module.Dir, source, { recursive: true })
  run("chmod", ["-R", "u+w", source], { hint }) // the module cache is read-only
  run("go", ["build", "-o", `${binary}.new`, "./cmd/tofu"], { cwd: source, hint })
  renameSync(`${binary}.new`, binary)
  rmSync(source, { recursive: true, force: true })
  return { name: `OpenTofu ${OPENTOFU}`, binary }
}

/** Alchemy from npm, without install scripts; gives its folder and the address of its main module. */
export function alchemy() {
  const folder = join(cache, `alchemy-${ALCHEMY}`)
  const installed = {
    name: `alchemy ${ALCHEMY}`,
    folder,
    module: pathToFileURL(join(folder, "node_modules", "alchemy", "lib", "index.js")).href,
  }
  const record = join(folder, "node_modules", ".package-lock.json") // npm writes it last
  if (existsSync(record)) return installed
  console.log(`installing alchemy ${ALCHEMY} (about 480 MB, once)`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n')
  const hint = `alchemy ${ALCHEMY} comes from the npm registry: npm must reach it, or fill ${folder} elsewhere with \`npm i alchemy@${ALCHEMY} --ignore-scripts\``
  run("npm", ["install", `alchemy@${ALCHEMY}`, "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, hint })
  return installed
}

function run(command, args, { cwd, hint }) {
  const env = { ...process.env, ...peerEnv }
  const done = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 26 })
  if (done.status === 0) return done.stdout
  const words = done.error?.message ?? `${done.stderr}${done.stdout}`.trim().split("\n").slice(-15).join("\n")
  throw new Error(`${command} ${args.join(" ")} failed: ${words}\nA peer is missing. ${hint}`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(openTofu().binary, alchemy().folder)
