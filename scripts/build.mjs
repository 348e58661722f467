// `npm run build`: src becomes dist with plain tsc; files whose source is gone are removed, so that none is published.
import { chmodSync, existsSync, globSync, rmSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { capture, root, show } from "./step.mjs"

let running

/** Builds once per process, however often it is asked for; resolves to the exit code of tsc. */
export function build({ quiet = false } = {}) {
  running ??= compile(quiet)
  return running
}

async function compile(quiet) {
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]
  const code = quiet ? (await capture(tsc)).code : await show(tsc)
  if (code !== 0) return code
  for (const file of globSync("**/*.{js,d.ts,js.map,d.ts.map}", { cwd: join(root, "dist") })) {
    const source = file.replace(/(\.d\.ts|\.js)(\.map)?$/, ".ts")
    if (file.endsWith(".d.ts.map") || !existsSync(join(root, "src", source))) rmSync(join(root, "dist", file))
  }
  const cli = join(root, "dist", "cli", "main.js")
  if (existsSync(cli)) chmodSync(cli, 0o755) // npm does this for users; a clone calls the file directly
  return 0
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exit(await build())
