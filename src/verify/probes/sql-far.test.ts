import { expect, test } from "vitest"
import { exactNumber } from "../../connect/database-session.ts"
import { tellsOfMore } from "./sql.ts"
import { partsOf, refusedQuery, sameCell } from "./sql-far.ts"

test("a query begins as one that reads, and goes into no file", () => {
  for (const query of [
    "select 1",
    " -- a\n/* b */ WITH x as (select 1) select * from x",
    "(select 1)",
    "table t",
    "show tables",
    "explain select 1",
  ])
    expect(refusedQuery(query), query).toBeUndefined()
  for (const query of [
    "delete from t",
    "-- select\ndrop table t",
    "copy t to program 'x'",
    "select 1 INTO\noutfile '/x'",
    "call f()",
    "",
  ])
    expect(refusedQuery(query), query).toMatch(/may only read/)
})

test("names of tables have parts, and quotes where they hold dots", () => {
  expect(partsOf("orders")).toEqual(["orders"])
  expect(partsOf("audit.orders")).toEqual(["audit", "orders"])
  expect(partsOf('"a.b"."c""d"')).toEqual(["a.b", 'c"d'])
})

test("whether more rows than are read decide", () => {
  expect([5, { max: 5 }, { min: 1 }, { equals: 3 }, { min: 1, max: 9 }].map((each) => tellsOfMore(each))).toEqual(
    Array(5).fill(true),
  )
  expect([20_000, { min: 20_000 }, { not: 3 }, { regex: "1", flags: "" }, {}].map((each) => tellsOfMore(each))).toEqual(
    Array(5).fill(false),
  )
})

test("cells mean the same, and numbers lose nothing", () => {
  for (const [given, found] of [
    ["2.50", 2.5],
    [2, "2.0"],
    [true, 1],
    [true, true],
    [null, null],
    ['{"a":1}', { a: 1 }],
    [new Uint8Array([1]), Buffer.from([1])],
  ])
    expect(sameCell(given, found), String(given)).toBe(true)
  for (const [given, found] of [
    ["x", "y"],
    ["12345678901234567890", 12345678901234567000],
    [null, ""],
    [true, 0],
  ])
    expect(sameCell(given, found), String(given)).toBe(false)
  expect(
    ["2.50", "10", "9007199254740993", "0.1", "1e999", "100.00", "12345678901234567890.5"].map(exactNumber),
  ).toEqual([2.5, 10, "9007199254740993", 0.1, "1e999", 100, "12345678901234567890.5"])
})
