// A service's configuration with a key in it, and a task that is careless with the same key.
import { json, on, program, resource, secret, task } from "fettle"
import * as host from "fettle/host"

export default program("shop", { home: "/tmp/shop" }, ({ home }) => {
  const key = secret.env("SHOP_KEY")
  on(host.local(), () => {
    resource(host.file, "config", { path: `${home}/config.json`, content: json({ port: 8080, key }), mode: "0600" })
  })
  task("careless", {
    run: ["sh", "-c", 'echo "the key is $KEY"; printf "in base64: "; printf %s "$KEY" | base64'],
    env: { KEY: key },
  })
})
