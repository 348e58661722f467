import { type ErrorCode, FettleError } from "../../errors.ts"
import type { BuildLog } from "./build-log.ts"

/** Of the Engine's words, this much is shown. */
const SAID_CHARACTERS = 1_000

/** Told by the Engine, or by the command of a step: either way it is the Engine's disk. */
const NO_SPACE = /no space left on device/i
/** Of what a step wrote, so many of its last lines may say why it failed. */
const LAST_LINES = 5

/** What it means that a step failed: its name says more than the words do, and changes less with the Engine's version. */
const STEPS: readonly (readonly [name: RegExp, words: RegExp, ErrorCode])[] = [
  [/^\[internal\] load metadata for |^\[[^\]]*\d+\/\d+\] FROM /, /./, "BASE_IMAGE_UNAVAILABLE"],
  [/^\[[^\]]*\d+\/\d+\] RUN /, /./, "BUILD_STEP_FAILED"],
  [
    /^\[[^\]]*\d+\/\d+\] (COPY|ADD) /,
    /not found|no such file|does not exist|no source files|forbidden path/i,
    "BUILD_SOURCE_MISSING",
  ],
]

/** What the words mean where no step failed, first match first. */
const WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/failed to read dockerfile|cannot locate specified dockerfile/i, "DOCKERFILE_MISSING"],
  [/executor failed running|did not complete successfully|returned a non-zero code/, "BUILD_STEP_FAILED"],
  [/COPY failed|ADD failed|(compute|calculate) (cache key|checksum)/, "BUILD_SOURCE_MISSING"],
  [
    /failed to (do request|resolve source metadata|authorize|fetch)|pull access denied|manifest (for .* not found|unknown)|repository does not exist|basic auth|unauthorized|(Head|Get) "?https?:/i,
    "BASE_IMAGE_UNAVAILABLE",
  ],
  [
    /dockerfile parse error|unknown instruction|no build stage|no instructions|cannot be empty|unknown flag|requires (at least|exactly)|should not be blank|failed to (parse|process) |(target stage|build target) .*|failed to create LLB definition/i,
    "DOCKERFILE_INVALID",
  ],
]

/**
 * What an Engine's words about a failed build mean.
 * @param step the step that failed
 */
export function meaningOf(said: string, step: string | undefined): ErrorCode {
  if (NO_SPACE.test(said)) return "BUILD_NO_SPACE"
  const found = STEPS.find(([name, words]) => step !== undefined && name.test(step) && words.test(said))
  return found?.[2] ?? WORDS.find(([words]) => words.test(said))?.[1] ?? "BUILD_FAILED"
}

/** The error of a build that the Engine says has failed: the step, its words, and the end of what the step wrote. */
export function buildFailure(said: string, log: BuildLog, cause?: unknown): FettleError {
  const words = log.clean(said).trim()
  const { step, failed, tail } = log.place()
  const isFull = NO_SPACE.test(tail.split("\n").slice(-LAST_LINES).join("\n"))
  const code = failed && isFull ? "BUILD_NO_SPACE" : meaningOf(words, failed ? step : undefined)
  return failureAt(code, words.slice(0, SAID_CHARACTERS), log, cause)
}

/** An error with the step that was under way and the end of what it wrote. */
export function failureAt(code: ErrorCode, words: string, log: BuildLog, cause?: unknown): FettleError {
  const { step, tail } = log.place()
  const last = tail.split("\n").findLast((line) => line.trim() !== "")
  const fact = [step, words, last === undefined ? undefined : `its last words: ${last}`]
  return new FettleError(code, fact.filter((each) => each !== undefined && each !== "").join(": "), {
    cause,
    details: { step, tail, notMade: code !== "BUILD_CUT_OFF" },
  })
}
