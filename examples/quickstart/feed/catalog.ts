const pageSize = 25
const pages = 7
const total = pages * pageSize

const woods = ["Oak", "Ash", "Beech", "Walnut", "Cherry"]
const things = ["Desk", "Chair", "Shelf", "Lamp", "Stool", "Bench", "Table"]

/** One page of the catalog, counted from 1, or undefined where there is none. The same at every call. */
export function catalogPage(page: number): object | undefined {
  if (!Number.isInteger(page) || page < 1 || page > pages) return undefined
  const first = (page - 1) * pageSize + 1
  const items = Array.from({ length: pageSize }, (_, index) => product(first + index))
  return { items, page, pages, total }
}

/** Two rows are wrong on purpose, as in every feed: a negative price and a missing SKU. */
function product(row: number): object {
  const thing = things[row % things.length] as string
  const wood = woods[row % woods.length] as string
  const sku = `${thing.toUpperCase()}-${String(row).padStart(4, "0")}`
  const name = `${wood} ${thing.toLowerCase()} no. ${row}`
  const priceCents = 1900 + ((row * 731) % 200) * 100
  if (row === 58) return { sku, name, price_cents: -priceCents }
  if (row === 131) return { name, price_cents: priceCents }
  return { sku, name, price_cents: priceCents }
}
