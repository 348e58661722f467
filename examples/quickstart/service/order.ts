export type NewOrder = { readonly customer: string; readonly sku: string; readonly quantity: number }
export type Page = { readonly limit: number; readonly offset: number }

/** "DESK-0042": capital letters, digits and dashes, at most 32. */
export const skuPattern = /^[A-Z0-9][A-Z0-9-]{0,31}$/

/** Checks the body of POST /orders. All problems at once, so that a client corrects them in one go. */
export function parseOrder(body: unknown): { order: NewOrder } | { problems: string[] } {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return { problems: ["not a JSON object"] }

  const { customer, sku, quantity, ...others } = body as Record<string, unknown>
  const problems = Object.keys(others).map((key) => `unknown field ${JSON.stringify(key.slice(0, 40))}`)
  if (typeof customer !== "string" || !/^\P{Cc}{1,100}$/u.test(customer) || customer.trim() === "") {
    problems.push("customer must be text of 1 to 100 characters")
  }
  if (typeof sku !== "string" || !skuPattern.test(sku)) problems.push("sku must be like DESK-0042")
  if (!Number.isInteger(quantity) || Number(quantity) < 1 || Number(quantity) > 1000) {
    problems.push("quantity must be a whole number from 1 to 1000")
  }
  return problems.length > 0 ? { problems } : { order: { customer, sku, quantity } as NewOrder }
}

/** Reads `?limit=20&offset=0`: a limit of 1 to 100 rows, an offset of 0 or more. */
export function parsePage(query: URLSearchParams): { page: Page } | { problems: string[] } {
  const limit = wholeNumber(query.get("limit") ?? "20")
  const offset = wholeNumber(query.get("offset") ?? "0")
  const problems: string[] = []
  if (!(limit >= 1 && limit <= 100)) problems.push("limit must be a whole number from 1 to 100")
  if (!(offset >= 0)) problems.push("offset must be a whole number, 0 or more")
  return problems.length > 0 ? { problems } : { page: { limit, offset } }
}

/** NaN for anything but plain digits: "1e2", "-1", "" and " 5" are refused. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}
