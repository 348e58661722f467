// Question 18: one key, from the environment to the one file that needs it, and nowhere else.
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { apply, program, resource, secret } from "fettle"
import * as host from "fettle/host"
import { fettleFor, folder, proven, say, setupOf, start, tell, until } from "../story.ts"

const KEY = "correct-horse-battery-17"
const NEXT = "another-horse-staple-42"
const file = join(import.meta.dirname, "fettle.ts")
const fettle = fettleFor(file, { home: folder })
const bare = fettleFor(file)
const config = (): string => readFileSync(join(folder, "config.json"), "utf8")

say("1. A key as an argument of a command is there for every user of the machine to read.")
const careless = start([process.execPath, "-e", "setTimeout(() => {}, 60_000)", KEY])
const others = async (): Promise<string> => (await start(["ps", "-A", "-ww", "-o", "args="])).text
await until(async () => (await others()).includes(KEY))
proven("ps shows it, to whoever asks", true)
careless.kill("SIGKILL")

say("2. By Fettle: it goes into the file that needs it. A careless task prints it, plain and in base64.")
const applied = await fettle("apply --yes", { SHOP_KEY: KEY })
const id = /\b[0-9a-f]{8}\b/.exec((await bare("runs")).text)?.[0]
const log = await bare(`logs ${id} fettle.task[careless]`)
proven("the file has it, and only its owner may read it", config().includes(KEY) && mode("config.json") === "600")
proven("the log has its name in both places", (log.text.match(/\[secret SHOP_KEY\]/g) ?? []).length === 2, log.text)
proven("no output of fettle has it", !holds(applied.text) && !holds(log.text))

say("3. State, journal, logs and plans on disk are searched, byte by byte.")
await fettle(`plan --out ${folder}/.fettle/plan.json`, { SHOP_KEY: KEY })
const files = readdirSync(join(folder, ".fettle"), { recursive: true, withFileTypes: true })
  .filter((each) => each.isFile())
  .map((each) => join(each.parentPath, each.name))
tell(`${files.length > 2 ? "all" : "too few"} files of .fettle, for the key and its base64`)
proven("none of them has it", files.length > 2 && !files.some((file) => holds(readFileSync(file, "latin1"))))

say("4. The key is turned. The plan knows that it differs, and shows neither.")
const turned = await fettle("apply --yes", { SHOP_KEY: NEXT })
proven("the file has the new one", config().includes(NEXT) && !config().includes(KEY))
proven("neither was shown", ![KEY, NEXT].some((each) => turned.text.includes(each)))

say("5. A secret that is pasted into a string by mistake.")
const pasted = program("pasted", {}, () => {
  const content = `key=${secret.env("SHOP_KEY")}`
  resource(host.file, { path: join(folder, "pasted"), content }, { on: host.local() })
})
const { error } = await apply(setupOf(pasted, { SHOP_KEY: KEY }), {}, async () => true)
tell(`${error?.code}: ${error?.fact}`)
proven("it is an error with its line, and no file that says [object Object]", error?.code === "SECRET_AS_STRING")

function holds(text: string): boolean {
  return [KEY, NEXT].some(
    (each) => text.includes(each) || text.includes(Buffer.from(each).toString("base64").slice(0, 24)),
  )
}

function mode(name: string): string {
  return (statSync(join(folder, name)).mode & 0o777).toString(8)
}
