// Question 6: what should be there is said once; what differs is found, whoever has caused it, and only that is changed.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, proven, say } from "../story.ts"

const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder })
const config = join(folder, "site/config.json")
const banner = join(folder, "site/banner.txt")

say("1. Nothing is there. The program is applied.")
const made = await fettle("apply --yes")
proven("both files are there", made.code === 0 && existsSync(config) && existsSync(banner))
const wanted = readFileSync(config, "utf8")

say("2. Somebody edits a file by hand. A plan looks at the world, and exits with 2 for CI.")
writeFileSync(config, wanted.replace("8080", "9090"))
const untouched = statSync(banner)
const drift = await fettle("plan --check")
proven(
  "the drift is found, and told line by line",
  drift.code === 2 && /9090/.test(drift.text) && /drift/.test(drift.text),
)
proven("a plan changes nothing", readFileSync(config, "utf8").includes("9090"))

say("3. Applied again: only what differs is changed.")
const healed = await fettle("apply --yes")
proven("the file is as it was declared", healed.code === 0 && readFileSync(config, "utf8") === wanted)
const { ino, mtimeMs } = statSync(banner)
proven("the other one was not touched", ino === untouched.ino && mtimeMs === untouched.mtimeMs)

say("4. What leaves the program leaves the world. What the program did not make does not.")
writeFileSync(join(folder, "site/notes.txt"), "mine\n")
const left = await fettle("apply --yes --param banner=false")
proven("the banner is gone", left.code === 0 && !existsSync(banner))
proven("a file that somebody else put there stays", existsSync(join(folder, "site/notes.txt")))
