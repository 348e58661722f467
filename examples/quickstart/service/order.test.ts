import assert from "node:assert/strict"
import { test } from "node:test"
import { parseOrder, parsePage } from "./order.ts"

const good = { customer: "Ada", sku: "DESK-0042", quantity: 2 }

const wrongOrders: [what: string, body: unknown, problem: RegExp][] = [
  ["nothing", null, /not a JSON object/],
  ["a list", [good], /not a JSON object/],
  ["no customer", { ...good, customer: undefined }, /customer/],
  ["an empty customer", { ...good, customer: "  " }, /customer/],
  ["a customer with a line break", { ...good, customer: "Ada\nLovelace" }, /customer/],
  ["a customer of 101 characters", { ...good, customer: "a".repeat(101) }, /customer/],
  ["a small sku", { ...good, sku: "desk-0042" }, /sku/],
  ["a quantity of 0", { ...good, quantity: 0 }, /quantity/],
  ["a quantity of 1001", { ...good, quantity: 1001 }, /quantity/],
  ["half a piece", { ...good, quantity: 1.5 }, /quantity/],
  ["a quantity as text", { ...good, quantity: "2" }, /quantity/],
  ["an unknown field", { ...good, price: 1 }, /unknown field "price"/],
]

test("good orders are taken, up to the limits", () => {
  for (const order of [good, { ...good, quantity: 1 }, { ...good, quantity: 1000, customer: "ä".repeat(100) }]) {
    assert.deepEqual(parseOrder(order), { order })
  }
})

for (const [what, body, problem] of wrongOrders) {
  test(`an order with ${what} is refused`, () => {
    const parsed = parseOrder(body)
    assert("problems" in parsed)
    assert.equal(parsed.problems.length, 1)
    assert.match(parsed.problems.join(), problem)
  })
}

test("all problems of an order are told at once", () => {
  const parsed = parseOrder({})
  assert("problems" in parsed)
  assert.equal(parsed.problems.length, 3)
})

const pages: [query: string, expected: object | null][] = [
  ["", { limit: 20, offset: 0 }],
  ["limit=1&offset=40", { limit: 1, offset: 40 }],
  ["limit=100", { limit: 100, offset: 0 }],
  ["limit=0", null],
  ["limit=101", null],
  ["limit=ten", null],
  ["limit=1e1", null],
  ["limit=", null],
  ["offset=-1", null],
  ["offset=0.5", null],
]

for (const [query, page] of pages) {
  test(`the query "${query}" is ${page === null ? "refused" : "read"}`, () => {
    const parsed = parsePage(new URLSearchParams(query))
    if (page === null) assert("problems" in parsed)
    else assert.deepEqual(parsed, { page })
  })
}
