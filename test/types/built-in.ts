// The kinds that come with Fettle, as a program uses them.
import { json, type Output, program, resource, secret, text } from "fettle"
import * as host from "fettle/host"
import * as http from "fettle/http"
import { migrations } from "fettle/sqlite"
import { exactly } from "./exactly.ts"

const web = host.local()
const shop = http.api({ url: "https://shop.test/v1", headers: { authorization: secret.env("SHOP_TOKEN") } })
const key = secret.env("SHOP_KEY")

export default program("shop", { port: 8080 }, ({ port }) => {
  const root = resource(host.directory, { path: "/srv/shop" }, { on: web })
  const config = resource(
    host.file,
    "config",
    { path: text`${root.path}/config.json`, content: json({ port, key }), mode: "0600" },
    { on: web },
  )
  exactly<Output<string>>()(config.path)
  resource(host.link, "current", { path: "/srv/current", to: root.path }, { on: web })
  resource(
    host.process,
    "shop",
    { command: ["node", "server.js"], directory: root.path, env: { KEY: key }, restartOn: [config.hash] },
    { on: web },
  )

  // @ts-expect-error Type 'Secret<string>' is not assignable to type 'Input<string>'
  resource(host.file, "config", { path: key }, { on: web })
  // @ts-expect-error Type 'number' is not assignable to type
  resource(host.file, "config", { path: "/srv/shop/config.json", mode: 600 }, { on: web })
  // @ts-expect-error 'contents' does not exist in type
  resource(host.file, "config", { path: "/srv/shop/config.json", contents: "x" }, { on: web })
  // @ts-expect-error Type 'Connection<HttpClient>' is not assignable to type 'Connection<HostClient>'
  resource(host.file, "config", { path: "/srv/shop/config.json" }, { on: shop })
  // @ts-expect-error Type 'Connection<HostClient>' is not assignable to type 'Connection<HttpClient>'
  resource(http.object, "item", { create: { path: "/items" }, body: { name: "tea" } }, { on: web })
  // @ts-expect-error is not assignable to type
  http.api({ url: 8080 })
  // @ts-expect-error Property 'inode' does not exist on type
  config.inode
  void migrations
})
