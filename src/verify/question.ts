import { causeText } from "../errors.ts"
import { follow, onAbort } from "../policies/signals.ts"
import { isPlain } from "../program/output.ts"
import { type ProbeName, type ProbeSettings, probeSchemas } from "../program/probe-settings.ts"
import { type Answer, type Asker, type Before, inconclusive } from "./answer.ts"
import { Clock } from "./clock.ts"
import { shown } from "./expectation.ts"
import type { Standpoint } from "./where.ts"

type Askers = { readonly [N in ProbeName]: () => Promise<Asker<ProbeSettings<N>>> }

/** Each probe is loaded when it is first asked: most runs need one or two of them. */
const askers: Askers = {
  http: async () => (await import("./probes/http.ts")).http,
  tcp: async () => (await import("./probes/tcp.ts")).tcp,
  dns: async () => (await import("./probes/dns.ts")).dns,
  command: async () => (await import("./probes/command.ts")).command,
  file: async () => (await import("./probes/file.ts")).file,
  log: async () => (await import("./probes/log.ts")).log,
  sql: async () => (await import("./probes/sql.ts")).sql,
  process: async () => (await import("./probes/process.ts")).process,
  container: async () => (await import("./probes/container.ts")).container,
  prometheus: async () => (await import("./probes/prometheus.ts")).prometheus,
}

/** What a question is put with. */
interface Asking extends Standpoint {
  readonly signal: AbortSignal
  readonly before?: Before | undefined
  /** Text without the secrets that are known by now. */
  hide(text: string): string
}

/** Puts a question once, in at most `limitMs`. */
export type Ask = (limitMs: number | undefined) => Promise<Answer>

/** Makes a question of the settings of a probe. What is wrong with them is an answer: "inconclusive", and lasting. */
export async function prepare(settings: unknown, call: Asking): Promise<Ask> {
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
  { tools, where, before, signal, hide }: Asking,
): Ask {
  const memory = new Map<string, unknown>()
  const ownMs = settings.timeoutMs ?? asker.timeoutMs
  return async (limitMs = ownMs) => {
    const timeMs = Math.ceil(Math.min(limitMs, ownMs))
    const { controller, release } = follow([signal])
    const clock = new Clock(timeMs, asker.late)
    const question = {
      signal: controller.signal,
      limitMs: timeMs,
      tools,
      where,
      before,
      memory,
      hide,
      show: (value: unknown) => shown(value, hide),
      at: (words: string) => clock.at(words),
      waits: (words: string) => clock.waits(words),
      goesOn: (ours?: string) => clock.goesOn(ours),
    }
    const ends: (() => void)[] = [release, () => clock.stop(), () => controller.abort()]
    try {
      const cancelled = new Promise<never>((_, reject) => ends.push(onAbort(signal, reject)))
      return await Promise.race([answerOf(asker, settings, question), clock.late, cancelled])
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
