// Four nodes: two that need nothing, an import that may fail, and a report that needs it.
import { group, on, program, resource, task } from "fettle"
import * as host from "fettle/host"

const node = process.execPath

export default program("orders", { home: "/tmp/orders" }, ({ home }) => {
  on(host.local(), () => {
    resource(host.file, "page", { path: `${home}/page.html`, content: "<h1>Orders</h1>\n" })
    const script = `${import.meta.dirname}/import.ts`
    group("nightly", () => {
      const imported = task("import", {
        run: [node, "--disable-warning=ExperimentalWarning", script, home],
        files: [script, `${home}/orders.json`],
        finally: [["rm", "-f", `${home}/import.lock`]],
      })
      task("report", { run: ["cp", `${home}/orders.txt`, `${home}/report.txt`] }, { after: [imported] })
    })
  })
})
