import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { causeText, FettleError } from "../../errors.ts"
import type { Call } from "../call.ts"
import { workflows } from "../ci-workflows.ts"
import { loadProgram, ownVersion } from "../load.ts"
import { pageFor, print } from "../print.ts"

/** Writes a small program that works. Nothing is ever overwritten. */
export async function init(call: Call): Promise<number> {
  if (call.options.ci !== undefined) return initCi(call, call.options.ci)
  const { cwd } = call.around
  const manifest = manifestFor(cwd)
  for (const each of NAMES)
    if (existsSync(join(cwd, each)))
      throw new FettleError("FILE_REFUSED", `${join(cwd, each)} is already there`, {
        next: "fettle plan shows what it would do",
      })
  const isModule = manifest === undefined || typeIn(manifest) === "module"
  const name = NAMES[isModule ? 0 : 1]
  write(join(cwd, name), programText(programName(cwd)))
  if (manifest === undefined) write(join(cwd, "package.json"), '{ "private": true, "type": "module" }\n')
  const page = pageFor(call)
  for (const each of manifest === undefined ? [name, "package.json"] : [name]) page.add([["green", "+ "], each])
  const next = isInstalled(join(cwd, name)) ? "fettle plan" : "npm install fettle, then npx fettle plan"
  page.add([["cyan", "next  "], next])
  if (call.options.quiet !== true) print(page)
  return 0
}

/** Writes a workflow for CI. @throws FettleError `USAGE`, `FILE_REFUSED` */
async function initCi(call: Call, system: string): Promise<number> {
  const workflow = Object.hasOwn(workflows, system)
    ? workflows[system]?.(ownVersion(), await nameOfProgram(call))
    : undefined
  if (workflow === undefined)
    throw new FettleError("USAGE", `--ci knows ${Object.keys(workflows).join(" and ")}, not ${JSON.stringify(system)}`)
  const file = join(call.around.cwd, workflow.file)
  write(file, workflow.text)
  const page = pageFor(call)
  page.add([["green", "+ "], workflow.file])
  page.add([["cyan", "next  "], "read its first lines: they say what is to be done once"])
  if (call.options.quiet !== true) print(page)
  return 0
}

/** As the program here says it; else as one that is made here would be named. */
async function nameOfProgram(call: Call): Promise<string> {
  const { cwd } = call.around
  const isThere = call.options.file !== undefined || NAMES.some((each) => existsSync(join(cwd, each)))
  return isThere ? (await loadProgram(call)).program.name : programName(cwd)
}

/** The second is an ES module whatever package.json says. */
const NAMES = ["fettle.ts", "fettle.mts"] as const

function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { flag: "wx" })
  } catch (cause) {
    throw new FettleError("FILE_REFUSED", `${file} cannot be written: ${causeText(cause)}`, { cause })
  }
}

/** The package.json by which Node takes a file here for an ES module or for CommonJS. */
function manifestFor(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const manifest = join(at, "package.json")
    if (existsSync(manifest)) return manifest
    if (at === dirname(at)) return undefined
  }
}

function typeIn(manifest: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(manifest, "utf8")) as { type?: string }).type
  } catch {
    return undefined
  }
}

function isInstalled(file: string): boolean {
  try {
    createRequire(file).resolve("fettle/package.json")
    return true
  } catch {
    return false
  }
}

/** The folder's name, as far as it can be a program's. */
function programName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
  return name === "" ? "first" : name
}

function programText(name: string): string {
  return `import { check, file, program, resource } from "fettle"
import * as host from "fettle/host"

// fettle plan shows what is not as it says here. fettle apply makes it so, and asks the check.
export default program(${JSON.stringify(name)}, { greeting: "hello" }, ({ greeting }) => {
  const here = host.local()
  const path = \`\${import.meta.dirname}/greeting.txt\`

  const text = resource(host.file, "greeting", { path, content: \`\${greeting}\\n\` }, { on: here })

  check("greets", file.contains(path, greeting), { after: [text] })
})
`
}
