// Question 16: the same thing done once, twice, and after kill -9 in the middle, with one and the same end.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fettleFor, folder, listen, proven, say, start, tell, until } from "../story.ts"

const at = (name: string): string => join(folder, name)
const program = join(import.meta.dirname, "fettle.ts")
const fettle = fettleFor(program, { home: folder })

say("1. A script that appends, run twice.")
writeFileSync(at("hosts"), "127.0.0.1 localhost\n")
for (let run = 0; run < 2; run += 1) await start(["sh", "-c", `echo "10.0.0.3 cache" >>hosts`])
proven("the line is there twice", lines("hosts").filter((line) => line.includes("cache")).length === 2)

say("2. Three steps by Fettle, killed with SIGKILL while the second one is under way.")
writeFileSync(at("hold.two"), "")
const cli = join(import.meta.dirname, "../../dist/cli/main.js")
const words = ["apply", "--yes", "--file", program, "--state", at(".fettle"), "--param", `home=${folder}`]
const killed = start([process.execPath, cli, ...words])
await until(() => existsSync(at("waiting.two")))
killed.kill("SIGKILL")
await killed
proven("step one is done, step two is open", lines("ran").join() === "one" && !existsSync(at("done.two")))
rmSync(at("hold.two"))
await until(() => existsSync(at("done.three"))) // the host's shell goes on with what it was sent; nobody hears of it

say("3. The shell of the host went on with what it had been sent. Nothing has recorded that. Simply run again.")
const again = await fettle("apply --yes")
tell(`ran: ${lines("ran").join(", ")}`)
proven("each step has happened exactly once", again.code === 0 && lines("ran").join() === "one,two,three")
proven("the line of host.line is there once", lines("hosts").filter((line) => line.includes("database")).length === 1)

say("4. And again: the same end, and nothing is touched on the way.")
const before = statSync(at("hosts"))
const third = await fettle("apply --yes")
const after = statSync(at("hosts"))
proven("nothing to change", /Nothing to change/.test(third.text) && lines("ran").length === 3)
proven("the file was not even written", before.mtimeMs === after.mtimeMs && before.ino === after.ino)

say("5. Over a network: the answer to a payment is lost, and the client asks again.")
const bank = { charged: 0, answers: new Map<string, string>() }
const server = await listen((request, response) => {
  const key = request.headers["idempotency-key"]
  const known = typeof key === "string" ? bank.answers.get(key) : undefined
  if (known !== undefined) return void response.end(known)
  bank.charged += 1
  if (typeof key === "string") bank.answers.set(key, `payment ${bank.charged}`)
  response.destroy() // it was charged, and the client will never hear of it
})
await pay({})
  .catch(() => pay({}))
  .catch(() => {})
const without = bank.charged
bank.charged = 0
const headers = { "idempotency-key": "order-17" }
const receipt = await pay(headers).catch(() => pay(headers))
await server.close()
tell(`charged without a key: ${without} times, with one: ${bank.charged} time`)
proven("the key makes a repeated call harmless", without === 2 && bank.charged === 1 && receipt === "payment 1")

async function pay(extra: Record<string, string>): Promise<string> {
  await sleep(1)
  return (await fetch(server.url, { method: "POST", headers: extra, body: "{}" })).text()
}

function lines(name: string): string[] {
  return readFileSync(at(name), "utf8").trim().split("\n")
}
