// What the types cost: whole runs of the compiler over generated programs of `host.file`s, each in a process of its own,
// against the declarations of the built package. Beside it, as the floor, the same text with functions whose types were
// written by hand for this one kind.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "./context.ts"

type Side = "fettle" | "floor"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const ROUNDS = 5
/** Resources of one group, as people write them. TypeScript's own cost grows with the square of a function's constants. */
const GROUP = 25

export default async function bench({ row, interleave }: Bench): Promise<void> {
  const folder = project()
  /** What so many resources cost over a program that has `base` of them. */
  const over = (side: Side, resources: number, base: number, unit: keyof Spent, group = GROUP) => {
    const [many, few] = [compile(folder, side, resources, group), compile(folder, side, base, group)]
    return many[unit] - few[unit]
  }
  try {
    for (const resources of [10, 100, 1_000]) {
      const side = (name: Side) => () => over(name, resources, 0, "ms")
      const times = await interleave(ROUNDS, { ours: side("fettle"), other: side("floor") })
      const name = `${resources.toLocaleString("en")} resources, over an empty program`
      const target = resources === 1_000 ? { target: "ours <= 2000" } : {}
      row({ name, unit: "ms", ...times, otherName: "types by hand", ...target })
    }
    // Over one resource: what the types of the kind cost once must not make many look cheap. Of the processor: the
    // difference of two wall times is mostly the other work of the machine.
    const each = (resources: number) => () => over("fettle", resources, 1, "cpuMs") / (resources - 1)
    const even = await interleave(ROUNDS, { ours: each(5_000), other: each(1_000) })
    row({ name: "one resource of 5,000", unit: "CPU ms", ...even, otherName: "one of 1,000", target: "ratio <= 1.3" })
    const flat = (name: Side) => () => over(name, 1_000, 0, "cpuMs", 1_000)
    const inOne = await interleave(3, { ours: flat("fettle"), other: flat("floor") })
    row({ name: "1,000 resources in one function", unit: "CPU ms", ...inOne, otherName: "types by hand" })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds of a whole run of the compiler: of the clock, and of the processor, which other work does not lengthen. */
interface Spent {
  readonly ms: number
  readonly cpuMs: number
}

/** Checks a program of so many resources in a process of its own. */
function compile(folder: string, side: Side, resources: number, group: number): Spent {
  writeFileSync(join(folder, "program.ts"), programText(side, resources, group))
  const begun = performance.now()
  const args = ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), folder]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" })
  const ms = performance.now() - begun
  if (status !== 0)
    throw new Error(`${resources} resources (${side}) do not compile: ${(stdout + stderr).slice(-2_000)}`)
  return { ms, cpuMs: JSON.parse(stdout) as number }
}

/** What `tsc -p FOLDER` does. */
async function check(folder: string): Promise<void> {
  const { default: ts } = await import("typescript")
  const config = ts.getParsedCommandLineOfConfigFile(join(folder, "tsconfig.json"), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(String(messageText))
    },
  })
  const program = ts.createProgram(config?.fileNames ?? [], config?.options ?? {})
  const found = ts.getPreEmitDiagnostics(program)
  if (found.length > 0)
    throw new Error(ts.formatDiagnostics(found, ts.createCompilerHost(program.getCompilerOptions())))
  const { user, system } = process.cpuUsage()
  process.stdout.write(String((user + system) / 1_000))
}

function project(): string {
  const folder = mkdtempSync(join(tmpdir(), "fettle-types-"))
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true })
  symlinkSync(ROOT, join(folder, "node_modules/fettle"))
  for (const name of ["zod", "@types/node"])
    symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name))
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
  const compilerOptions = {
    target: "es2023",
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    allowImportingTsExtensions: true,
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }))
  writeFileSync(join(folder, "by-hand.ts"), BY_HAND)
  return folder
}

/** Files in groups; each names the one before it, the first of a group the parameter. */
function programText(side: Side, resources: number, group: number): string {
  const from = side === "fettle" ? 'from "fettle"\nimport * as host from "fettle/host"' : 'from "./by-hand.ts"'
  const names = `program, group, resource, text${side === "fettle" ? "" : ", host"}`
  const lines = [`import { ${names} } ${from}`, "void [group, resource, text]", "const web = host.local()", "void web"]
  lines.push('export default program("big", { port: 8080 }, ({ port }) => {', "  void port")
  for (let at = 0; at < resources; at += 1) {
    const first = at % group === 0
    const content = first ? "`port ${port}`" : `text\`after \${f${at - 1}.path} on \${port}\``
    if (first) lines.push(`  group("group-${at}", () => {`)
    lines.push(
      `    const f${at} = resource(host.file, "f${at}", { path: "/srv/f${at}", content: ${content}, mode: "0644" }, { on: web })`,
    )
    if (at % group === group - 1 || at === resources - 1) lines.push("  })")
  }
  return `${lines.join("\n")}\n})\n`
}

const BY_HAND = `
export interface Out<T> { readonly value?: T }
export interface Web { readonly type: "host" }
export interface FileProps {
  readonly path: string | Out<string>
  readonly content?: string | Out<string>
  readonly mode?: string | Out<string>
}
export interface FileNode { readonly path: Out<string>; readonly hash: Out<string> }
export declare const host: { readonly file: "host.file"; local(): Web }
export declare function program(name: string, params: { port: number }, build: (params: { port: number }) => void): object
export declare function group(name: string, build: () => void): void
export declare function resource(kind: "host.file", name: string, props: FileProps, options: { readonly on: Web }): FileNode
export declare function text(strings: TemplateStringsArray, ...values: readonly (string | number | Out<string>)[]): Out<string>
`

if (import.meta.main) await check(process.argv[2] ?? "")
