// The package's JavaScript: src and the libraries it stands on become a few files. A start that loads one file for
// ten takes half the time. Each file that is named from outside keeps its place and its name below dist.
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, sep } from "node:path"
import { rolldown } from "rolldown"
import { root } from "./step.mjs"

const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** Loaded by an address and not by an import: the command, threads, children. */
const STARTED = [
  "cli/main",
  "cli/untrusted-child",
  "connect/proxy/main",
  "providers/sqlite/migrate-child",
  "verify/cpu-worker",
  "verify/hash-files",
  "verify/judge-work",
  "verify/probes/log-scan",
  "verify/probes/sql-work",
]

/** What children of the tests, benchmarks and the docs' generator drive, as it is published. */
const DRIVEN = [
  "errors",
  "report/run-page/run-page",
  "report/run-page/run-record",
  "run/local",
  "run/run",
  "run/state-edit",
  "run/state-settle",
  "state/file-home",
  "state/lock",
  "state/shared/open-shared",
  "state/sqlite",
]

/**
 * Libraries that stay outside: a user installs them when they are needed, or only a few kinds do and load them then.
 * zod is inside, where only what is used of it loads; it stays a dependency for the types and for authors of kinds.
 */
const OUTSIDE = Object.keys({ ...own.peerDependencies, ...own.dependencies }).filter((name) => name !== "zod")

/** Writes dist/**.js with source maps and the licences of what is inside; what an earlier build wrote there goes. */
export async function bundle() {
  const exported = Object.values(own.exports).flatMap((entry) => entry.default?.slice("./dist/".length, -3) ?? [])
  const input = Object.fromEntries([...exported, ...STARTED, ...DRIVEN].map((name) => [name, `src/${name}.ts`]))
  const build = await rolldown({
    cwd: root,
    input,
    platform: "node",
    external: [/^node:(?!http$)/, ...OUTSIDE.map((name) => new RegExp(`^${name}(/|$)`))],
    plugins: [ownPlaces, plainHttp],
    onLog: (level, log) => {
      if (level === "warn") throw new Error(log.message)
    },
  })
  const { output } = await build.write({
    dir: join(root, "dist"),
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    sourcemap: true,
    sourcemapExcludeSources: true,
  })
  await build.close()
  const written = new Set([...output.map(({ fileName }) => fileName), ...copied()])
  for (const file of globSync("**/*.js{,.map}", { cwd: join(root, "dist") }))
    if (!written.has(file.split(sep).join("/"))) rmSync(join(root, "dist", file))
  const modules = output.flatMap(({ moduleIds = [] }) => moduleIds)
  writeFileSync(join(root, "dist", "LICENSES.txt"), licences(modules))
}

/** What pages of ours are made from as it stands: scripts for a browser, and their style. */
function copied() {
  const names = globSync("report/run-page/{browser/*.js,*.css}", { cwd: join(root, "src") })
  for (const name of names) {
    mkdirSync(dirname(join(root, "dist", name)), { recursive: true })
    copyFileSync(join(root, "src", name), join(root, "dist", name))
  }
  return names.map((name) => name.split(sep).join("/"))
}

/** In each module `import.meta.url` is what it would be had the module stayed a file of its own. */
const ownPlaces = {
  name: "own-places",
  transform(code, id) {
    if (!id.startsWith(join(root, "src")) || !code.includes("import.meta.url")) return
    const place = relative(join(root, "src"), id).split(sep).join("/").replace(/\.ts$/, ".js")
    const here = `new URL(${JSON.stringify(FROM_DIST + place)}, import.meta.url).href`
    let moved = code
    for (const { start, end } of metaUrls(this.parse(code, { lang: "ts" })).sort((a, b) => b.start - a.start))
      moved = moved.slice(0, start) + here + moved.slice(end)
    return { code: moved, map: null }
  },
  renderChunk(code, { fileName }) {
    const up = fileName.replace(/[^/]+\/|[^/]+$/g, (part) => (part.endsWith("/") ? "../" : "")) || "./"
    return { code: code.replaceAll(FROM_DIST, up), map: null }
  },
}

const FROM_DIST = "from-dist:"

/** An import of node:http reads all that it exports, its WebSocket too, and loads undici for that: a tenth of a start. */
const plainHttp = {
  name: "plain-http",
  resolveId: { filter: { id: /^node:http$/ }, handler: () => "\0plain-http" },
  load: {
    filter: { id: /^\0plain-http$/ },
    handler: () => 'export const { Agent, createServer, request } = process.getBuiltinModule("node:http")',
  },
}

/** Every `import.meta.url` that is code, and none that stands in a text. */
function metaUrls(node) {
  if (node === null || typeof node !== "object") return []
  if (Array.isArray(node)) return node.flatMap(metaUrls)
  if (node.type === "MemberExpression" && node.object.type === "MetaProperty" && node.property.name === "url")
    return [node]
  return Object.values(node).flatMap(metaUrls)
}

/** The licence of each library that is inside, as it asks for. */
function licences(modules) {
  const folders = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const [file] = globSync("{LICENSE,LICENCE,license,licence}{,.md,.txt}", { cwd: folder })
    if (file === undefined) throw new Error(`${name} ${version} has no licence file`)
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`
  })
  return `The files of this folder hold these libraries.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`
}
