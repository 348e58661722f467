// What a user would get: the packed tarball is looked at by publint and attw, then installed in an empty folder.
import { globSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "../build.mjs"
import { sbom } from "../sbom.mjs"
import { capture, root } from "../step.mjs"

const MAX_MB = 30
const MAX_DIRECT = 10
const MAX_PACKAGES = 40

export async function published() {
  const folder = mkdtempSync(join(tmpdir(), "fettle-pack-"))
  try {
    if ((await build({ quiet: true })) !== 0) return { looked: 0, unit: "files", problems: ["npm run build fails"] }
    const packed = await pack(folder)
    const found = await Promise.all([
      tool("publint", packed.path),
      tool("attw", packed.path),
      billed(packed.path),
      installed(folder, packed.path),
    ])
    const problems = [...unwanted(packed.files), ...found.flatMap(({ problems }) => problems)]
    return { looked: packed.files.length, unit: "files", note: found.at(-1).note, problems }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function pack(folder) {
  const { code, stdout, text } = await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root)
  if (code !== 0) throw new Error(`npm pack failed:\n${text}`)
  const [{ filename, files }] = Object.values(JSON.parse(stdout))
  return { path: join(folder, filename), files: files.map(({ path }) => path) }
}

function unwanted(paths) {
  const bad = paths.filter((path) => /\.test\.|\.tsbuildinfo$|^(test|bench|scripts|examples|node_modules)\//.test(path))
  return bad.map((path) => `${path} is in the package`)
}

async function tool(name, tarball) {
  const args = {
    publint: ["node_modules/publint/src/cli.js", "run", tarball, "--strict"],
    attw: [
      "node_modules/@arethetypeswrong/cli/dist/index.js",
      tarball,
      "--profile",
      "esm-only",
      "--no-color",
      "--no-emoji",
    ],
  }
  const { code, text } = await capture(args[name], { env: { ...process.env, NO_COLOR: "1" } })
  return { problems: code === 0 ? [] : [`${name}:\n${text}`] }
}

/** Its bill of materials names what is really in it: as its source maps say, and no less than what the bundler took in. */
async function billed(tarball) {
  const { bill, problems } = await sbom(tarball)
  const listed = bill.components.filter(({ properties }) => properties.some(({ value }) => value === "bundled"))
  const names = new Set(listed.map(({ name, version }) => `${name} ${version}`))
  const licences = readFileSync(join(root, "dist/LICENSES.txt"), "utf8")
  const taken = [...licences.matchAll(/^(\S+ \d\S*) \([^)]+\)$/gm)].map(([, name]) => name)
  for (const name of taken) if (!names.has(name)) problems.push(`the bill of materials lacks ${name}`)
  for (const name of names)
    if (!taken.includes(name)) problems.push(`the bill of materials has ${name}, whose licence is not in it`)
  return { problems }
}

/** Installs the tarball as a user would, and counts what came. */
async function installed(folder, tarball) {
  const home = mkdtempSync(join(folder, "user-"))
  writeFileSync(join(home, "package.json"), '{ "private": true, "type": "module" }\n')
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
  const { code, text } = await npm(["install", tarball, ...quiet], home)
  if (code !== 0) return { problems: [`npm install of the package failed:\n${text}`] }

  const packages = JSON.parse(readFileSync(join(home, "node_modules/.package-lock.json"), "utf8")).packages
  const names = Object.keys(packages)
  const own = JSON.parse(readFileSync(join(home, "node_modules/fettle/package.json"), "utf8"))
  const direct = Object.keys({ ...own.dependencies, ...own.optionalDependencies }).length
  const megabytes = sizeBytes(join(home, "node_modules")) / 1024 ** 2
  const scripts = names.filter((name) => packages[name].hasInstallScript)

  const problems = []
  if (names.length > MAX_PACKAGES) problems.push(`${names.length} packages are installed; at most ${MAX_PACKAGES}`)
  if (direct > MAX_DIRECT) problems.push(`${direct} direct dependencies; at most ${MAX_DIRECT}`)
  if (megabytes > MAX_MB) problems.push(`${megabytes.toFixed(1)} MB are installed; at most ${MAX_MB}`)
  for (const name of scripts) problems.push(`${name} runs an install script`)
  problems.push(...(await loads(home, own)))
  return { problems, note: `${names.length} packages, ${direct} direct, ${megabytes.toFixed(1)} MB installed` }
}

/** Every entry point loads and the command answers, from the installed copy alone. */
async function loads(home, { name, version, exports }) {
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"))
  const code = entries.map((entry) => `await import(${JSON.stringify(name + entry.slice(1))})`).join("\n")
  writeFileSync(join(home, "all.js"), code)
  const imported = await capture(["all.js"], { cwd: home })
  const asked = await capture(["node_modules/fettle/dist/cli/main.js", "--version"], { cwd: home })
  return [
    ...(imported.code === 0 ? [] : [`The entry points do not load:\n${imported.text}`]),
    ...(asked.stdout.includes(version) ? [] : [`fettle --version printed: ${asked.text}`]),
  ]
}

/** Bytes that the files take on disk. */
function sizeBytes(folder) {
  const paths = globSync("**", { cwd: folder })
  return paths.reduce((sum, path) => sum + lstatSync(join(folder, path)).blocks * 512, 0)
}

function npm(args, cwd) {
  const script = process.env.npm_execpath // the npm that started us; a bare `npm` where there was none
  return script?.endsWith(".js") ? capture([script, ...args], { cwd }) : capture(args, { cwd, command: "npm" })
}
