// The whole story in small: "orders", a web service over a SQLite database, delivered to this machine and proven.
// `npm start` runs it. Change anything here or in service/, and run `npm start` again: only what differs is changed.
import {
  check,
  command,
  group,
  http,
  json,
  log,
  on,
  processes,
  program,
  resource,
  secret,
  sql,
  task,
  text,
} from "fettle"
import * as host from "fettle/host"
import * as sqlite from "fettle/sqlite"

const node = process.execPath
const here = import.meta.dirname

export default program(
  "orders",
  { home: `${here}/.delivered`, port: 8080, feedPort: 8081 },
  ({ home, port, feedPort }) => {
    const url = `http://127.0.0.1:${port}`
    const feedUrl = `http://127.0.0.1:${feedPort}`

    on(host.local(), () => {
      const root = resource(host.directory, "home", { path: home })
      const reports = resource(host.directory, "reports", { path: text`${root.path}/reports`, purge: true })

      // 1. Nothing is delivered unless its tests pass and cover it.
      const tests = task("unit-tests", {
        run: [
          node,
          "--disable-warning=MaxListenersExceededWarning",
          "--test",
          "--test-concurrency=3",
          "--experimental-test-coverage",
          "--test-coverage-include=service/*.ts",
          "--test-coverage-exclude=service/*.test.ts",
          "--test-coverage-exclude=service/fixture.ts",
          "--test-reporter=spec",
          "--test-reporter-destination=stdout",
          "--test-reporter=junit",
          text`--test-reporter-destination=${reports.path}/junit.xml`,
          "--test-reporter=lcov",
          text`--test-reporter-destination=${reports.path}/coverage.lcov`,
          "service/*.test.ts",
        ],
        files: ["service/*.ts", "migrations/*.sql"],
        outputs: [text`${reports.path}/junit.xml`, text`${reports.path}/coverage.lcov`],
      })
      const covered = check(
        "coverage",
        command.succeeds([node, "service/coverage.ts", text`${reports.path}/coverage.lcov`, "--min", "90"]),
        { after: [tests] },
      )

      // 2. Its database and its configuration. The key is made once and stays sealed.
      const schema = resource(
        sqlite.migrations,
        "schema",
        { database: `${home}/orders.db`, directory: `${here}/migrations`, dropOnDelete: true },
        { after: [root, covered] },
      )
      const apiKey = secret.random("orders.api-key")
      const config = resource(host.file, "config", {
        path: text`${root.path}/config.json`,
        content: json({ host: "127.0.0.1", port, database: schema.database, apiKey }),
      })
      const current = resource(
        host.link,
        "current",
        { path: text`${root.path}/current`, to: `${here}/service` },
        { after: [covered] },
      )

      // 3. The service, restarted when its code or its configuration changes.
      const service = resource(host.process, "service", {
        command: [node, text`${current.path}/main.ts`, config.path],
        directory: text`${root.path}/run`,
        restartOn: [config.hash, tests.inputsHash],
        stop: { graceMs: 8_000 },
      })

      // 4. Proof, before anybody relies on it.
      group("proof", () => {
        const healthy = check("health", http.get(`${url}/health`, { status: 200, json: { status: "ok" } }), {
          after: [service],
          within: "10s",
        })
        check(
          "database",
          sql.writeAndReadBack(
            { sqlite: schema.database },
            { table: "orders", row: { customer: "fettle", sku: "CHECK-1", quantity: 1 } },
          ),
          { after: [healthy] },
        )
        check(
          "guarded",
          http.post(`${url}/orders`, { customer: "nobody", sku: "DESK-0001", quantity: 1 }, { status: 401 }),
          { after: [healthy] },
        )
        check("quiet-log", log.without(service.log, '"level":"error"'), { after: [healthy] })
        check("memory", processes.within({ pid: service.pid, memoryBytes: 250e6 }), { after: [healthy] })
      })

      // 5. Data: every page of the products feed, validated and stored.
      const feed = resource(host.process, "feed", {
        command: [node, `${here}/feed/server.ts`, "--port", String(feedPort)],
        directory: text`${root.path}/feed`,
      })
      const feedUp = check("feed-answers", http.get(`${feedUrl}/health`), { after: [feed], within: "10s" })
      const products = task(
        "products",
        {
          run: [node, "feed/load.ts", "--api", feedUrl, "--database", schema.database],
          files: ["feed/*.ts"],
        },
        { after: [feedUp, schema] },
      )
      check(
        "products-stored",
        sql.query({ sqlite: schema.database }, "select count(*) as n from products", { first: { n: { min: 100 } } }),
        { after: [products] },
      )
    })
  },
)
