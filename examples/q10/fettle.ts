// What surrounds the job: the schema, the load of a day (run once for each day that it is asked for), and proof of what came in.
import { check, program, resource, sql, task } from "fettle"
import * as sqlite from "fettle/sqlite"

export default program("daily", { home: "/tmp/daily", api: "http://127.0.0.1:8080", day: "2026-01-01" }, (given) => {
  const load = `${import.meta.dirname}/load.ts`
  const schema = resource(sqlite.migrations, "schema", {
    database: `${given.home}/shop.db`,
    migrations: [
      {
        name: "0001_orders",
        sql: "create table orders (id text primary key, day text not null, cents integer not null) strict",
      },
    ],
  })
  const loaded = task("load", {
    run: [process.execPath, "--disable-warning=ExperimentalWarning", load, given.api, schema.database, given.day],
    files: [load],
  })
  const count = "select count(*) as n from orders where day = ?"
  const query = sql.query({ sqlite: schema.database }, count.replace("?", `'${given.day}'`), {
    first: { n: { min: 1 } },
  })
  check("has-orders", query, { after: [loaded] })
})
