// The orders service of the quickstart as containers: two replicas behind HAProxy, a volume with their database, a migration before
// each new version, checks after it. Another version takes over without a failed request; say the old one again to go back.
//
//   npx fettle apply --param release=1      needs a Docker Engine on this machine, and haproxy and busybox-static of Debian
import { check, group, http, json, on, program, resource, secret, task, text } from "fettle"
import * as docker from "fettle/docker"
import * as haproxy from "fettle/haproxy"
import * as host from "fettle/host"

const node = process.execPath
const here = import.meta.dirname
const REPLICAS = [1, 2]

export default program(
  "orders-in-containers",
  { home: `${here}/.delivered`, engine: "unix:///var/run/docker.sock", port: 8080, release: "1" },
  ({ home, engine, port, release }) => {
    const local = host.local()
    const containers = docker.engine({ host: engine })
    const servers = haproxy.runtime(`unix://${home}/proxy/admin.sock`, { name: "proxy" })

    const root = resource(host.directory, "home", { path: home }, { on: local })
    const folder = (name: string) =>
      resource(host.directory, name, { path: text`${root.path}/${name}`, purge: true }, { on: local })

    // 1. The images: a base of what this machine has, and the service on top of it.
    const baseFolder = folder("base")
    const rootFiles = task("base-files", {
      run: [node, `${here}/base.mjs`, baseFolder.path],
      files: [`${here}/base.mjs`, node],
      outputs: [`${home}/base/Dockerfile`],
    })
    const base = resource(
      docker.image,
      "base",
      { name: "orders/base:1", build: { context: `${home}/base` } },
      { on: containers, after: [rootFiles] },
    )
    const image = resource(
      docker.image,
      "service",
      {
        name: "orders/service:current",
        build: {
          context: `${here}/..`,
          dockerfile: `${here}/service/Dockerfile`,
          args: { BASE: base.name, BASE_IMAGE: base.image },
        },
      },
      { on: containers },
    )

    // 2. The database's volume, and its migrations, in the image that needs them. Whoever keeps orders leaves out `deleteData`.
    const data = resource(docker.volume, "data", { name: "orders-data", deleteData: true }, { on: containers })
    const migrated = task("migrate", {
      run: [
        "docker",
        ...["--host", engine, "run", "--rm", "--network", "none", "--volume", text`${data.name}:/data`],
        ...[image.image, "/bin/node", "/srv/migrate.ts", "/data/orders.db", "/srv/migrations"],
      ],
    })

    // 3. The proxy. Its file has the backend and no server: those come and go at run time.
    const proxy = on(local, () => {
      const config = resource(host.file, "proxy.cfg", {
        path: text`${folder("proxy").path}/haproxy.cfg`,
        content: proxyConfig(home, port),
      })
      return resource(host.process, "proxy", {
        command: ["haproxy", "-db", "-f", config.path],
        directory: `${home}/proxy/run`,
        restartOn: [config.hash],
      })
    })

    // 4. The replicas. A new one is healthy before it gets requests; an old one is drained before it is stopped.
    const config = resource(
      host.file,
      "config",
      {
        path: text`${root.path}/orders.json`,
        content: json({
          host: "0.0.0.0",
          port: 8080,
          database: "/data/orders.db",
          apiKey: secret.random("orders.api-key"),
        }),
      },
      { on: local },
    )
    const net = resource(docker.network, "net", { name: "orders" }, { on: containers })
    const behind = REPLICAS.map((replica) => {
      const container = resource(
        docker.container,
        `orders${replica}`,
        {
          name: `orders-${replica}`,
          image: image.image,
          env: { RELEASE: release, CONFIG: config.hash },
          networks: [{ name: net.name }],
          mounts: [
            { type: "volume", source: data.name, target: "/data" },
            { type: "bind", source: config.path, target: "/etc/orders.json", readOnly: true },
          ],
          healthcheck: { test: ["wget", "-qO-", "http://127.0.0.1:8080/health"], intervalMs: 500 },
          capabilities: { drop: ["ALL"] },
          readOnly: true,
          replace: "start-first", // both may write to the database at once: SQLite lets one wait for the other
          keep: 1,
        },
        { on: containers, after: [migrated] },
      )
      return resource(
        haproxy.server,
        `orders${replica}`,
        {
          backend: "orders",
          prefix: `orders${replica}`,
          address: container.addresses.map(({ orders = "" }) => orders),
          port: 8080,
          check: { intervalMs: 1_000, rise: 1, fall: 3 },
        },
        { on: servers, after: [proxy] },
      )
    })

    // 5. Proof, by the way that customers come.
    const url = `http://127.0.0.1:${port}`
    group("proof", () => {
      const healthy = check("health", http.get(`${url}/health`, { status: 200, json: { status: "ok" } }), {
        after: behind,
        within: "10s",
      })
      const order = { customer: "nobody", sku: "DESK-0001", quantity: 1 }
      check("guarded", http.post(`${url}/orders`, order, { status: 401 }), { after: [healthy] })
      check("orders", http.get(`${url}/orders`, { status: 200 }), { after: [healthy] })
    })
  },
)

function proxyConfig(home: string, port: number): string {
  return `global
  stats socket ${home}/proxy/admin.sock mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout check 5s
frontend front
  bind 127.0.0.1:${port}
  default_backend orders
backend orders
  balance roundrobin
  option httpchk GET /health
`
}
