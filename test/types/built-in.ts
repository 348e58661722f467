// The kinds that come with Fettle, as a program uses them.
import { json, lookup, type Output, program, resource, secret, text } from "fettle"
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
  const line = resource(host.line, { path: "/etc/conf", line: "a", replaces: "^a", place: { after: "b" } }, { on: web })
  exactly<Output<string>>()(line.line)
  resource(host.line, { path: config.path, absent: "^a" }, { on: web })
  resource(host.block, { path: "/etc/conf", name: "shop", content: key, comment: ["<!--", "-->"] }, { on: web })

  const made = resource(
    host.command,
    { name: "certificates", command: ["make", root.path], creates: text`${root.path}/tls.pem`, env: { KEY: key } },
    { on: web },
  )
  exactly<Output<number>>()(made.exitCode)

  const pages = resource(host.tree, { path: "/srv/pages", source: "dist", ignore: ["*.map"], purge: true }, { on: web })
  exactly<Output<string>>()(pages.hash)

  const code = resource(
    host.git,
    { path: "/srv/code", repository: "https://shop.test/a.git", tag: "v1", token: key },
    { on: web },
  )
  exactly<Output<string>>()(code.commit)

  const backup = resource(
    host.cron,
    { name: "backup", schedule: "@daily", command: text`${root.path}/backup` },
    { on: web },
  )
  exactly<Output<string>>()(backup.entry)

  const nightly = resource(
    host.timer,
    { name: "nightly", calendar: "04:05", command: ["/srv/backup", root.path] },
    { on: web },
  )
  exactly<Output<boolean>>()(nightly.enabled)

  const { os, cpus } = lookup(host.facts, "web", {}, { on: web })
  exactly<Output<string>>()(os)
  exactly<Output<number>>()(cpus)
  const staff = resource(host.group, { name: "staff", gid: 900 }, { on: web })
  exactly<Output<number>>()(staff.gid)
  const deploy = resource(
    host.user,
    "deploy",
    { name: "deploy", group: staff.name, groups: ["www-data"], password: key },
    { on: web },
  )
  exactly<Output<number>>()(deploy.uid)
  const nginx = resource(host.package, { name: "nginx", version: "1.24.*", startServices: false }, { on: web })
  exactly<Output<string>>()(nginx.version)
  const served = resource(
    host.service,
    { name: "nginx", restartOn: [nginx.version], reloadOn: [config.hash] },
    { on: web, after: [nginx] },
  )
  exactly<Output<"systemd" | "openrc">>()(served.manager)

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
  // @ts-expect-error Type 'Secret<string>' is not assignable to type 'Input<string
  resource(host.line, { path: "/etc/conf", line: key }, { on: web })
  // @ts-expect-error Type '"middle"' is not assignable to type
  resource(host.block, { path: "/etc/conf", name: "a", content: "", place: "middle" }, { on: web })
  // @ts-expect-error Type 'Secret<string>' is not assignable to type
  resource(host.command, { name: "c", command: ["make", key] }, { on: web })
  // @ts-expect-error Type 'string' is not assignable to type
  resource(host.user, { name: "deploy", password: "plain" }, { on: web })
  // @ts-expect-error Type 'string' is not assignable to type
  resource(host.group, { name: "staff", gid: "900" }, { on: web })
  // @ts-expect-error Type '"pacman"' is not assignable to type
  resource(host.package, { name: "nginx", manager: "pacman" }, { on: web })
  // @ts-expect-error Type '"yes"' is not assignable to type
  resource(host.service, { name: "nginx", enabled: "yes" }, { on: web })
  // @ts-expect-error Type 'string' is not assignable to type 'Output<never>'
  lookup(host.facts, "web", { path: "/" }, { on: web })
  // @ts-expect-error Property 'inode' does not exist on type
  config.inode
  void migrations
})
