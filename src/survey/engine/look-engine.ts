import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { asFettleError } from "../../errors.ts"
import type { EngineSurvey } from "../../events/engine-survey.ts"
import type { Unseen } from "../../events/survey.ts"
import { shaped } from "../../providers/docker/shape.ts"
import { type EngineAnswers, surveyOf } from "./engine-answers.ts"
import { type EngineJson, engineJson, type ListedContainer } from "./engine-json.ts"

/** Containers that are looked at by themselves: what more an Engine has is told from the list alone. */
const INSPECTS_MAX = 500
/** Looks at once. */
const AT_ONCE = 16
/** A person waits: the Engine may walk through all volumes to say how much they hold, and looks at single containers may be slow. */
const PATIENCE_MS = 2_500
/** `/_ping`, `/version` and `/info`, by which the connection was opened. */
const GREETING_CALLS = 3

export interface LookOptions {
  readonly target: string
  readonly signal: AbortSignal
  readonly now: () => Date
}

/** Looks at an Engine: six calls, and one for each of at most 500 containers. Nothing is written. */
export async function lookAtEngine(client: EngineClient, options: LookOptions): Promise<EngineSurvey> {
  const { signal, now } = options
  const begun = now()
  const unseen: Unseen[] = []
  let calls = GREETING_CALLS
  const get = async <K extends keyof EngineJson>(
    part: K,
    about: string,
    path: string,
    more: { readonly query?: Readonly<Record<string, string | boolean>>; readonly timeoutMs?: number } = {},
  ): Promise<EngineJson[K] | undefined> => {
    calls += 1
    try {
      const { json } = await client.json("GET", path, { ...more, signal })
      return shaped(engineJson[part], json, about) as EngineJson[K]
    } catch (thrown) {
      signal.throwIfAborted()
      unseen.push({ part: about, why: asFettleError(thrown, "DOCKER_FAILED").fact })
      return undefined
    }
  }
  const [info, containers, images, volumes, networks, use] = await Promise.all([
    get("info", "the Engine", "/info"),
    get("containers", "containers", "/containers/json", { query: { all: true } }),
    get("images", "images", "/images/json"),
    get("volumes", "volumes", "/volumes"),
    get("networks", "networks", "/networks"),
    get("use", "disk use", "/system/df", { timeoutMs: PATIENCE_MS }),
  ])
  const looks = await looksAt(containers ?? [], (path) => get("container", "a container", path))
  const missed = (containers?.length ?? 0) - looks.tried
  if (missed > 0)
    unseen.push({ part: "containers", why: `${missed} are told from the list alone: there was no time for more` })
  const answers: EngineAnswers = { info, containers, looks: looks.found, images, volumes, networks, use }
  const tookMs = now().getTime() - begun.getTime()
  const head = { target: options.target, at: begun.toISOString(), tookMs, calls }
  return { ...head, ...surveyOf(client.engine, answers), unseen }
}

type Look = EngineJson["container"]

/** Those that run first: what they are is what a person wants to know. */
async function looksAt(
  containers: readonly ListedContainer[],
  look: (path: string) => Promise<Look | undefined>,
): Promise<{ readonly found: ReadonlyMap<string, Look>; readonly tried: number }> {
  const isUp = ({ State }: ListedContainer): boolean => State === "running" || State === "restarting"
  const waiting = [...containers.filter(isUp), ...containers.filter((each) => !isUp(each))].slice(0, INSPECTS_MAX)
  const found = new Map<string, Look>()
  const until = performance.now() + PATIENCE_MS
  let tried = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const next = waiting.shift()
      if (next === undefined) return
      tried += 1
      const seen = await look(`/containers/${encodeURIComponent(next.Id)}/json`)
      if (seen !== undefined) found.set(next.Id, seen)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { found, tried }
}
