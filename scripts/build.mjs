// `npm run build`: src becomes dist, types by tsc and JavaScript by rolldown; what has no source any more is removed.
import { chmodSync, existsSync, globSync, rmSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { bundle } from "./bundle.mjs"
import { capture, root, show } from "./step.mjs"

let running

/** Builds once per process, however often it is asked for; resolves to the exit code of tsc. */
export function build({ quiet = false } = {}) {
  running ??= compile(quiet)
  return running
}

async function compile(quiet) {
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]
  const [code] = await Promise.all([quiet ? capture(tsc).then(({ code }) => code) : show(tsc), bundle()])
  if (code !== 0) return code
  for (const file of globSync("**/*.d.ts", { cwd: join(root, "dist") }))
    if (!existsSync(join(root, "src", file.replace(/\.d\.ts$/, ".ts")))) rmSync(join(root, "dist", file))
  const cli = join(root, "dist", "cli", "main.js")
  if (existsSync(cli)) chmodSync(cli, 0o755) // npm does this for users; a clone calls the file directly
  return 0
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exit(await build())
