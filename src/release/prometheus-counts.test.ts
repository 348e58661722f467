import { expect, test } from "vitest"
import { filled } from "./prometheus-counts.ts"

const of = (version: string, ...addresses: readonly string[]) => ({
  version,
  instances: addresses.map((address, at) => ({ name: `web${at}`, address, port: 8080 + at })),
})

test.each([
  ["the version, wherever it stands", 'a{v="{{version}}"} / b{v="{{version}}"}', 'a{v="1.4.2"} / b{v="1.4.2"}'],
  [
    "all addresses as a pattern",
    'a{instance=~"{{instances}}"}',
    'a{instance=~"10[.]0[.]0[.]1:8080|\\\\[::1\\\\]:8081"}',
  ],
  ["nothing else", "up{{ other }}", "up{{ other }}"],
])("a query is filled with %s", (_what, query, expected) => {
  expect(filled(query, of("1.4.2", "10.0.0.1", "::1"))).toBe(expected)
})

test("what a version is called cannot leave the quotes", () => {
  expect(filled('a{v="{{version}}"}', of('x"} or b{v="$&\\'))).toBe('a{v="x\\"} or b{v=\\"$&\\\\"}')
})
