import { expect, test } from "vitest"
import { buildFailure, meaningOf } from "./build-failure.ts"
import { type BuildEvent, BuildLog } from "./build-log.ts"
import { OldBuildReader } from "./old-builder.ts"

/** Words of Engines from 20.10 on, as their sources and their users' reports have them. */
test.each([
  ["executor failed running [/bin/sh -c false]: exit code: 1", "[2/2] RUN false", "BUILD_STEP_FAILED"],
  ['process "/bin/sh -c false" did not complete successfully: exit code: 1', "[b 2/9] RUN false", "BUILD_STEP_FAILED"],
  ["The command '/bin/sh -c exit 3' returned a non-zero code: 3", "[2/2] RUN exit 3", "BUILD_STEP_FAILED"],
  ["executor failed running [/bin/sh -c x]: exit code: 137", undefined, "BUILD_STEP_FAILED"],
  ['failed to compute cache key: "/nope" not found: not found', "[2/2] COPY nope /", "BUILD_SOURCE_MISSING"],
  ['failed to calculate checksum of ref x::y: "/nope": not found', "[2/2] COPY nope /", "BUILD_SOURCE_MISSING"],
  ["COPY failed: file not found in build context or excluded by .dockerignore", undefined, "BUILD_SOURCE_MISSING"],
  ["dockerfile parse error line 2: unknown instruction: FROMM", undefined, "DOCKERFILE_INVALID"],
  ["dockerfile parse error on line 2: unknown instruction: FROMM", undefined, "DOCKERFILE_INVALID"],
  ["the Dockerfile (Dockerfile) cannot be empty", undefined, "DOCKERFILE_INVALID"],
  ["target stage nowhere could not be found", undefined, "DOCKERFILE_INVALID"],
  ["failed to solve with frontend dockerfile.v0: failed to read dockerfile: open x", undefined, "DOCKERFILE_MISSING"],
  ["pull access denied for x, repository does not exist", undefined, "BASE_IMAGE_UNAVAILABLE"],
  ["manifest for x:1 not found: manifest unknown", "[1/1] FROM x:1", "BASE_IMAGE_UNAVAILABLE"],
  ["unexpected status code 401", "[internal] load metadata for r.test/x:1", "BASE_IMAGE_UNAVAILABLE"],
  ['failed to do request: Head "https://r.test/v2/x": dial tcp', undefined, "BASE_IMAGE_UNAVAILABLE"],
  ["write /var/lib/docker/tmp: no space left on device", "[2/2] COPY . /", "BUILD_NO_SPACE"],
  ["something new", "[2/2] COPY . /", "BUILD_FAILED"],
] as const)("%s, in %s", (said, step, code) => expect(meaningOf(said, step)).toBe(code))

function logged(secrets: Record<string, string> = {}) {
  const events: BuildEvent[] = []
  return { events, log: new BuildLog({ secrets, hide: (text) => text, tell: (event) => events.push(event) }) }
}

test("a failure holds the step, the Engine's words, and the end of what the step wrote", () => {
  const { log } = logged()
  log.step("a", "[1/2] RUN make", "started")
  log.output("a", Buffer.from(Array.from({ length: 200 }, (_, at) => `line ${at}\n`).join("")), "stdout")
  log.output("a", Buffer.from("no newline at the end"), "stderr")
  log.step("b", "[other 1/1] RUN sleep", "started")
  log.step("a", "[1/2] RUN make", "failed")
  const error = buildFailure("executor failed running [make]: exit code: 2\n", log)
  expect(error.fact).toBe(
    "[1/2] RUN make: executor failed running [make]: exit code: 2: its last words: no newline at the end",
  )
  const tail = String(error.details?.tail).split("\n")
  expect([tail.length, tail[0], tail.at(-1)]).toEqual([50, "line 151", "no newline at the end"])
})

test("a secret is hidden also where it comes in pieces, and in names and the Engine's words", () => {
  const { log, events } = logged({ token: "sesame-open", pin: "1234" })
  log.step("a", "RUN login sesame-open", "started")
  for (const piece of ["it is ses", "ame-op", "en and 12", "34\nmore"]) log.output("a", Buffer.from(piece), "stdout")
  log.step("a", "RUN login sesame-open", "failed")
  const told = JSON.stringify([events, buildFailure("cannot use sesame-open", log)])
  expect(told).toContain("it is [secret token] and [secret pin]")
  expect(told).not.toMatch(/sesame|1234/)
})

test("a character of several bytes that is cut in two is one character", () => {
  const { log, events } = logged()
  const bytes = Buffer.from("☺☺\n")
  for (const byte of bytes) log.output("a", Buffer.from([byte]), "stdout")
  expect(events.map((each) => each.type === "output" && each.text)).toEqual(["☺☺"])
})

test("the old builder's lines become steps", () => {
  const { log, events } = logged()
  const reader = new OldBuildReader(log)
  for (const text of [
    "Step 1/3 : FROM base:1\n",
    " ---> 0123456789ab\n",
    "Step 2/3 : COPY . /srv\n",
    " ---> Using cache\n",
    " ---> 0123456789ab\n",
    "Step 3/3 : RUN a   && b\n",
    " ---> Running in 0123456789ab\n",
    "hello\n",
    "\u001b[91mof standard error\n\u001b[0m",
  ])
    reader.read(text)
  reader.end("failed")
  expect(events.map((each) => `${each.name} ${each.type === "step" ? each.state : each.text}`)).toEqual([
    "[1/3] FROM base:1 started",
    "[1/3] FROM base:1 done",
    "[2/3] COPY . /srv started",
    "[2/3] COPY . /srv cached",
    "[3/3] RUN a   && b started",
    "[3/3] RUN a   && b hello",
    "[3/3] RUN a   && b of standard error",
    "[3/3] RUN a   && b failed",
  ])
})
