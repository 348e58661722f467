import { expect, test } from "vitest"
import type { Instance, Place } from "../connect/traffic.ts"
import { type Downs, livedOn } from "./liveness.ts"

const instance = (name: string): Instance => ({ name, version: "2", address: "127.0.0.1", port: 1 })
const place = (name: string, more: Partial<Place> = {}): Place => ({
  ...{ name, address: "127.0.0.1", port: 1, weight: 1, state: "ready", up: true, falls: 0, openRequests: 0 },
  ...more,
})
const sides = { candidate: [instance("new")], baseline: [instance("old")] }

/** Looks at one state of the servers after the other, a second apart. */
function after(...all: readonly (readonly Place[])[]): string | undefined {
  let known: Readonly<Record<string, Downs>> = {}
  let because: string | undefined
  for (const [at, places] of all.entries()) {
    const lived = livedOn(JSON.parse(JSON.stringify(known)), places, sides, at * 1_000)
    known = lived.downs
    because ??= lived.because
  }
  return because
}

const times = (amount: number, ...places: readonly Place[]): (readonly Place[])[] =>
  Array.from({ length: amount }, () => places)

test("a copy is dead after 15 s without a break, also one that is no longer there", () => {
  const down = place("new", { up: false })
  expect(after(...times(15, down, place("old")))).toBeUndefined()
  expect(after(...times(16, down, place("old")))).toBe("new has taken no connection for 15 s")
  expect(after(...times(16, place("old")))).toBe("new has taken no connection for 15 s")
  expect(after(...times(10, down, place("old")), [place("new"), place("old")], ...times(10, down, place("old")))).toBe(
    undefined,
  )
})

test("who sends the traffic has lost all servers: that says nothing of one", () => {
  expect(after(...times(40))).toBeUndefined()
})

test("one that has gone down three times since its first traffic starts again and again", () => {
  const fallen = (falls: number): readonly Place[] => [place("new", { falls }), place("old")]
  expect(after(fallen(7), fallen(9))).toBeUndefined()
  expect(after(fallen(7), fallen(10))).toBe("new has gone down 3 times")
  expect(after(fallen(7), fallen(2))).toBeUndefined() // who counts has started anew
})

test("what has hit all of the version before it as well says nothing", () => {
  const both = [place("new", { up: false, falls: 9 }), place("old", { up: false })]
  expect(after(...times(40, ...both), [place("new", { falls: 9 }), place("old")])).toBeUndefined()
})
