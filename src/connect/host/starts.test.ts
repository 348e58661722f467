import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { mayStart } from "./starts.ts"

const never = new AbortController().signal

test("at most 64 begin at once; who has begun lets the next one in, once, and who gives up takes no turn", async () => {
  let most = 0
  let now = 0
  const stop = new AbortController()
  const givenUp = Array.from({ length: 70 }, async (_, at) => {
    const begun = await mayStart(at >= 64 ? stop.signal : never)
    now += 1
    most = Math.max(most, now)
    await sleep(300)
    now -= 1
    begun()
    begun()
  })
  const later = Array.from({ length: 200 }, async () => {
    const begun = await mayStart(never)
    now += 1
    most = Math.max(most, now)
    await sleep(1)
    now -= 1
    begun()
    begun()
  })
  await sleep(100)
  stop.abort()
  const ended = await Promise.allSettled(givenUp)
  expect(ended.filter(({ status }) => status === "rejected")).toHaveLength(6)
  await Promise.all(later)
  expect(most).toBe(64)
  expect(now).toBe(0)
})
