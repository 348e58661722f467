import { causeText } from "../errors.ts"
import { follow, onAbort } from "../policies/signals.ts"
import { startTimer } from "../policies/timer.ts"
import { isPlain } from "../program/output.ts"
import { type ProbeName, type ProbeSettings, probeSchemas } from "../program/probe-settings.ts"
import type { Write } from "../provider.ts"
import { type Answer, type Asker, inconclusive } from "./answer.ts"
import type { LocalTools } from "./tools.ts"

type Askers = { readonly [N in ProbeName]: () => Promise<Asker<ProbeSettings<N>>> }

/** Each probe is loaded when it is first asked: most runs need one or two of them. */
const askers: Askers = {
  http: async () => (await import("./probes/http.ts")).http,
  tcp: async () => (await import("./probes/tcp.ts")).tcp,
  command: async () => (await import("./probes/command.ts")).command,
  file: async () => (await import("./probes/file.ts")).file,
  log: async () => (await import("./probes/log.ts")).log,
  sql: async () => (await import("./probes/sql.ts")).sql,
  process: async () => (await import("./probes/process.ts")).process,
}

/** Puts a question once, in at most `limitMs`. */
export type Ask = (limitMs: number | undefined) => Promise<Answer>

/** Makes a question of the settings of a probe. What is wrong with them is an answer: "inconclusive", and lasting. */
export async function prepare(settings: unknown, call: Pick<Write<LocalTools>, "connection" | "signal">): Promise<Ask> {
  const name = isPlain(settings) ? settings.probe : undefined
  if (typeof name !== "string" || !Object.hasOwn(probeSchemas, name))
    return unaskable(`there is no probe ${JSON.stringify(name)}; there are ${Object.keys(probeSchemas).join(", ")}`)
  const parsed = probeSchemas[name as ProbeName].safeParse(settings)
  if (!parsed.success) {
    const words = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join(".") || "settings"}: ${issue.message}`)
    return unaskable(`wrong settings of the ${name} probe: ${words.join("; ")}`)
  }
  const asker = (await askers[name as ProbeName]()) as Asker<unknown>
  return asking(asker, parsed.data, call)
}

function unaskable(evidence: string): Ask {
  return async () => ({ ...inconclusive(evidence), lasting: true })
}

function asking(
  asker: Asker<unknown>,
  settings: { readonly timeoutMs?: number | undefined },
  { connection, signal }: Pick<Write<LocalTools>, "connection" | "signal">,
): Ask {
  const memory = new Map<string, unknown>()
  const ownMs = settings.timeoutMs ?? asker.timeoutMs
  return async (limitMs = ownMs) => {
    const timeMs = Math.ceil(Math.min(limitMs, ownMs))
    const { controller, release } = follow([signal])
    let stage = ""
    const question = {
      signal: controller.signal,
      limitMs: timeMs,
      tools: connection,
      memory,
      at: (words: string) => (stage = words),
    }
    const ends: (() => void)[] = [release, () => controller.abort()]
    try {
      const late = new Promise<Answer>((resolve, reject) => {
        ends.push(
          startTimer(timeMs, () =>
            resolve({
              verdict: asker.late,
              evidence: `no answer within ${timeMs} ms${stage === "" ? "" : ` (${stage})`}`,
            }),
          ),
        )
        ends.push(onAbort(signal, reject))
      })
      return await Promise.race([answerOf(asker, settings, question), late])
    } finally {
      for (const end of ends) end()
    }
  }
}

/** What a probe throws is a mistake, of ours or in its settings: it says nothing about the target. */
async function answerOf(
  asker: Asker<unknown>,
  settings: unknown,
  question: Parameters<Asker<unknown>["ask"]>[1],
): Promise<Answer> {
  try {
    return await asker.ask(settings, question)
  } catch (error) {
    return inconclusive(`it could not be asked: ${causeText(error)}`)
  }
}
