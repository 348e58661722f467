import { group, program, resource, secret, text } from "fettle"
import * as host from "fettle/host"

/** Two files with what was typed, and one with a random value: that makes the run build the program a second time. */
export default program("prompted", { one: false }, ({ one }) => {
  const on = host.local()
  const folder = import.meta.dirname
  const database = secret.prompt("database")
  resource(host.file, "url", { path: `${folder}/url`, content: text`postgres://shop:${database}@db` }, { on })
  group("again", () => {
    resource(host.file, "url", { path: `${folder}/again`, content: secret.prompt("database") }, { on })
  })
  if (one) return
  resource(
    host.file,
    "token",
    { path: `${folder}/token`, content: secret.prompt("token", { question: "Token?" }) },
    { on },
  )
  resource(host.file, "made", { path: `${folder}/made`, content: secret.random("made") }, { on })
})
