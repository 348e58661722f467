// A new version is started, asked in four ways, and only then made the live one.
import { check, group, http, json, log, on, processes, program, resource, text } from "fettle"
import * as host from "fettle/host"

export default program("shop", { home: "/tmp/shop", port: 8080, version: "1" }, ({ home, port, version }) => {
  const url = `http://127.0.0.1:${port}`
  on(host.local(), () => {
    const run = resource(host.directory, "run", { path: `${home}/run` })
    const file = `${home}/shop-${version}.log`
    const shop = resource(host.process, "shop", {
      command: [process.execPath, `${import.meta.dirname}/shop.ts`, String(port), version, file],
      directory: text`${run.path}/shop`,
      readyAfterMs: 50,
    })
    const checks = group("proof", () => [
      check("runs", processes.within({ pid: shop.pid, memoryBytes: 500e6 })),
      check("healthy", http.get(`${url}/health`, { json: { version } }), { after: [shop], within: "3s" }),
      check("takes-orders", http.post(`${url}/orders`, { item: "tea" }, { json: { status: "ok" } }), {
        after: [shop],
        within: "3s",
        for: "1s",
        every: "200ms",
      }),
      check("quiet", log.quiet({ path: file, level: "error" }), { after: [shop], within: "1s" }),
    ])
    resource(host.file, "live", { path: `${home}/live.json`, content: json({ version }) }, { after: checks })
  })
})
