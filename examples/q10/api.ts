// The API of a shop: the orders of a day, fifty to a page. It allows few calls at once, and says so with 429.
import { type Listening, listen } from "../story.ts"

const PER_PAGE = 50
const PAGES = 4

export interface Api extends Listening {
  /** How often it has refused. */
  refused: number
  /** The day on which one order has no price. */
  badDay: string | undefined
}

export async function shopApi(): Promise<Api> {
  const server = await listen((request, response) => {
    const url = new URL(request.url ?? "/", "http://api")
    const page = Number(url.searchParams.get("page"))
    if (page === 3 && api.refused === 0) {
      api.refused += 1
      response.writeHead(429, { "retry-after": "1" }).end()
      return
    }
    const day = url.searchParams.get("day") ?? ""
    const items =
      page > PAGES ? [] : Array.from({ length: PER_PAGE }, (_, nth) => order(day, (page - 1) * PER_PAGE + nth))
    response.end(JSON.stringify({ items, total: PER_PAGE * PAGES, next: page < PAGES ? page + 1 : null }))
  })
  const order = (day: string, nth: number) => ({
    id: `${day}-${nth}`,
    day,
    cents: day === api.badDay && nth === 77 ? null : 100 + nth,
  })
  const api: Api = { ...server, refused: 0, badDay: undefined }
  return api
}
