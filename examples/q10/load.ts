// The job, plain TypeScript: all orders of one day from the API into the database. load.ts API DATABASE DAY
import { existsSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { callSignal, guarded, rate, retry, timeout } from "fettle"

interface Order {
  readonly id: string
  readonly day: string
  readonly cents: number
}

const [api = "", file = "", day = ""] = process.argv.slice(2)

// Every page is tried again where that may help, takes its turn, and has its own limit.
const page = guarded(
  (number: number) => fetch(`${api}/orders?day=${day}&page=${number}`, { signal: callSignal() }),
  [retry({ times: 4, baseDelayMs: 50 }), rate({ calls: 100, per: "1s", burst: 10 }), timeout("5s")],
)

const orders = await allOrders()
await store(orders)
console.log(`${orders.length} orders of ${day}`)

async function allOrders(): Promise<readonly Order[]> {
  const found: Order[] = []
  let total = 0
  for (let next: number | null = 1; next !== null; ) {
    const response = await page(next)
    if (!response.ok) throw new Error(`page ${next} of ${day}: status ${response.status}`)
    const body = (await response.json()) as { items: unknown[]; total: number; next: number | null }
    found.push(...body.items.map((item) => valid(item, day)))
    total = body.total
    next = body.next
  }
  if (found.length !== total) throw new Error(`${day}: the API says ${total} orders and gave ${found.length}`)
  return found
}

/** What comes from outside is looked at before it goes in. */
function valid(item: unknown, of: string): Order {
  const { id, day, cents } = item as Partial<Order>
  if (typeof id === "string" && day === of && Number.isInteger(cents)) return { id, day, cents: cents as number }
  throw new Error(`not an order of ${of}: ${JSON.stringify(item)}`)
}

/** All of the day or nothing of it; what is there already is replaced and never doubled. */
async function store(all: readonly Order[]): Promise<void> {
  const database = new DatabaseSync(file)
  database.exec("pragma busy_timeout = 5000; begin immediate")
  const put = database.prepare(
    "insert into orders (id, day, cents) values (?, ?, ?) on conflict (id) do update set day = excluded.day, cents = excluded.cents",
  )
  for (const { id, day, cents } of all.slice(0, -1)) put.run(id, day, cents)
  writeFileSync(`${file}.storing`, "")
  while (existsSync(`${file}.hold`)) await sleep(20) // so that the example can kill it here
  const last = all.at(-1)
  if (last !== undefined) put.run(last.id, last.day, last.cents)
  database.exec("commit")
  database.close()
}
