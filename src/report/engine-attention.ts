import type { ContainerFound, EngineSurvey } from "../events/engine-survey.ts"
import { several, size } from "./amounts.ts"
import { type Attention, names } from "./survey-attention.ts"

/** Who has been started again so often, and again so lately, does not run: it falls over and over. */
const RESTARTS = 3
const LATELY_MS = 600_000
/** Ends that somebody asked for: none of them is a failure. SIGINT, SIGKILL, SIGTERM. */
const ASKED_FOR: ReadonlySet<number> = new Set([0, 130, 137, 143])

/** What a person should look at first on an Engine. Pure. */
export function engineAttention(survey: EngineSurvey): readonly Attention[] {
  const { containers = [], engine, at } = survey
  const told = (
    bad: boolean,
    about: string,
    of: (each: ContainerFound) => boolean,
    inWords: (each: ContainerFound) => string = withEnd,
  ): Attention[] => {
    const found = containers.filter(of)
    return found.length === 0 ? [] : [{ bad, text: `${about}: ${names(found.map(inWords))}` }]
  }
  return [
    ...told(true, "restarts in a loop", (each) => isInLoop(each, Date.parse(at)), withRestarts),
    ...told(true, "unhealthy", ({ more }) => more?.health === "unhealthy"),
    ...told(true, "dead", ({ state }) => state === "dead"),
    ...told(true, "ended for want of memory", ({ state, more }) => state === "exited" && more?.outOfMemory === true),
    ...told(false, "ended with an error", hasFailed),
    ...told(false, "stopped, and is to run always", isMissed),
    ...told(false, "paused", ({ state }) => state === "paused"),
    ...told(false, "privileged: as mighty as root of this machine", ({ more }) => more?.privileged === true),
    ...told(false, "holds the Engine's socket, and so all of this machine", ({ more }) => more?.holdsSocket === true),
    ...ofUnused(survey),
    ...engine.warnings.map((text) => ({ bad: false, text: `the Engine says: ${text}` })),
  ]
}

/** How often, whichever moment of the loop it was found at; what it ended with where that can be seen: 0 is said of one that runs again. */
function withRestarts({ name, state, more }: ContainerFound): string {
  if (more === undefined) return name
  const end = state === "restarting" && more.exitCode !== 0 ? `, ended with ${more.exitCode}` : ""
  return `${name} (${several(more.restarts, "restart")}${end})`
}

function withEnd({ name, state, more }: ContainerFound): string {
  const isEnded = state === "exited" || state === "restarting"
  return isEnded && more !== undefined ? `${name} (${more.exitCode})` : name
}

export function isInLoop({ state, more }: ContainerFound, now: number): boolean {
  if (state === "restarting") return true
  if (state !== "running" || more?.startedAt === undefined || more.restarts < RESTARTS) return false
  return now - Date.parse(more.startedAt) < LATELY_MS
}

function hasFailed({ state, more }: ContainerFound): boolean {
  return state === "exited" && more !== undefined && !more.outOfMemory && !ASKED_FOR.has(more.exitCode)
}

/** Its policy would have the Engine start it again, and it is not running: somebody stopped it, or it has used up its tries. */
function isMissed(each: ContainerFound): boolean {
  return each.state === "exited" && each.more?.restart === "always" && !hasFailed(each)
}

function ofUnused({ images = [], volumes = [] }: EngineSurvey): readonly Attention[] {
  const idle = images.filter(({ used }) => used === false)
  const bytes = idle.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const lost = volumes.filter(({ used, anonymous }) => used === false && anonymous)
  return [
    ...(bytes < MUCH_BYTES
      ? []
      : [{ bad: false, text: `${several(idle.length, "image")} of ${size(bytes)} are used by nothing` }]),
    ...(lost.length < MANY
      ? []
      : [{ bad: false, text: `${several(lost.length, "unnamed volume")} are left of containers that are gone` }]),
  ]
}

/** From here on it is worth a line. */
const MUCH_BYTES = 5 * 1_024 ** 3
const MANY = 10
