// Question 11: what goes wrong between a program and a command that it starts, each shown once in the bad way and once in the good one.
import { execFileSync, execSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { apply, program, task } from "fettle"
import { folder, proven, say, setupOf, start, tell, until } from "../story.ts"

const at = (name: string): string => join(folder, name)
writeFileSync(at("list.txt"), "b\na\n")

say("1. A name that a user gave, pasted into a shell's text and given as one word.")
const name = "list.txt; touch hacked"
execSync(`sort ${name}`)
proven("the shell ran the second command", existsSync(at("hacked")))
rmSync(at("hacked"))
const asWord = spawnSync("sort", [name], { encoding: "utf8" })
tell(asWord.stderr)
proven("as a word of a list it is a file that is not there", asWord.status !== 0 && !existsSync(at("hacked")))

say("2. A list is not enough: a word that begins with - is an option.")
const option = "--output=stolen.txt"
execFileSync("sort", [option, "list.txt"])
proven("sort wrote where the user wanted", existsSync(at("stolen.txt")))
rmSync(at("stolen.txt"))
spawnSync("sort", ["--", option])
proven("after -- it is a name", !existsSync(at("stolen.txt")))

say("3. The end of a pipeline hides how its beginning ended.")
const hidden = spawnSync("sh", ["-c", "sort missing.txt | head -1"]).status
const direct = spawnSync("sort", ["missing.txt"]).status
proven("in a pipe 0, alone not", hidden === 0 && direct !== 0, { hidden, direct })

say("4. A command that takes too long, and has started another one.")
const script = "sleep 60 & echo $! >child.pid; wait"
const naive = start(["sh", "-c", script])
await until(() => existsSync(at("child.pid")) && readFileSync(at("child.pid"), "utf8") !== "")
naive.kill("SIGKILL")
const orphan = Number(readFileSync(at("child.pid"), "utf8"))
proven("killed alone, it leaves its child running", isAlive(orphan))
process.kill(orphan, "SIGKILL")
rmSync(at("child.pid"))

const slow = program("slow", {}, () => {
  task("slow", { run: ["sh", "-c", script], cwd: folder, timeoutMs: 1_000 })
})
const run = await apply(setupOf(slow), {}, async () => true)
const error = run.applied?.outcomes[0]?.error
tell(`${error?.code}: ${error?.fact}`)
const child = Number(readFileSync(at("child.pid"), "utf8"))
await until(() => !isAlive(child))
proven("a task of Fettle ends the whole process group, and says why", run.outcome === "failed" && !isAlive(child))

say("5. What a command inherits.")
const env = { SHOP_PASSWORD: "battery horse staple" }
const inherited = execFileSync("env", { env: { ...process.env, ...env }, encoding: "utf8" })
proven("by default every password of its parent", inherited.includes("battery"))
const clean = program("clean", {}, () => {
  task("env", { run: async (call) => writeFileSync(at("env.txt"), (await call.run(["env"])).stdout) })
})
await apply(setupOf(clean, env), {}, async () => true)
const names = readFileSync(at("env.txt"), "utf8")
  .trim()
  .split("\n")
  .map((line) => line.split("=")[0])
tell(`a task of Fettle: ${names.sort().join(" ")}`)
proven("a task gets what is named for it, and a few that every command needs", !names.includes("SHOP_PASSWORD"))

/** Whether a process runs; one that has ended and waits to be asked for its code does not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return existsSync("/proc/self/stat") ? false : signalled(pid)
  }
}

/** Where there is no /proc. */
function signalled(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
