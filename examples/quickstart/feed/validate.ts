import { skuPattern } from "../service/order.ts"

export type Product = { readonly sku: string; readonly name: string; readonly price_cents: number }
export type Rejected = { readonly row: number; readonly reason: string }

/** Parts the rows into products and rejected ones; `row` counts from 1 over all pages. */
export function validateRows(rows: readonly unknown[]): { products: Product[]; rejected: Rejected[] } {
  const products: Product[] = []
  const rejected: Rejected[] = []
  const seen = new Set<string>()
  for (const [index, row] of rows.entries()) {
    const { sku, name, price_cents } = (row ?? {}) as Partial<Product>
    const reason = problem(sku, name, price_cents) ?? (seen.has(sku as string) ? `sku ${sku} came before` : undefined)
    if (reason === undefined) {
      const product = { sku, name, price_cents } as Product
      seen.add(product.sku)
      products.push(product)
    } else {
      rejected.push({ row: index + 1, reason })
    }
  }
  return { products, rejected }
}

function problem(sku: unknown, name: unknown, priceCents: unknown): string | undefined {
  if (sku === undefined) return "sku is missing"
  if (typeof sku !== "string" || !skuPattern.test(sku)) return `sku ${quote(sku)} is not like DESK-0042`
  if (typeof name !== "string" || !/^\P{Cc}{1,200}$/u.test(name)) return "name is not text of 1 to 200 characters"
  if (!Number.isSafeInteger(priceCents) || Number(priceCents) <= 0) {
    return `price_cents ${quote(priceCents)} is not a whole number above 0`
  }
  return undefined
}

/** Text from outside: escaped, and no longer than a line can bear. */
function quote(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, 60)
}
