import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { Secret } from "../../secrets/secret.ts"
import { object } from "./object.ts"
import type { ObjectProps } from "./object-props.ts"
import { shownOf } from "./object-shown.ts"

const base = {
  create: { path: "/objects" },
  read: { path: "/objects/{id}" },
  update: { path: "/objects/{id}" },
  delete: { path: "/objects/{id}" },
}

function props(more: Record<string, unknown>): ObjectProps {
  return object.props.parse({ ...base, ...more })
}

function secret(value: string): Secret<string> {
  const made = new Secret<string>("PASSWORD", { type: "recorded" })
  Secret.remember(made, { value: undefined, fingerprint: `fp:${value}` })
  return made
}

const long = "x".repeat(3000)
const longRecorded = { $text: createHash("sha256").update(long).digest("hex"), length: long.length }

interface Case {
  readonly name: string
  /** Wanted body. */
  readonly want: Record<string, unknown>
  /** The object on the far side; none where it is absent. */
  readonly there?: Record<string, unknown>
  /** The recorded body; none where nothing is recorded. */
  readonly last?: Record<string, unknown>
  readonly more?: Record<string, unknown>
  readonly unfinished?: boolean
  readonly gives: Record<string, unknown>
}

const none = { action: "none" }
const update = (because: string) => ({ action: "update", props: ["body"], because: expect.stringContaining(because) })

const cases: readonly Case[] = [
  { name: "absent", want: { a: 1 }, gives: { action: "create" } },
  { name: "as wanted", want: { a: 1 }, there: { id: "7", a: 1, extra: true }, last: { a: 1 }, gives: none },
  { name: "drift", want: { a: 1 }, there: { a: 2 }, last: { a: 1 }, gives: update("a is 2, wanted 1") },
  { name: "wanted anew", want: { a: 2 }, there: { a: 1 }, last: { a: 1 }, gives: update("a is 1, wanted 2") },
  {
    name: "another type is another value",
    want: { port: 80 },
    there: { port: "80" },
    last: { port: 80 },
    gives: update('port is "80", wanted 80'),
  },
  { name: "null is as good as not shown", want: { a: null }, there: {}, gives: none },
  {
    name: "null where something is",
    want: { a: null },
    there: { a: 1 },
    last: { a: null },
    gives: update("a is 1, wanted null"),
  },
  {
    name: "deep, more is shown",
    want: { a: { b: { c: 1 } } },
    there: { a: { b: { c: 1, d: 2 }, e: 3 } },
    last: { a: { b: { c: 1 } } },
    gives: none,
  },
  {
    name: "deep drift",
    want: { a: { b: 1 } },
    there: { a: { b: 2 } },
    last: { a: { b: 1 } },
    gives: update("a.b is 2, wanted 1"),
  },
  {
    name: "an object where a text is",
    want: { a: { b: 1 } },
    there: { a: "b" },
    last: { a: { b: 1 } },
    gives: update('a is "b", wanted {"b":1}'),
  },
  {
    name: "what is long is told by its size: a cut could leave half of a secret",
    want: { a: "y".repeat(50) },
    there: { a: "x".repeat(60) },
    last: {},
    gives: update("a is a text of 60 characters, wanted a text of 50 characters"),
  },
  {
    name: "a key with a dot",
    want: { labels: { "a.b": "1" } },
    there: { labels: { "a.b": "2" } },
    last: {},
    gives: update("labels.a\\.b is"),
  },
  {
    name: "items in order",
    want: { a: [1, 2] },
    there: { a: [2, 1] },
    last: { a: [1, 2] },
    gives: update("a.0 is 2, wanted 1"),
  },
  {
    name: "items without order",
    want: { a: ["x", "y"] },
    there: { a: ["y", "x"] },
    last: {},
    more: { unordered: ["a"] },
    gives: none,
  },
  {
    name: "one item more",
    want: { a: [1] },
    there: { a: [1, 2] },
    last: { a: [1] },
    gives: update("a is [1,2], wanted [1]"),
  },
  {
    name: "items show more than we said",
    want: { a: [{ n: 1 }] },
    there: { a: [{ id: "q", n: 1 }] },
    last: {},
    gives: none,
  },
  {
    name: "__proto__ is a field like any",
    want: JSON.parse('{"__proto__":{"a":1}}'),
    there: JSON.parse('{"__proto__":{"a":2}}'),
    last: {},
    gives: update("__proto__.a is 2"),
  },
  {
    name: "not shown, as recorded",
    want: { a: 1, hidden: 5 },
    there: { a: 1 },
    last: { a: 1, hidden: 5 },
    gives: none,
  },
  {
    name: "not shown, changed",
    want: { hidden: 6 },
    there: {},
    last: { hidden: 5 },
    gives: update("hidden was changed"),
  },
  {
    name: "not shown, never recorded",
    want: { hidden: 6 },
    there: {},
    gives: update("hidden is not shown, and was not recorded"),
  },
  {
    name: "not shown, long, as recorded",
    want: { hidden: long },
    there: {},
    last: { hidden: longRecorded },
    gives: none,
  },
  {
    name: "not shown, long, changed",
    want: { hidden: `${long}!` },
    there: {},
    last: { hidden: longRecorded },
    gives: update("hidden was changed"),
  },
  {
    name: "not shown, and the last change did not end well",
    want: { hidden: 5 },
    there: {},
    last: { hidden: 5 },
    unfinished: true,
    gives: update("did not end well"),
  },
  {
    name: "shown as wanted, though the last change did not end well",
    want: { a: 5 },
    there: { a: 5 },
    last: { a: 4 },
    unfinished: true,
    gives: none,
  },
  {
    name: "a secret as recorded",
    want: { p: secret("1") },
    there: { p: "****" },
    last: { p: secret("1") },
    gives: none,
  },
  {
    name: "a secret turned",
    want: { p: secret("2") },
    there: { p: "****" },
    last: { p: secret("1") },
    gives: update("p was changed"),
  },
  {
    name: "a secret where a plain text was",
    want: { p: secret("2") },
    there: {},
    last: { p: "plain" },
    gives: update("p was changed"),
  },
  {
    name: "a secret in a list",
    want: { a: [{ n: 1, p: secret("1") }] },
    there: { a: [{ n: 1, p: "x" }] },
    last: { a: [{ n: 1, p: secret("1") }] },
    gives: none,
  },
  {
    name: "a field left the body, PUT takes it away",
    want: { a: 1 },
    there: { a: 1, b: 2 },
    last: { a: 1, b: 2 },
    gives: update("b has left the body"),
  },
  {
    name: "a field left the body, PATCH leaves it",
    want: { a: 1 },
    there: { a: 1, b: 2 },
    last: { a: 1, b: 2 },
    more: { update: { method: "PATCH", path: "/o/{id}" } },
    gives: none,
  },
  { name: "a field left the body and is gone", want: { a: 1 }, there: { a: 1 }, last: { a: 1, b: 2 }, gives: none },
  {
    name: "compare names the fields",
    want: { a: 1, b: 1 },
    there: { a: 1, b: 9 },
    last: { a: 1, b: 1 },
    more: { compare: ["a"] },
    gives: none,
  },
  {
    name: "what compare leaves out is held against the record",
    want: { a: 1, b: 2 },
    there: { a: 1, b: 9 },
    last: { a: 1, b: 1 },
    more: { compare: ["a"] },
    gives: update("b was changed"),
  },
  {
    name: "replaceOn",
    want: { zone: "b" },
    there: { zone: "a" },
    last: { zone: "a" },
    more: { replaceOn: ["zone"] },
    gives: { action: "replace", order: "create-first" },
  },
  {
    name: "replaceOn below",
    want: { net: { zone: "b" } },
    there: { net: { zone: "a" } },
    last: {},
    more: { replaceOn: ["net"] },
    gives: { action: "replace" },
  },
  {
    name: "replaceOn, another field",
    want: { zone: "a", n: 1 },
    there: { zone: "a", n: 2 },
    last: {},
    more: { replaceOn: ["zone"] },
    gives: { action: "update" },
  },
  {
    name: "replaceOrder",
    want: { zone: "b" },
    there: { zone: "a" },
    last: {},
    more: { replaceOn: ["zone"], replaceOrder: "delete-first" },
    gives: { action: "replace", order: "delete-first" },
  },
  {
    name: "no update",
    want: { a: 1 },
    there: { a: 2 },
    last: {},
    more: { update: undefined },
    gives: { action: "replace", because: "a is 2, wanted 1; it has no update" },
  },
]

test.each(cases)("$name", ({ want, there, last, more = {}, unfinished, gives }) => {
  const wanted = props({ ...more, body: want })
  const before =
    last === undefined
      ? undefined
      : { props: { ...wanted, body: last }, outputs: { id: "7", object: {} }, ...(unfinished ? { unfinished } : {}) }
  const body = shownOf(there, [want, last])
  const seen =
    there === undefined
      ? { absent: true as const }
      : { outputs: { id: "7", object: {} }, ...(body === undefined ? {} : { shown: { body } }) }
  expect(object.plan(wanted, seen as never, before as never)).toMatchObject(gives)
})

test("what the far side keeps unique is deleted before it is made again", () => {
  const want = props({
    body: { name: "a", zone: "b" },
    list: { path: "/objects" },
    settle: { by: "unique", field: "name" },
    replaceOn: ["zone"],
  })
  const seen = { outputs: { id: "7", object: {} }, shown: { body: { name: "a", zone: "a" } } }
  expect(object.plan(want, seen, undefined)).toMatchObject({ action: "replace", order: "delete-first" })
})

describe("a chosen id", () => {
  const named = { create: { path: "/named/{id}" }, key: "name" }
  const wanted = object.props.parse({ ...named, body: { name: "b" } })

  test("is the id, and settles as unique", () => {
    expect(object.id(wanted)).toBe("b")
    expect(object.predict?.(wanted)).toEqual({ id: "b" })
    expect(typeof object.settles === "function" && object.settles(wanted)).toBe("unique")
  })

  test("another one is another object", () => {
    const seen = { outputs: { id: "a", object: {} }, shown: { body: { name: "a" } } }
    expect(object.plan(wanted, seen, undefined)).toMatchObject({
      action: "replace",
      order: "delete-first",
      because: 'its id is "a", wanted "b"',
    })
  })
})

test.each([
  [
    { by: "mark", field: "m", horizonMs: 5 },
    { mark: true, horizonMs: 5 },
  ],
  [{ by: "token" }, "token"],
  [{ by: "unique", field: "name" }, "unique"],
  [{ by: "ask" }, "ask"],
  [undefined, "ask"],
])("settle %j gives %j", (settle, gives) => {
  const wanted = props({ list: { path: "/objects" }, body: { name: "a" }, ...(settle === undefined ? {} : { settle }) })
  expect((object.settles as (want: ObjectProps) => unknown)(wanted)).toEqual(gives)
})

test("a reason names three fields and counts the rest; the diff has secrets by name", () => {
  const want = { a: 1, b: 1, c: 1, d: 1, p: secret("2") }
  const seen = { outputs: { id: "7", object: {} }, shown: { body: { a: 2, b: 2, c: 2, d: 2 } } }
  const change = object.plan(props({ body: want }), seen, undefined)
  expect(change).toMatchObject({ because: "a is 2, wanted 1; b is 2, wanted 1; c is 2, wanted 1; and 2 more" })
  expect("text" in change && change.text?.split("\n").at(-1)).toBe('+p: "[secret PASSWORD]"')
})

test.each([
  ["read", { read: undefined }, "could ever be observed"],
  ["read", { read: { path: "/objects" } }, "has no {id}"],
  ["delete", { delete: { path: "/objects" } }, "has no {id}"],
  ["create", { create: { path: "/objects/{id}" } }, "no key says"],
  ["create", { key: "name", body: { name: "a" } }, "its path has no {id}"],
  ["body", { key: "name", create: { path: "/n/{id}" } }, "it identifies the object"],
  [
    "body",
    { body: { m: 1 }, list: { path: "/o" }, settle: { by: "mark", field: "m", horizonMs: 1 } },
    "carries our mark",
  ],
  ["body", { replaceOn: ["nothing"] }, "no such field"],
  ["body", { body: { a: undefined } }, "not JSON"],
  ["body", { body: { a: Number.NaN } }, "not JSON"],
  ["body", { body: { a: new Date() } }, "not JSON"],
  ["settle", { settle: { by: "mark", field: "m", horizonMs: 1 } }, "no list is given"],
  ["settle", { settle: { by: "unique" } }, "needs a key"],
])("props: %s %j is refused", (path, more, words) => {
  const result = object.props.safeParse({ ...base, body: { a: 1 }, ...more })
  expect(result.success).toBe(false)
  const issue = result.error?.issues.find((each) => JSON.stringify(each).includes(words.slice(0, 20)))
  expect(issue?.path[0], JSON.stringify(result.error?.issues)).toBe(path)
})
