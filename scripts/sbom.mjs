// `node scripts/sbom.mjs TARBALL`: what is in the packed package, as CycloneDX. Read from the tarball itself: the source maps of its
// JavaScript name every library that was bundled, its package.json those that are installed beside it.
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { capture, root } from "./step.mjs"

/** The bill of materials of a tarball, and what is wrong with it. */
export async function sbom(tarball) {
  const folder = mkdtempSync(join(tmpdir(), "fettle-sbom-"))
  try {
    const { code, text } = await capture(["-xzf", tarball, "-C", folder], { command: "tar" })
    if (code !== 0) throw new Error(`tar failed:\n${text}`)
    return billOf(join(folder, "package"), readFileSync(tarball))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function billOf(folder, tarball) {
  const own = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages
  const { places, problems } = bundledIn(folder)
  const installed = closureOf(Object.keys(own.dependencies ?? {}), lock)
  const components = new Map()
  for (const place of [...new Set([...places, ...installed])].sort()) {
    const how = [...(places.has(place) ? ["bundled"] : []), ...(installed.has(place) ? ["installed"] : [])]
    const { component, problem } = componentOf(place, lock[place], how)
    if (problem !== undefined) problems.push(problem)
    else components.set(component["bom-ref"], component)
  }
  for (const [name, range] of Object.entries(own.peerDependencies ?? {})) {
    const purl = `pkg:npm/${purlName(name)}`
    const properties = [
      { name: "fettle:how", value: "installed by its user" },
      { name: "fettle:range", value: range },
    ]
    components.set(purl, { type: "library", "bom-ref": purl, name, purl, scope: "optional", properties })
  }
  const self = `pkg:npm/${own.name}@${own.version}`
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": self,
        name: own.name,
        version: own.version,
        purl: self,
        licenses: [{ license: { id: own.license } }],
        hashes: [{ alg: "SHA-512", content: createHash("sha512").update(tarball).digest("hex") }],
      },
    },
    components: [...components.values()],
    dependencies: [{ ref: self, dependsOn: [...components.keys()] }],
  }
  return { bill, problems }
}

/** Folders of libraries whose code is in the package's own files, as its source maps say. */
function bundledIn(folder) {
  const problems = []
  const places = new Set()
  for (const file of globSync("dist/**/*.js", { cwd: folder })) {
    if (isCopied(folder, file)) continue
    let map
    try {
      map = JSON.parse(readFileSync(join(folder, `${file}.map`), "utf8"))
    } catch {
      if (readFileSync(join(folder, file), "utf8").split("\n").some(isCode))
        problems.push(`${file} has no source map: what is in it cannot be told`)
      continue
    }
    for (const source of map.sources)
      for (const [, place] of source.matchAll(/(?:^|\/)((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//g))
        places.add(place.slice(place.indexOf("node_modules/")))
  }
  if (places.size === 0) problems.push("No bundled library was found: there are some.")
  return { places, problems }
}

/** Whether a file is one of src as it stands: scripts of our pages, which are read as text. */
function isCopied(folder, file) {
  const source = join(folder, file.replace(/^dist/, "src"))
  return existsSync(source) && readFileSync(source).equals(readFileSync(join(folder, file)))
}

/** Whether a line is more than an import, an export or a comment. Node's own http, as bundle.mjs takes it, is nobody's library. */
function isCode(line) {
  return !/^((import|export) .*;|\/\/.*|const \{[\w, ]+\} = process\.getBuiltinModule\("node:http"\);|)$/.test(line)
}

/** What npm installs for these, as it is locked here. */
function closureOf(names, lock) {
  const found = new Set()
  const waiting = names.map((name) => `node_modules/${name}`)
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (found.has(place)) continue
    found.add(place)
    for (const name of Object.keys(lock[place]?.dependencies ?? {})) {
      const nested = `${place}/node_modules/${name}`
      waiting.push(lock[nested] === undefined ? `node_modules/${name}` : nested)
    }
  }
  return found
}

function componentOf(place, locked, how) {
  if (locked?.integrity === undefined) return { problem: `${place} is not locked with a hash` }
  const { name, version, license } = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8"))
  if (version !== locked.version)
    return { problem: `${place} is ${version} here and ${locked.version} in the lock file` }
  const purl = `pkg:npm/${purlName(name)}@${version}`
  const content = Buffer.from(locked.integrity.replace(/^sha512-/, ""), "base64").toString("hex")
  const component = {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    scope: "required",
    licenses: [/ (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }],
    hashes: [{ alg: "SHA-512", content }], // of the library's own tarball
    properties: how.map((value) => ({ name: "fettle:how", value })),
  }
  return { component }
}

function purlName(name) {
  return name.replace("@", "%40")
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { bill, problems } = await sbom(process.argv[2] ?? "")
  for (const problem of problems) console.error(problem)
  console.log(JSON.stringify(bill, undefined, 2))
  process.exit(problems.length === 0 ? 0 : 1)
}
