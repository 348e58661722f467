import { setTimeout as sleep } from "node:timers/promises"

const requestTimeoutMs = 5000

/** Five tries wait 0.2 + 0.4 + 0.8 + 1.6 s in all: long enough for a restart, short enough for a person. */
const maxTries = 5
const firstWaitMs = 200
const maxWaitMs = 5000

/** A feed that says more is broken, and would keep us fetching for hours. */
const maxPages = 10_000

type Page = { readonly items: unknown[]; readonly page: number; readonly pages: number; readonly total: number }

/** Every row of every page, in order. It throws where a page is missing or the count is not the promised total. */
export async function fetchRows(api: string): Promise<unknown[]> {
  const first = await fetchPage(api, 1)
  const rows = [...first.items]
  for (let number = 2; number <= first.pages; number++) {
    const page = await fetchPage(api, number)
    if (page.pages !== first.pages || page.total !== first.total) throw new Error("the feed changed while it was read")
    for (const row of page.items) rows.push(row)
  }
  if (rows.length !== first.total) throw new Error(`the feed promised ${first.total} rows and gave ${rows.length}`)
  return rows
}

async function fetchPage(api: string, number: number): Promise<Page> {
  const url = new URL(`/products?page=${number}`, api)
  const response = await fetchPatiently(url)
  if (!response.ok) throw new Error(`page ${number} is missing: ${url} answered ${response.status}`)
  const page: unknown = await response.json().catch(() => undefined)
  if (!isPage(page) || page.page !== number) throw new Error(`${url} did not answer with page ${number}`)
  return page
}

/** Tries again where that can help: no answer, 429 (too many requests) and 5xx. */
async function fetchPatiently(url: URL): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const result = await fetch(url, { signal: AbortSignal.timeout(requestTimeoutMs) }).catch((error: Error) => error)
    const answered = result instanceof Response
    if (answered && result.status !== 429 && result.status < 500) return result
    if (answered) await result.body?.cancel()
    if (tries === maxTries) {
      const reason = answered ? `status ${result.status}` : String(result.cause ?? result.message)
      throw new Error(`${url} failed ${maxTries} times: ${reason}`)
    }
    const askedMs = answered ? Number(result.headers.get("retry-after")) * 1000 || 0 : 0
    await sleep(Math.min(Math.max(askedMs, firstWaitMs * 2 ** (tries - 1)), maxWaitMs))
  }
}

function isPage(value: unknown): value is Page {
  if (typeof value !== "object" || value === null) return false
  const { items, pages, total } = value as Partial<Page>
  return Array.isArray(items) && Number.isInteger(total) && Number.isInteger(pages) && Number(pages) <= maxPages
}
