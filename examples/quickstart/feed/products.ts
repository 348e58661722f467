import { Database } from "../service/database.ts"
import { fetchRows } from "./fetch.ts"
import { storeProducts } from "./store.ts"
import { type Rejected, validateRows } from "./validate.ts"

/** A few bad rows are normal; more mean that the feed itself changed. */
const maxRejectedPercent = 5

export type Summary = {
  readonly fetched: number
  readonly stored: number
  /** How many of the stored rows were new or different. */
  readonly changed: number
  readonly rejected: readonly Rejected[]
}

/** Fetches, validates and stores all products, or throws and stores none. */
export async function loadProducts(api: string, path: string): Promise<Summary> {
  const rows = await fetchRows(api)
  if (rows.length === 0) throw new Error("the feed is empty, nothing stored")
  const { products, rejected } = validateRows(rows)
  if (rejected.length * 100 > rows.length * maxRejectedPercent) {
    const first = rejected.slice(0, 3).map(({ row, reason }) => `row ${row}: ${reason}`)
    throw new Error(`${rejected.length} of ${rows.length} rows are wrong, nothing stored (${first.join("; ")})`)
  }
  const database = new Database(path)
  try {
    const opened = database.open()
    if ("problem" in opened) throw new Error(`database ${path}: ${opened.problem}`)
    const changed = storeProducts(opened.db, products)
    return { fetched: rows.length, stored: products.length, changed, rejected }
  } finally {
    database.close()
  }
}
