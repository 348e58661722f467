// Question 2: a list that two owners share is changed by one and read by the other. Then how Fettle keeps what was declared.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { apply, program, task } from "fettle"
import { folder, proven, say, setupOf, tell } from "../story.ts"

interface Settings {
  readonly labels: string[]
}

say("1. A default that is made once is shared by every caller.")
const DEFAULT_LABELS: string[] = []
function leaky(name: string, labels = DEFAULT_LABELS): Settings {
  labels.push(name)
  return { labels }
}
const shop = leaky("shop")
const mail = leaky("mail")
tell(`shop has ${JSON.stringify(shop.labels)}, mail has ${JSON.stringify(mail.labels)}`)
proven("mail got a label of shop, and shop one of mail", shop.labels === mail.labels && shop.labels.length === 2)

say("2. A fresh list for each call, and no write into what came from outside.")
function sound(name: string, labels: readonly string[] = []): { readonly labels: readonly string[] } {
  return { labels: [...labels, name] }
}
proven("each has its own", sound("shop").labels.join() === "shop" && sound("mail").labels.join() === "mail")

say("3. Object.freeze and {...spread} go one level deep. structuredClone goes all the way.")
const frozen = Object.freeze({ labels: ["a"] })
const spread = { ...frozen }
const cloned = structuredClone(frozen)
frozen.labels.push("b")
tell(`frozen ${frozen.labels}, its spread copy ${spread.labels}, its clone ${cloned.labels}`)
proven("only the clone is as it was", frozen.labels.length + spread.labels.length === 4 && cloned.labels.length === 1)

say("4. Fettle copies and freezes what is declared, so a later change reaches no one.")
const file = join(folder, "labels.json")
const settings: Settings = { labels: ["declared"] }
const labelled = program("labels", {}, () => {
  task("write", {
    values: { settings },
    run: ({ values }) => {
      const given = values.settings as Settings
      let refused = ""
      try {
        given.labels.push("from inside the task")
      } catch (error) {
        refused = (error as Error).name
      }
      writeFileSync(file, JSON.stringify({ labels: given.labels, refused }))
    },
  })
  settings.labels.push("after the declaration")
})
const run = await apply(setupOf(labelled), {}, async () => true)
const written = JSON.parse(readFileSync(file, "utf8"))
tell(`the caller's list ${JSON.stringify(settings.labels)}, what the task got ${JSON.stringify(written.labels)}`)
proven("the task got what was declared", run.outcome === "done" && written.labels.join() === "declared")
proven("a write into it throws a TypeError, it is not lost in silence", written.refused === "TypeError")
