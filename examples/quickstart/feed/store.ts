import type { DatabaseSync } from "node:sqlite"
import type { Product } from "./validate.ts"

/** A row that is already so is left alone, so that loading the same feed twice changes nothing. */
const upsert = `
  INSERT INTO products (sku, name, price_cents) VALUES (:sku, :name, :price_cents)
  ON CONFLICT (sku) DO UPDATE SET
    name = excluded.name,
    price_cents = excluded.price_cents,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE name <> excluded.name OR price_cents <> excluded.price_cents`

/** Stores all products or none, and returns how many rows were new or different. */
export function storeProducts(db: DatabaseSync, products: readonly Product[]): number {
  let changed = 0
  db.exec("BEGIN IMMEDIATE")
  try {
    const statement = db.prepare(upsert)
    for (const product of products) changed += Number(statement.run(product).changes)
    db.exec("COMMIT")
  } catch (error) {
    db.exec("ROLLBACK")
    throw error
  }
  return changed
}
