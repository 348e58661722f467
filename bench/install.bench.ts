import { copyFileSync, globSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Bench } from "./context.ts"
import { run, textOf, withFolder } from "./measure.ts"
import { alchemy, peerEnv } from "./peers/install.mjs"

interface Locked {
  readonly hasInstallScript?: boolean
}

/** What `npm install fettle` puts on a user's disk, from the packed tarball, beside alchemy; and what of it a command loads. */
export default async function bench({ row }: Bench): Promise<void> {
  const peer = alchemy()
  await withFolder("install", async (folder) => {
    const root = fileURLToPath(new URL("..", import.meta.url))
    // Built by bench/run.mjs already; packing must not build again.
    const packed = JSON.parse(
      textOf(["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root }),
    ) as readonly [{ readonly filename: string; readonly size: number }]
    const project = join(folder, "project")
    mkdirSync(project)
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n')
    const tarball = join(folder, packed[0].filename)
    textOf(["npm", "install", tarball, "--no-audit", "--no-fund"], { cwd: project, env: peerEnv })

    const otherName = peer.name
    const ours = lockedOf(project)
    const other = lockedOf(peer.folder)
    row({ name: "tarball", unit: "MB", ours: packed[0].size / 1e6 })
    const sizes = { ours: sizeMb(project), other: sizeMb(peer.folder) }
    row({ name: "node_modules", unit: "MB", ...sizes, otherName, target: "ours <= 30" })
    const counts = { ours: ours.length, other: other.length }
    row({ name: "packages in all", unit: "", ...counts, otherName, target: "ours <= 40" })
    row({ name: "direct dependencies", unit: "", ...directOf(project, peer.folder), otherName, target: "ours <= 10" })
    const scripts = { ours: scriptsOf(ours), other: scriptsOf(other) }
    row({ name: "packages with an install script", unit: "", ...scripts, otherName, target: "ours <= 0" })

    const fixture = join(project, "fettle.ts")
    copyFileSync(new URL("fixtures/empty/fettle.ts", import.meta.url), fixture)
    const version = await loaded(project, ["--version"])
    row({ name: "dependencies loaded by fettle --version", unit: "", ours: version.length, target: "ours <= 0" })
    const plan = await loaded(project, ["plan", "--file", fixture])
    row({ name: `dependencies loaded by an empty plan`, unit: "", ours: plan.length })
    console.log(`      an empty plan loads: ${plan.join(", ") || "none"}`)
  })
}

/** npm's own record of what it put there. */
function lockedOf(project: string): readonly Locked[] {
  const record = JSON.parse(readFileSync(join(project, "node_modules", ".package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>
  }
  return Object.values(record.packages)
}

const scriptsOf = (packages: readonly Locked[]): number => packages.filter((each) => each.hasInstallScript).length

function directOf(project: string, peer: string): { ours: number; other: number } {
  const count = (folder: string, name: string): number => {
    const manifest = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")) as {
      readonly dependencies?: Readonly<Record<string, string>>
    }
    return Object.keys(manifest.dependencies ?? {}).length
  }
  return { ours: count(project, "fettle"), other: count(peer, "alchemy") }
}

/** The lengths of all files: what it takes on a disk depends on the disk. */
function sizeMb(project: string): number {
  const folder = join(project, "node_modules")
  const files = globSync("**/*", { cwd: folder, withFileTypes: true }).filter((each) => each.isFile())
  return files.reduce((sum, each) => sum + lstatSync(join(each.parentPath, each.name)).size, 0) / 1e6
}

/** Packages besides Fettle's own of which a command loads any module. */
async function loaded(project: string, args: readonly string[]): Promise<readonly string[]> {
  const hook = join(project, "loaded.mjs")
  const list = join(project, "loaded.txt")
  writeFileSync(
    hook,
    `import { appendFileSync, writeFileSync } from "node:fs"
     import { registerHooks } from "node:module"
     writeFileSync(${JSON.stringify(list)}, "")
     registerHooks({ load: (url, context, next) => (appendFileSync(${JSON.stringify(list)}, url + "\\n"), next(url, context)) })`,
  )
  const command = join(project, "node_modules", "fettle", "dist", "cli", "main.js")
  await run([process.execPath, "--import", pathToFileURL(hook).href, command, ...args], {
    cwd: project,
    env: { HOME: project },
  })
  const names = readFileSync(list, "utf8").matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\/[^\n]*$/gm)
  return [...new Set([...names].map(([, name]) => name as string))].filter((name) => name !== "fettle")
}
