// The service of the quickstart, released: each version runs beside the one before it, gets traffic by steps, is watched,
// and goes back by itself where it does not work. `npm run demo:release` shows it. No root, no Docker.
import { http, json, on, program, release, resource, secret, sql, text } from "fettle"
import * as host from "fettle/host"
import * as proxy from "fettle/proxy"
import * as sqlite from "fettle/sqlite"

const node = process.execPath
const here = import.meta.dirname
const quickstart = `${here}/../quickstart`

export default program(
  "orders-release",
  { home: `${here}/.released`, port: 8090, version: "1.0.0", faults: 0 },
  ({ home, port, version, faults }) => {
    on(host.local(), () => {
      // It stays at the end, for the proxy keeps its list of servers there; whoever runs this takes it away.
      const root = resource(host.directory, "home", { path: home }, { retain: true })
      const schema = resource(
        sqlite.migrations,
        "schema",
        { database: `${home}/orders.db`, directory: `${quickstart}/migrations`, dropOnDelete: true },
        { after: [root] },
      )

      // Who sends the traffic. Behind HAProxy it would be haproxy.runtime(…) in place of these two.
      const files = { control: `${home}/proxy/control.sock`, state: `${home}/proxy/servers.json` }
      const balancer = resource(host.process, "proxy", {
        command: proxy.command({ listen: `127.0.0.1:${port}`, ...files }),
        directory: text`${root.path}/proxy`,
      })

      release("orders", {
        version,
        traffic: { on: proxy.runtime({ control: files.control, name: "proxy" }), backend: "orders" },

        // Everything that runs one version. Each has a port of its own: the slot tells them apart.
        run: ({ slot }) => {
          const own = port + 1 + slot
          const config = resource(host.file, "config", {
            path: text`${root.path}/${version}.json`,
            content: json({
              host: "127.0.0.1",
              port: own,
              database: schema.database,
              apiKey: secret.random("orders.api-key"),
            }),
          })
          const service = resource(host.process, "service", {
            command: [node, `${here}/serve.ts`, config.path],
            directory: text`${root.path}/run-${version}`,
            env: { FAULTS: String(faults) },
            restartOn: [config.hash],
          })
          return [{ name: "orders", address: "127.0.0.1", port: service.pid.map(() => own) }]
        },

        // Asked before it gets any traffic, and again at each step.
        checks: ([copy]) => ({
          healthy: {
            probe: http.get(text`http://127.0.0.1:${copy?.port ?? 0}/health`, { json: { status: "ok" } }),
            within: "10s",
          },
          writes: sql.writeAndReadBack(
            { sqlite: schema.database },
            { table: "orders", row: { customer: "fettle", sku: "CHECK-1", quantity: 1 } },
          ),
        }),

        // A tenth of the traffic, then half, then all: as soon as the counts prove it, and back as soon as they prove the contrary.
        steps: [10, 50, 100],
        stepFor: "4s",
        every: "1s",
        warmup: "2s",
        deadline: "2m",
        metrics: { errors: { source: { from: "traffic", counts: "errors" }, worstRate: 0.02, usualRate: 0.004 } },
        after: [balancer],
      })
    })
  },
)
