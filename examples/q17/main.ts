// Question 17: "the deployment went through" and "it works" are two facts. Four versions, each with another way to be wrong.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, listen, proven, say, tell } from "../story.ts"

const free = await listen(() => {})
await free.close()
const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder, port: free.port })
const live = (): string => JSON.parse(readFileSync(join(folder, "live.json"), "utf8")).version

try {
  say("1. Version 1 works.")
  const first = await fettle("apply --yes --param version=1")
  proven("all checks say yes, and it is live", first.code === 0 && live() === "1")

  say("2. Version 2 runs, answers its health check, and takes no order.")
  const second = await fettle("apply --yes --param version=2")
  const says = answersIn(second.text)
  tell(`runs: ${says.runs} · healthy: ${says.healthy} · takes-orders: ${says["takes-orders"]}`)
  proven("process and health check are fine", says.runs === "yes" && says.healthy === "yes")
  proven(
    "the question that a customer would ask says no: exit code 3",
    says["takes-orders"] === "no" && second.code === 3,
  )
  proven("version 1 stays the live one", live() === "1")

  say("3. Version 3 takes three orders, and then no more.")
  const third = await fettle("apply --yes --param version=3")
  proven("one good answer would have passed; it had to last", third.code === 3 && live() === "1")

  say("4. Version 4 works, and writes no log: nobody can say whether it is quiet.")
  const fourth = await fettle("apply --yes --param version=4")
  proven("no evidence is not a yes: exit code 4", fourth.code === 4 && live() === "1", fourth.code)
} finally {
  await fettle("destroy --yes")
}

function answersIn(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/fettle\.check\[(\S+)\]\s+(yes|no|inconclusive): /g)].map(([, name, says]) => [name, says]),
  )
}
