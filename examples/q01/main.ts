// Question 1: waiting can be shared by one thread, computing cannot. Both are measured, and then given to the right tool.
import { setTimeout as sleep } from "node:timers/promises"
import { cpu } from "fettle"
import { listen, proven, say, tell } from "../story.ts"
import { primesBelow } from "./primes.ts"

const REQUESTS = 8
const ANSWER_MS = 100
const BATCHES = [1_500_000, 1_500_000]

const server = await listen(async (_, response) => {
  await sleep(ANSWER_MS)
  response.end("ok")
})
const ask = async (): Promise<string> => (await fetch(server.url)).text()

say(`1. I/O-bound: ${REQUESTS} requests to a server that takes ${ANSWER_MS} ms for each.`)
const inTurn = await timed(async () => {
  for (let nth = 0; nth < REQUESTS; nth += 1) await ask()
})
const atOnce = await timed(() => Promise.all(Array.from({ length: REQUESTS }, ask)))
await server.close()
tell(`one after the other ${inTurn.ms} ms, at once ${atOnce.ms} ms`)
proven("one thread waits for all of them in less than half the time", atOnce.ms < inTurn.ms / 2)

say(`2. CPU-bound: ${BATCHES.length} batches of primes under Promise.all, on the one thread of the event loop.`)
const onLoop = await timed(() => Promise.all(BATCHES.map(async (limit) => primesBelow(limit))))
tell(`took ${onLoop.ms} ms; the event loop stood still for ${onLoop.stillMs} ms`)
proven("async did not help: nothing else ran for nearly all of that time", onLoop.stillMs > onLoop.ms * 0.8)

say("3. The same batches by cpu(…) of Fettle: a worker thread for each core.")
const onThread = cpu<typeof primesBelow>(new URL("./primes.ts", import.meta.url), "primesBelow")
await Promise.all(BATCHES.map(() => onThread(2))) // the threads start once, and stay
const onThreads = await timed(() => Promise.all(BATCHES.map((limit) => onThread(limit))))
tell(`took ${onThreads.ms} ms; the event loop stood still for ${onThreads.stillMs} ms at most`)
proven("both give the same numbers", String(onThreads.value) === String(onLoop.value))
proven("the event loop was free meanwhile", onThreads.stillMs < onLoop.stillMs / 2)

/** Runs something and measures it, and the longest time in which the event loop came to no timer. */
async function timed<T>(run: () => Promise<T>): Promise<{ value: T; ms: number; stillMs: number }> {
  const begun = performance.now()
  let last = begun
  let still = 0
  const beat = (): void => {
    still = Math.max(still, performance.now() - last)
    last = performance.now()
  }
  const heart = setInterval(beat, 5)
  const value = await run()
  const ms = performance.now() - begun
  beat()
  clearInterval(heart)
  return { value, ms: Math.round(ms), stillMs: Math.round(still) }
}
