import { afterAll, beforeAll, expect, test } from "vitest"
import type { ChangeResult } from "../../src/provider.ts"
import { object } from "../../src/providers/http/object.ts"
import { type Faults, happens } from "../fixtures/far-side/faults.ts"
import { type FarSide, startFarSide } from "../fixtures/far-side/server.ts"
import { absent, type ObjectSeen, type Props, props, World } from "./http-world.ts"

// The clients below die in the middle of their creates, on a far side that is late, stale, cut off and forgetful. What an
// engine then does for each way to settle must end with exactly one object. test/crash does the same with real kills.

const SEEDS = 250
/** How late the far side is, in milliseconds; one try of a client has half of that. */
const LATE_MS = 150

let far: FarSide
beforeAll(async () => {
  far = await startFarSide()
})
afterAll(() => far.close())

const faults: Faults = {
  createDelayMs: LATE_MS,
  staleListMs: LATE_MS,
  dropReply: 0.3,
  error500: 0.2,
  error500After: 0.2,
  truncateList: "cut",
  truncateChance: 0.3,
}

const paths = {
  read: { path: "/objects/{id}" },
  list: { path: "/objects?limit=2", next: { page: "page" }, total: "total" },
  update: { path: "/objects/{id}" },
}

const ways: Readonly<Record<string, Props>> = {
  token: props({ ...paths, create: { path: "/objects" }, body: { name: "shop" }, settle: { by: "token" } }),
  mark: props({
    ...paths,
    create: { path: "/objects" },
    body: { name: "shop" },
    settle: { by: "mark", field: "mark", horizonMs: 3 * LATE_MS },
  }),
  unique: props({ create: { path: "/named/{id}" }, key: "name", body: { name: "shop" } }),
}

async function one(seed: string, want: Props): Promise<void> {
  const space = far.namespace(seed)
  for (let i = 0; i < 5; i++) space.create("objects", { name: `before-${i}` })
  space.faults = faults
  const w = await World.open({
    url: `${far.url}/ns/${seed}`,
    concurrent: 4,
    retry: { times: 8, baseDelayMs: 20, maxDelayMs: 100 },
  })
  const tokens = [`${seed}-0`]
  const killed = AbortSignal.timeout(happens(0.5, seed, "early") ? 5 : LATE_MS + 10)
  let result = await w.ensure(want, absent, { token: tokens[0] as string, signal: killed })
  for (let runs = 1; !("outputs" in result) && runs < 20; runs++) result = await nextRun(w, want, tokens, seed)
  expect(result, seed).toHaveProperty("outputs")
  await new Promise((resolve) => setTimeout(resolve, LATE_MS)) // for what is still on its way
  const { byName, counters } = space.dump() as { byName: Record<string, number>; counters: Record<string, number> }
  expect({ seed, shop: byName.shop, duplicates: counters.duplicates }).toEqual({ seed, shop: 1, duplicates: 0 })
}

/** What an engine does with the open intent of a run that died. */
async function nextRun(w: World, want: Props, tokens: string[], seed: string): Promise<ChangeResult> {
  if (want.settle?.by === "token") return w.ensure(want, absent, { token: tokens[0] as string, repeated: true })
  if (want.settle?.by === "mark") await new Promise((resolve) => setTimeout(resolve, 3 * LATE_MS))
  const id = object.id(want)
  const seen: ObjectSeen = await w.read({ want, open: tokens, ...(id === undefined ? {} : { id }) })
  if ("failed" in seen) return { ...seen, maybe: true }
  if ("outputs" in seen) return seen
  tokens.push(`${seed}-${tokens.length}`)
  return w.ensure(want, absent, { token: tokens.at(-1) as string })
}

test.concurrent.each(Object.keys(ways))(
  "%s: nothing is made twice, orphaned or lost",
  { timeout: 60_000 },
  async (way) => {
    const want = ways[way] as Props
    const seeds = Array.from({ length: SEEDS }, (_, i) => `${way}-${i}`)
    for (let at = 0; at < SEEDS; at += 50) await Promise.all(seeds.slice(at, at + 50).map((seed) => one(seed, want)))
  },
)
