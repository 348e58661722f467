// Question 5: an error that is told whole, stops only what depends on it, and is cleaned up after, by kill -9 as well.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, proven, say, start, tell, until } from "../story.ts"

const program = join(import.meta.dirname, "fettle.ts")
const fettle = fettleFor(program, { home: folder })
const at = (name: string): string => join(folder, name)

say("1. Two ways to handle the same error.")
const swallowed = (() => {
  try {
    return JSON.parse("{ broken")
  } catch {
    return {}
  }
})()
tell(`swallowed: ${JSON.stringify(swallowed)}, and the caller goes on with no orders at all`)
writeFileSync(at("orders.json"), '{"item": "tea"}\n{"item": "cof\n')
const direct = await start([process.execPath, join(import.meta.dirname, "import.ts"), folder])
proven(
  "kept: it names the line, and its cause is still there",
  /orders\.json:2[\s\S]*cause.*SyntaxError/.test(direct.text),
)

say("2. One node of four fails.")
const failed = await fettle("apply --yes")
proven("the run is an error for whoever called it", failed.code === 1, failed.code)
proven("what needs nothing of it was done", existsSync(at("page.html")))
proven(
  "what needs it was not begun",
  !existsSync(at("report.txt")) && /report\].*(skipped|not begun)/i.test(failed.text),
)
proven("its cleanup ran", !existsSync(at("import.lock")))

say("3. The cause is mended, and the program killed in the middle: no catch and no finally of a language runs.")
writeFileSync(at("orders.json"), '{"item": "tea"}\n{"item": "coffee"}\n')
writeFileSync(at("hold"), "")
const cli = join(import.meta.dirname, "../../dist/cli/main.js")
const words = ["apply", "--yes", "--file", program, "--state", at(".fettle"), "--param", `home=${folder}`] as const
const killed = start([process.execPath, cli, ...words])
await until(() => existsSync(at("import.lock")))
killed.kill("SIGKILL")
const { signal } = await killed
proven("killed, and the lock file is left", signal === "SIGKILL" && existsSync(at("import.lock")))

rmSync(at("hold"))
const mended = await fettle("apply --yes")
proven(
  "the next run ends what was left, cleans up, and does the rest",
  mended.code === 0 && !existsSync(at("import.lock")),
)
proven("the report is whole", readFileSync(at("report.txt"), "utf8") === "tea\ncoffee")
