import { spawnSync } from "node:child_process"
import { place } from "../cli/fettle.ts"

/** What the compiler says of programs. */
export function typeErrors(programs: readonly string[]): string {
  const at = place()
  at.link("@types/node")
  for (const [number, text] of programs.entries()) at.write(`fettle${number}.ts`, text)
  const options = { target: "es2023", module: "nodenext", types: ["node"], strict: true, noEmit: true }
  at.write("tsconfig.json", JSON.stringify({ compilerOptions: { ...options, exactOptionalPropertyTypes: true } }))
  const tsc = at.path("node_modules/typescript/bin/tsc")
  return spawnSync(process.execPath, [tsc, "-p", at.folder], { encoding: "utf8" }).stdout
}
