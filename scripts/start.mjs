// `npm start [-- ARGS]` and `npm run quickstart:destroy`: build, then the quickstart on this machine.
import { existsSync } from "node:fs"
import { join } from "node:path"
import { build } from "./build.mjs"
import { root, show } from "./step.mjs"

const quickstart = "examples/quickstart/run.mjs"
if (!existsSync(join(root, quickstart))) {
  console.error(`${quickstart} is missing: this clone is not complete.`)
  process.exit(1)
}
const built = await build()
process.exit(built === 0 ? await show([quickstart, ...process.argv.slice(2)]) : built)
