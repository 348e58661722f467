// `npm run demo:NAME`: build, then the example of that name as its user would run it.
import { build } from "./build.mjs"
import { show } from "./step.mjs"

const [name, ...args] = process.argv.slice(2)
const built = await build()
process.exit(built === 0 ? await show([`examples/${name}/run.mjs`, ...args]) : built)
