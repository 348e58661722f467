// Question 9: two servers converge to what they should be, and an order across both keeps a bad version from reaching the second.
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fettleFor, folder, listen, proven, say, tell } from "../story.ts"

const free = await Promise.all([listen(() => {}), listen(() => {})])
const [portA = 0, portB = 0] = free.map(({ port }) => port)
await Promise.all(free.map((each) => each.close()))
const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder, portA, portB })

try {
  say("1. Configuration management: both servers become what they should be, and stay so.")
  await fettle("apply --yes")
  const again = await fettle("plan --check")
  proven("both answer with version 1", (await versions()).join() === "1 200,1 200")
  proven("applied again, nothing changes", again.code === 0)

  say("2. Orchestration: version 2 is broken. a gets it first, and b only after a has proven itself.")
  const broken = await fettle("apply --yes --param version=2")
  const stopped = await versions()
  tell(`a: ${stopped[0]} · b: ${stopped[1]}`)
  proven("the check says no, and the run ends with 3", broken.code === 3, broken.code)
  proven("b was never touched and still answers", stopped.join() === "2 500,1 200", stopped)

  say("3. Version 3 works. Visitors come meanwhile, and take whichever server answers.")
  const visitors = visit()
  const good = await fettle("apply --yes --param version=3")
  const { asked, failed } = await visitors.end()
  tell(`${asked} visitors, ${failed} of them found no server`)
  proven("both have it", good.code === 0 && (await versions()).join() === "3 200,3 200")
  proven("one of the two answered at every moment", asked > 5 && failed === 0, { asked, failed })
} finally {
  await fettle("destroy --yes")
}

function versions(): Promise<string[]> {
  return Promise.all([portA, portB].map(answerOf))
}

async function answerOf(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })
    return `${((await response.json()) as { version: string }).version} ${response.status}`
  } catch {
    return "no answer"
  }
}

/** Asks again and again, as a load balancer would: the next server where one does not answer well. */
function visit(): { end(): Promise<{ asked: number; failed: number }> } {
  let goesOn = true
  const count = { asked: 0, failed: 0 }
  const work = (async () => {
    while (goesOn) {
      count.asked += 1
      if (![await answerOf(portA), await answerOf(portB)].some((answer) => answer.endsWith(" 200"))) count.failed += 1
      await sleep(50)
    }
  })()
  return {
    end: async () => {
      goesOn = false
      await work
      return count
    },
  }
}
