import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { parse } from "yaml"
import { testFolder } from "../support/runs.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const SBOM = join(ROOT, "scripts", "sbom.mjs")

interface Component {
  readonly name: string
  readonly version?: string
  readonly purl: string
  readonly hashes?: readonly { readonly content: string }[]
  readonly properties: readonly { readonly name: string; readonly value: string }[]
}

/** Packs what was built; nothing is built for it. */
function packed(): string {
  const folder = testFolder()
  const npm = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]
  execFileSync("npm", npm, { cwd: ROOT })
  return join(folder, readdirSync(folder)[0] as string)
}

function billOf(tarball: string): { status: number | null; stderr: string; bill: Record<string, never> } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SBOM, tarball], { encoding: "utf8" })
  return { status, stderr, bill: JSON.parse(stdout) }
}

test("the bill of materials names what is in the tarball, by hash, and what is installed beside it", {
  timeout: 120_000,
}, () => {
  const tarball = packed()
  const { status, stderr, bill } = billOf(tarball)
  expect([status, stderr]).toEqual([0, ""])
  expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 })
  const { component } = bill.metadata as unknown as { component: Component }
  expect(component.hashes?.[0]?.content).toBe(createHash("sha512").update(readFileSync(tarball)).digest("hex"))
  const components = bill.components as unknown as readonly Component[]
  const how = (name: string) => components.find((each) => each.name === name)?.properties.map(({ value }) => value)
  expect(how("commander")).toEqual(["bundled"])
  expect(how("@sec-ant/readable-stream"), "a library of a library").toEqual(["bundled"])
  expect(how("zod")).toEqual(["bundled", "installed"])
  expect(how("yaml")).toEqual(["installed"])
  expect(how("pg")?.[0]).toBe("installed by its user")
  expect(how("vitest"), "only builds and tests").toBeUndefined()
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"))
  for (const { name, version, hashes } of components.filter((each) => each.version !== undefined)) {
    const locked = packages[`node_modules/${name}`]
    expect(version, name).toBe(locked.version)
    expect(Buffer.from(hashes?.[0]?.content ?? "", "hex").toString("base64"), name).toBe(
      locked.integrity.slice("sha512-".length),
    )
  }
  expect(new Set(components.map(({ purl }) => purl)).size).toBe(components.length)
})

test("code in a tarball that no source map speaks of is told", { timeout: 120_000 }, () => {
  const folder = testFolder()
  execFileSync("tar", ["-xzf", packed(), "-C", folder])
  mkdirSync(join(folder, "package", "dist", "slipped"))
  writeFileSync(
    join(folder, "package", "dist", "slipped", "in.js"),
    'export { a } from "./b.js";\nfetch("https://evil.example");\n',
  )
  const changed = join(folder, "changed.tgz")
  execFileSync("tar", ["-czf", changed, "-C", folder, "package"])
  const { status, stderr } = billOf(changed)
  expect([status, stderr]).toEqual([1, "dist/slipped/in.js has no source map: what is in it cannot be told\n"])
})

test("the release job has no more rights than it needs, pins what it runs, and publishes with provenance what it has packed", () => {
  const text = readFileSync(join(ROOT, ".github/workflows/release.yml"), "utf8")
  const { permissions, jobs } = parse(text)
  expect(permissions).toEqual({})
  expect(jobs.test.permissions).toEqual({ contents: "read" })
  expect(jobs.publish.permissions).toEqual({ contents: "write", "id-token": "write", attestations: "write" })
  const runs = (job: { steps: readonly { run?: string }[] }): string => job.steps.map(({ run }) => run ?? "").join("\n")
  for (const job of [jobs.test, jobs.publish]) expect(runs(job)).toMatch(/npm ci --ignore-scripts/)
  expect(runs(jobs.test)).toMatch(/npm audit signatures\nnpm audit --omit=dev\n/)
  expect(runs(jobs.publish)).toMatch(/npm publish --provenance --access public \.released\/\*\.tgz/)
  expect(text).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN|secrets\./)
})
