// Fetches every page of the products API, validates the rows and stores them in the database of orders.
//
//   node load.ts --api http://127.0.0.1:4100 --database /srv/orders/orders.db
//
// Prints { fetched, stored, changed, rejected: [{ row, reason }] }. It stores all or nothing, and ends with 1 where
// a page is missing or more than 5 % of the rows are wrong.

import { parseArgs } from "node:util"
import { loadProducts } from "./products.ts"

try {
  const { api, database } = parseArgs({ options: { api: { type: "string" }, database: { type: "string" } } }).values
  if (api === undefined || !/^https?:/.test(api) || database === undefined) {
    throw new Error("usage: load.ts --api http://HOST:PORT --database PATH")
  }
  console.log(JSON.stringify(await loadProducts(api, database)))
} catch (error) {
  console.error(`load: ${(error as Error).message}`)
  process.exitCode = 1
}
