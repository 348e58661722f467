import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { Carrier } from "./carrier.ts"
import { bootArgv, ending } from "./shell.ts"

/** Longest time that ending a session on another machine may take. */
const END_MS = 14_000

/**
 * Ends a session on another machine, over a way of its own: the session itself is busy with what must be ended, and a line that is
 * cut would end nothing there. Where it cannot be reached, what runs there ends by its own limits, and the next session waits for it.
 */
export async function endRemote(carrier: Carrier, folder: string): Promise<void> {
  const signal = AbortSignal.timeout(END_MS)
  try {
    const carried = await carrier.start(bootArgv(carrier.shell), signal)
    for (const stream of [carried.stdin, carried.stdout, carried.stderr])
      stream.on("error", () => {}).on("data", () => {})
    const body = ending(folder)
    const nonce = randomBytes(16).toString("hex")
    void carried.ready.then(() =>
      carried.stdin.end(`FETTLE1 ${nonce} ${carrier.scope} ${Buffer.byteLength(body)}\n${body}`),
    )
    await Promise.race([carried.ended, sleep(END_MS, undefined, { signal, ref: false })])
    carried.kill("SIGKILL")
  } catch {
    // There is nobody left to tell: whoever asked for the end hears of the session itself.
  }
}
