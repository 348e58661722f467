// Question 3: wrappers for retry, logging and permission around one function, against a server that fails twice.
import { allowed, callSignal, guarded, logged, retry, timeout } from "fettle"
import { listen, proven, say, tell } from "../story.ts"

let calls = 0
const server = await listen((request, response) => {
  calls += 1
  if (request.url === "/slow") return // never answers: what it is for is to be given up
  response.statusCode = calls < 3 ? 503 : 200
  response.end(JSON.stringify({ call: calls }))
})

async function fetchOrder(path: string): Promise<{ call: number }> {
  const response = await fetch(`${server.url}${path}`, { signal: callSignal() })
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status })
  return (await response.json()) as { call: number }
}

try {
  say("1. A wrapper that forgets await looks right, and catches nothing.")
  const forgetful =
    <A extends unknown[], R>(fn: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> | undefined => {
      try {
        return fn(...args)
      } catch {
        return undefined
      }
    }
  const escaped = await Promise.resolve(forgetful(fetchOrder)("/order")).catch((error: Error) => error.message)
  proven("the rejection passed by its catch", escaped === "status 503", escaped)

  say("2. logged outside of retry tells of one call, inside of each try.")
  calls = 0
  const outside: string[] = []
  const inside: string[] = []
  const order = guarded(fetchOrder, [
    logged(({ name, outcome }) => outside.push(`${name} ${outcome}`)),
    retry({ times: 3, baseDelayMs: 10 }),
    logged(({ outcome }) => inside.push(outcome)),
    timeout("2s"),
  ])
  const answer = await order("/order")
  tell(`outside: ${outside.join(", ")}\ninside: ${inside.join(", ")}`)
  proven("two failures and an answer, one result for the caller", answer.call === 3 && inside.length === 3)
  proven("the name of the function is kept", outside.join() === "fetchOrder ok")

  say("3. Permission stands outermost: who may not call costs the far side nothing.")
  calls = 0
  const drop = (who: string) =>
    guarded(fetchOrder, [allowed({ who: ["ann"] }), retry({ baseDelayMs: 10 })], { name: "drop", who })
  const refused = await drop("ben")("/order").catch((error) => error)
  tell(`${refused.code}: ${refused.message}`)
  proven("ben is refused before any call is made", refused.code === "POLICY_NOT_ALLOWED" && calls === 0)
  calls = 2
  proven("ann is not", (await drop("ann")("/order")).call === 3)

  say("4. The order of wrappers is a decision: a limit for each try, or one for all of them.")
  const eachTry = await spent(guarded(fetchOrder, [retry({ times: 2, baseDelayMs: 1 }), timeout("250ms")]))
  const allTries = await spent(guarded(fetchOrder, [timeout("250ms"), retry({ times: 2, baseDelayMs: 1 })]))
  tell(`[retry, timeout] made ${eachTry} calls, [timeout, retry] made ${allTries}`)
  proven("inside, each of three tries had its 250 ms; outside, one try used them up", eachTry === 3 && allTries === 1)
} finally {
  await server.close()
}

/** How many calls the far side saw of something that is never answered. */
async function spent(call: (path: string) => Promise<unknown>): Promise<number> {
  calls = 0
  await call("/slow").catch(() => {})
  return calls
}
