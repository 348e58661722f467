import type { DatabaseSync } from "node:sqlite"
import { isAuthorized } from "./auth.ts"
import type { Opened } from "./database.ts"
import { type Page, parseOrder, parsePage } from "./order.ts"
import { version } from "./version.ts"

export type Context = { readonly apiKey: string; readonly database: { open(): Opened } }
export type Body = { readonly text: string } | { readonly refused: Reply }
export type Call = {
  readonly method: string
  readonly url: URL
  readonly authorization: string | undefined
  /** Reads the body when asked, so that a request without a key is answered unread. */
  readonly body: () => Promise<Body>
}
export type Reply = {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

type Handler = (call: Call, db: DatabaseSync, context: Context) => Reply | Promise<Reply>

const routes: readonly { path: RegExp; methods: Readonly<Record<string, Handler>> }[] = [
  { path: /^\/orders$/, methods: { GET: listOrders, POST: createOrder } },
  { path: /^\/orders\/\d{1,15}$/, methods: { GET: getOrder } },
  { path: /^\/products$/, methods: { GET: listProducts } },
]

/** Answers one call. What a client did wrong is a reply, not an exception. */
export async function route(call: Call, context: Context): Promise<Reply> {
  if (call.url.pathname === "/health") return call.method === "GET" ? health(context) : notAllowed("GET")
  const found = routes.find(({ path }) => path.test(call.url.pathname))
  if (found === undefined) return refuse(404, "not found")
  const handler = Object.hasOwn(found.methods, call.method) ? found.methods[call.method] : undefined
  if (handler === undefined) return notAllowed(Object.keys(found.methods).join(", "))
  const opened = context.database.open()
  if ("problem" in opened) return refuse(503, `database: ${opened.problem}`)
  return handler(call, opened.db, context)
}

/** A reply that says what was wrong, with one line for each problem where there are several. */
export function refuse(status: number, error: string, problems?: readonly string[]): Reply {
  return { status, body: { error, ...(problems && { problems }) } }
}

function notAllowed(allow: string): Reply {
  return { ...refuse(405, "method not allowed"), headers: { allow } }
}

function health({ database }: Context): Reply {
  const opened = database.open()
  if ("problem" in opened) return { status: 503, body: { status: "unavailable", version, database: opened.problem } }
  return { status: 200, body: { status: "ok", version, database: "ok" } }
}

function listOrders({ url }: Call, db: DatabaseSync): Reply {
  return list(url, (page) => ({
    items: db.prepare("SELECT * FROM orders ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset").all(page),
    total: db.prepare("SELECT count(*) AS total FROM orders").get()?.total,
  }))
}

function listProducts({ url }: Call, db: DatabaseSync): Reply {
  return list(url, (page) => ({
    items: db.prepare("SELECT * FROM products ORDER BY sku LIMIT :limit OFFSET :offset").all(page),
    total: db.prepare("SELECT count(*) AS total FROM products").get()?.total,
  }))
}

function list(url: URL, select: (page: Page) => object): Reply {
  const parsed = parsePage(url.searchParams)
  if ("problems" in parsed) return refuse(400, "invalid query", parsed.problems)
  return { status: 200, body: { ...select(parsed.page), ...parsed.page } }
}

function getOrder({ url }: Call, db: DatabaseSync): Reply {
  const id = Number(url.pathname.slice("/orders/".length))
  const order = db.prepare("SELECT * FROM orders WHERE id = ?").get(id)
  return order === undefined ? refuse(404, `no order ${id}`) : { status: 200, body: order }
}

async function createOrder(call: Call, db: DatabaseSync, { apiKey }: Context): Promise<Reply> {
  if (!isAuthorized(call.authorization, apiKey)) {
    return { ...refuse(401, "a valid API key is needed"), headers: { "www-authenticate": "Bearer" } }
  }
  const body = await call.body()
  if ("refused" in body) return body.refused
  let value: unknown
  try {
    value = JSON.parse(body.text)
  } catch {
    return refuse(400, "the body is not valid JSON")
  }
  const parsed = parseOrder(value)
  if ("problems" in parsed) return refuse(400, "invalid order", parsed.problems)
  const insert = "INSERT INTO orders (customer, sku, quantity) VALUES (:customer, :sku, :quantity) RETURNING *"
  const order = db.prepare(insert).get(parsed.order)
  return { status: 201, body: order, headers: { location: `/orders/${order?.id}` } }
}
