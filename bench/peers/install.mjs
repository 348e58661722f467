// Peers that benchmarks run beside Fettle, kept in bench/peers/.cache. `node bench/peers/install.mjs` installs all.
// One that cannot be installed is an error that says what to do: no benchmark goes on without it.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const OPENTOFU = "1.10.7"
const ALCHEMY = "0.94.0"
const DOCKER_MODEM = "5.0.7"
const TAR_FS = "3.1.3"
const COMPOSE = "2.40.3"
/** The newest that Python 3.11 takes; 2.20 wants 3.12. */
const ANSIBLE = "2.19.14"
const MITOGEN = "0.3.54"
/** The bundle of collections that belongs to that core; only these of it are kept. */
const COLLECTIONS = "12.3.0"
const KEPT = ["ansible/posix", "community/general"]
const PYINFRA = "3.10.0"
const SALT = "3008.4"
const MOTO = "5.2.5"
const cache = fileURLToPath(new URL(".cache/", import.meta.url))

/** What peers must not do while they are measured or installed: call home. */
export const peerEnv = { DO_NOT_TRACK: "1", CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null", CI: undefined }

/**
 * OpenTofu, built once from the Go module proxy; gives the path of the binary. `go install` refuses its module because of
 * replace directives, so it is built in a copy of the module: several minutes of two cores.
 */
export function openTofu() {
  return goPeer("OpenTofu", OPENTOFU, "github.com/opentofu/opentofu", "./cmd/tofu", "tofu")
}

/** Docker Compose as a command of its own, built once from the Go module proxy; gives the path of the binary. */
export function dockerCompose() {
  return goPeer("Docker Compose", COMPOSE, "github.com/docker/compose/v2", "./cmd", "docker-compose")
}

/** A command built in a copy of its module; gives its name and the path of the binary. */
function goPeer(title, version, path, main, command) {
  const name = `${title} ${version}`
  const folder = join(cache, `${name.toLowerCase().replaceAll(" ", "-")}`)
  const binary = join(folder, command)
  if (existsSync(binary)) return { name, binary }
  const source = join(folder, "source")
  const hint = `${name} is built with Go 1.24 or newer (https://go.dev/dl) from the Go module proxy, or put a binary at ${binary}`
  console.log(`building ${name} (several minutes, once)`)
  const module = JSON.parse(run("go", ["mod", "download", "-json", `${path}@v${version}`], { hint }))
  rmSync(source, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(module.Dir, source, { recursive: true })
  run("chmod", ["-R", "u+w", source], { hint }) // the module cache is read-only
  run("go", ["build", "-o", `${binary}.new`, main], { cwd: source, hint })
  renameSync(`${binary}.new`, binary)
  rmSync(source, { recursive: true, force: true })
  return { name, binary }
}

/** Alchemy from npm, without install scripts; gives its folder and the address of its main module. */
export function alchemy() {
  return fromNpm({ name: "alchemy", version: ALCHEMY, main: "lib/index.js", megabytes: 480 })
}

/** The part of dockerode that speaks to the Engine, from npm; gives its folder and the address of its main module. */
export function dockerModem() {
  return fromNpm({ name: "docker-modem", version: DOCKER_MODEM, main: "lib/modem.js", megabytes: 4 })
}

/** What dockerode and testcontainers pack build contexts with. */
export function tarFs() {
  return fromNpm({ name: "tar-fs", version: TAR_FS, main: "index.js", megabytes: 2 })
}

function fromNpm({ name, version, main, megabytes }) {
  const folder = join(cache, `${name}-${version}`)
  const installed = {
    name: `${name} ${version}`,
    folder,
    module: pathToFileURL(join(folder, "node_modules", name, main)).href,
  }
  const record = join(folder, "node_modules", ".package-lock.json") // npm writes it last
  if (existsSync(record)) return installed
  console.log(`installing ${name} ${version} (about ${megabytes} MB, once)`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n')
  const hint = `${name} ${version} comes from the npm registry: npm must reach it, or fill ${folder} elsewhere with \`npm i ${name}@${version} --ignore-scripts\``
  run("npm", ["install", `${name}@${version}`, "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, hint })
  return installed
}

/** Ansible's core and Mitogen, from PyPI. */
export function ansible() {
  const folder = venv(`ansible-core-${ANSIBLE}`, [`ansible-core==${ANSIBLE}`, `mitogen==${MITOGEN}`])
  const plugins = run(
    join(folder, "bin/python"),
    ["-c", "import ansible_mitogen; print(ansible_mitogen.__path__[0])"],
    {
      hint: `mitogen ${MITOGEN} does not load from ${folder}`,
    },
  )
  return {
    name: `ansible-core ${ANSIBLE}`,
    mitogen: `Mitogen ${MITOGEN}`,
    folder,
    strategies: join(plugins.trim(), "plugins", "strategy"),
  }
}

/** Collections beside it, out of the bundle that PyPI has: the folder for ANSIBLE_COLLECTIONS_PATH. */
export function ansibleCollections() {
  const folder = join(cache, `ansible-collections-${COLLECTIONS}`)
  const complete = join(folder, "complete")
  if (existsSync(complete)) return folder
  const python = join(ansible().folder, "bin/python")
  console.log(`fetching collections of ansible ${COLLECTIONS} (about 50 MB, once)`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const hint = `ansible ${COLLECTIONS} comes from PyPI: pip must reach it`
  run(python, ["-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, `ansible==${COLLECTIONS}`], { hint })
  const unpack = `import glob,os,sys,zipfile
wheel=glob.glob(sys.argv[1]+"/*.whl")[0]
kept=tuple("ansible_collections/"+each+"/" for each in sys.argv[2:])
with zipfile.ZipFile(wheel) as archive: archive.extractall(sys.argv[1],[each for each in archive.namelist() if each.startswith(kept)])
os.remove(wheel)`
  run(python, ["-c", unpack, folder, ...KEPT], { hint })
  writeFileSync(complete, `${KEPT.join("\n")}\n`)
  return folder
}

export function pyinfra() {
  return { name: `pyinfra ${PYINFRA}`, folder: venv(`pyinfra-${PYINFRA}`, [`pyinfra==${PYINFRA}`]) }
}

export function salt() {
  return { name: `salt-ssh ${SALT}`, folder: venv(`salt-${SALT}`, [`salt==${SALT}`]) }
}

/** An S3 that heeds conditional writes, for tests: moto, from PyPI. */
export function moto() {
  return { name: `moto ${MOTO}`, folder: venv(`moto-${MOTO}`, [`moto[s3]==${MOTO}`, "flask", "flask-cors"]) }
}

/** A Python environment of its own with these packages. */
function venv(name, packages) {
  const folder = join(cache, name)
  const complete = join(folder, "complete")
  if (existsSync(complete)) return folder
  console.log(`installing ${packages.join(" and ")} (a minute or two, once)`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const hint = `${packages.join(" and ")} come from PyPI: pip must reach it, with Python 3.11 or newer and its venv module (apt-get install python3-venv)`
  run("python3", ["-m", "venv", folder], { hint })
  run(join(folder, "bin/pip"), ["install", "--quiet", ...packages], { hint })
  writeFileSync(complete, `${packages.join("\n")}\n`)
  return folder
}

function run(command, args, { cwd, hint }) {
  const env = { ...process.env, ...peerEnv }
  const done = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1 << 26 })
  if (done.status === 0) return done.stdout
  const words = done.error?.message ?? `${done.stderr}${done.stdout}`.trim().split("\n").slice(-15).join("\n")
  throw new Error(`${command} ${args.join(" ")} failed: ${words}\nA peer is missing. ${hint}`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(
    openTofu().binary,
    alchemy().folder,
    tarFs().folder,
    dockerCompose().binary,
    dockerModem().folder,
    ansible().folder,
    pyinfra().folder,
    salt().folder,
  )
