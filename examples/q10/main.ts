// Question 10: a day is loaded whole or not at all, as often as one likes, through refusals, bad data and kill -9.
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fettleFor, folder, proven, say, start, tell, until } from "../story.ts"
import { shopApi } from "./api.ts"

const api = await shopApi()
const file = join(folder, "shop.db")
const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder, api: api.url })
const load = [process.execPath, "--disable-warning=ExperimentalWarning", join(import.meta.dirname, "load.ts")] as const

try {
  say("1. The first day: four pages. The API refuses one call and says when to come back.")
  const first = await fettle("apply --yes --param day=2026-03-01")
  proven(
    "all 200 orders are there, after one refusal",
    first.code === 0 && rows("2026-03-01") === 200 && api.refused === 1,
  )

  say("2. The same day once more: by fettle, and by the bare job.")
  const again = await fettle("apply --yes --param day=2026-03-01")
  await start([...load, api.url, file, "2026-03-01"])
  proven("fettle finds nothing to do", /Nothing to change/.test(again.text))
  proven("the job stores again and doubles nothing", rows("2026-03-01") === 200)

  say("3. The next day is killed while it stores: 199 of 200 rows are in its transaction.")
  rmSync(`${file}.storing`, { force: true })
  writeFileSync(`${file}.hold`, "")
  const killed = start([...load, api.url, file, "2026-03-02"])
  await until(() => existsSync(`${file}.storing`))
  killed.kill("SIGKILL")
  const { signal } = await killed
  rmSync(`${file}.hold`)
  proven("nothing of that day is there", signal === "SIGKILL" && rows("2026-03-02") === 0)
  const later = await fettle("apply --yes --param day=2026-03-02")
  proven("the next run loads it whole", later.code === 0 && rows("2026-03-02") === 200)

  say("4. One order of the third day has no price.")
  api.badDay = "2026-03-03"
  const bad = await start([...load, api.url, file, "2026-03-03"])
  tell(/not an order of \d.*/.exec(bad.text)?.[0] ?? bad.text)
  proven("it is refused by name, and the day stays out", bad.code === 1 && rows("2026-03-03") === 0)
} finally {
  await api.close()
}

function rows(day: string): number {
  const database = new DatabaseSync(file, { readOnly: true })
  const { n } = database.prepare("select count(*) as n from orders where day = ?").get(day) as { n: number }
  database.close()
  return n
}
