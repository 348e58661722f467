import { connect, type Socket } from "node:net"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, judged, type Question } from "../answer.ts"
import { judge } from "../judge.ts"
import { networkAnswer } from "./network.ts"

type Settings = ProbeSettings<"tcp">

/** Longest banner that is kept, in bytes. */
const BANNER_MAX = 65_536

/** Connects once; with `banner`, listens to what the server says until it is as expected, or ends. */
export const tcp: Asker<Settings> = { timeoutMs: 10_000, late: "no", ask }

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const { host, port, maxLatencyMs } = settings
  const target = `${host}:${port}`
  const started = performance.now()
  question.at(`connecting to ${target}`)
  const socket = connect({ host, port, signal: question.signal })
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject))
    const latencyMs = Math.round(performance.now() - started)
    const slow =
      maxLatencyMs !== undefined && latencyMs > maxLatencyMs
        ? `it took ${latencyMs} ms, expected at most ${maxLatencyMs}`
        : undefined
    const wrong = settings.banner === undefined ? undefined : await listen(socket, settings, question)
    return judged([slow, wrong], `${target} accepts connections, in ${latencyMs} ms`, { latencyMs })
  } catch (error) {
    if (question.signal.aborted) throw error
    return networkAnswer(target, error)
  } finally {
    socket.destroy()
  }
}

/** What is wrong with all that the server said by its end; undefined as soon as it is as expected. */
async function listen(socket: Socket, { send, banner }: Settings, question: Question): Promise<string | undefined> {
  if (banner === undefined) return undefined
  const decoder = new TextDecoder()
  let said = ""
  let wrong: string | undefined
  question.at("connected, but nothing was said")
  if (send !== undefined) socket.write(send)
  for await (const bytes of socket as AsyncIterable<Uint8Array>) {
    said += decoder.decode(bytes, { stream: true })
    wrong = (await judge([{ name: "banner", value: said, expected: banner }], question))[0]
    if (wrong === undefined) return undefined
    if (said.length > BANNER_MAX) break
    question.at(wrong)
  }
  return said === "" ? "it closed the connection and said nothing" : wrong
}
