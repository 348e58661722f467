// Reads orders.json and writes orders.txt. An error keeps its cause, and says which file, which line and what to do.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

const home = process.argv[2] ?? "."
writeFileSync(`${home}/import.lock`, String(process.pid))
const lines = readFileSync(`${home}/orders.json`, "utf8").trim().split("\n")
const orders = lines.map((line, at) => {
  try {
    return (JSON.parse(line) as { item: string }).item
  } catch (cause) {
    throw new Error(`orders.json:${at + 1} is not JSON: ${line}`, { cause })
  }
})
while (existsSync(`${home}/hold`)) await sleep(20) // so that the example can kill it here
writeFileSync(`${home}/orders.new`, orders.join("\n"))
renameSync(`${home}/orders.new`, `${home}/orders.txt`) // all of it, or nothing
