import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type BuildOptions, buildImage, type ImageBuild } from "../../src/connect/docker/build-image.ts"
import type { BuildEvent } from "../../src/connect/docker/build-log.ts"
import type { EngineClient } from "../../src/connect/docker/engine-client.ts"
import { FettleError } from "../../src/errors.ts"
import { canStartEngines, closeAll, DockerWorld, open, stopEngines } from "./docker-world.ts"

const run = canStartEngines()
let world: DockerWorld
let client: EngineClient
let context: string
let events: BuildEvent[]

beforeAll(async () => {
  if (!run) return
  world = await DockerWorld.start()
  world.image("base:1")
  client = (await open({ host: world.host })).client
}, 120_000)

afterAll(async () => {
  await closeAll()
  await stopEngines()
})

beforeEach(() => {
  context = mkdtempSync(join(tmpdir(), "fettle-build-"))
  events = []
  return () => rmSync(context, { recursive: true, force: true })
})

function write(files: Record<string, string | Buffer>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, path)), { recursive: true })
    writeFileSync(join(context, path), text)
  }
}

function build(more: Partial<ImageBuild> = {}, options: BuildOptions = {}) {
  return buildImage(
    client,
    { context, network: "none", ...more },
    { progress: (each) => events.push(each), ...options },
  )
}

async function failure(more: Partial<ImageBuild> = {}, options: BuildOptions = {}): Promise<FettleError> {
  const error = await build(more, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(FettleError)
  return error as FettleError
}

/** What an image holds, by `docker export` of a container that never runs. */
function namesIn(image: string): string[] {
  const id = world.docker("create", image, "none")
  try {
    const env = { PATH: process.env.PATH ?? "" }
    const line = `docker -H ${world.host} export ${id} | tar -tf -`
    return execFileSync("sh", ["-c", line], { encoding: "utf8", env }).trim().split("\n")
  } finally {
    world.docker("rm", id)
  }
}

describe.skipIf(!run).each(["buildkit", "old"] as const)("%s", (builder) => {
  test("builds what is there, tells of each step, and tags it", async () => {
    write({
      Dockerfile: "FROM base:1\nARG WHO\nCOPY . /srv/app\nRUN echo hello $WHO && ls -l /srv/app\n",
      ".dockerignore": "node_modules\n**/*.log\n!keep.log\n",
      "a.txt": "1",
      "deep/keep.log": "2",
      "keep.log": "3",
      "node_modules/x": "4",
    })
    chmodSync(join(context, "a.txt"), 0o751)
    symlinkSync("a.txt", join(context, "link"))
    const built = await build({
      builder,
      args: { WHO: "there" },
      tags: ["shop/web:1", "shop/web"],
      labels: { by: "us" },
    })
    expect(built).toMatchObject({ builder, imageId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) })
    expect(world.docker("image", "inspect", "-f", "{{.Id}} {{.Config.Labels.by}}", "shop/web:1")).toBe(
      `${built.imageId} us`,
    )
    expect(world.docker("image", "inspect", "-f", "{{.Id}}", "shop/web:latest")).toBe(built.imageId)
    const names = namesIn("shop/web:1").filter((name) => name.startsWith("srv/app/") && name !== "srv/app/")
    expect(names.sort()).toEqual([
      "srv/app/.dockerignore",
      "srv/app/Dockerfile",
      "srv/app/a.txt",
      "srv/app/deep/",
      "srv/app/keep.log",
      "srv/app/link",
    ])
    const told = events.filter((each) => each.type === "output").map(({ text }) => text)
    expect(told).toContain("hello there")
    expect(told.join("\n")).toMatch(/-rwxr-x--x .* a\.txt/)
    const steps = events.filter((each) => each.type === "step" && each.name.includes("RUN echo"))
    expect(steps.map((each) => each.type === "step" && each.state)).toEqual(["started", "done"])
  })

  test("the same build again is taken from the cache and gives the same image", async () => {
    write({ Dockerfile: "FROM base:1\nCOPY a /a\nRUN echo once > /b\n", a: "1" })
    const first = await build({ builder })
    events = []
    const second = await build({ builder })
    expect(second.imageId).toBe(first.imageId)
    expect(events.some((each) => each.type === "step" && each.state === "cached" && each.name.includes("RUN"))).toBe(
      true,
    )
  })

  test("a Dockerfile that is ignored, or lies elsewhere, is used and is in no image", async () => {
    write({ ".dockerignore": "Dockerfile*\n.dockerignore\n", "Dockerfile.prod": "FROM base:1\nCOPY . /srv/\n", a: "1" })
    const elsewhere = mkdtempSync(join(tmpdir(), "fettle-build-"))
    try {
      writeFileSync(join(elsewhere, "Other"), "FROM base:1\nCOPY a /srv/other\n")
      const inside = await build({ builder, dockerfile: "Dockerfile.prod" })
      expect(namesIn(inside.imageId).filter((name) => /^srv\/./.test(name))).toEqual(["srv/a"])
      const outside = await build({ builder, dockerfile: join(elsewhere, "Other") })
      expect(namesIn(outside.imageId).filter((name) => /^srv\/./.test(name))).toEqual(["srv/other"])
    } finally {
      rmSync(elsewhere, { recursive: true })
    }
  })

  const failures: readonly [what: string, Dockerfile: string, code: string, fact: RegExp, tail: RegExp][] = [
    ["a failing RUN", "FROM base:1\nRUN echo last words; exit 3\n", "BUILD_STEP_FAILED", /RUN echo.*3/s, /last words/],
    ["a syntax error", "FROM base:1\nFROMM x\n", "DOCKERFILE_INVALID", /FROMM/i, /^$/],
    ["an empty Dockerfile", "\n", "DOCKERFILE_INVALID", /./, /^$/],
    ["a target that is none", "FROM base:1 AS one\n", "DOCKERFILE_INVALID", /nowhere/, /^$/],
    ["a missing COPY source", "FROM base:1\nRUN echo first\nCOPY nope /\n", "BUILD_SOURCE_MISSING", /nope/, /^$/],
    ["an ignored COPY source", "FROM base:1\nCOPY ignored /\n", "BUILD_SOURCE_MISSING", /ignored/, /^$/],
    ["a base image of no registry", "FROM registry.invalid/x:1\n", "BASE_IMAGE_UNAVAILABLE", /registry\.invalid/, /^$/],
    ["a base image that cannot be pulled", "FROM 127.0.0.1:9/x:1\n", "BASE_IMAGE_UNAVAILABLE", /127\.0\.0\.1:9/, /^$/],
  ]
  test.each(failures)(
    "%s rejects with its step and the tail of the log",
    async (what, Dockerfile, code, fact, tail) => {
      write({ Dockerfile, ".dockerignore": "ignored", ignored: "" })
      const error = await failure({ builder, ...(what.startsWith("a target") && { target: "nowhere" }) })
      expect([error.code, error.fact]).toEqual([code, expect.stringMatching(fact)])
      expect(error.details).toMatchObject({ tail: expect.stringMatching(tail), notMade: true })
      if (code === "BUILD_STEP_FAILED") expect(error.details?.step).toMatch(/RUN echo/)
    },
  )

  test("a missing Dockerfile rejects", async () => {
    expect((await failure({ builder })).code).toBe("DOCKERFILE_MISSING")
  })

  test("a context that changes while it is read rejects, and no image is made of what was read", async () => {
    write({
      Dockerfile: "FROM base:1\nCOPY . /srv/\n",
      "a-large": Buffer.alloc(50_000_000, 1),
      "z-last": Buffer.alloc(9_000_000),
    })
    const changing = setInterval(
      () => utimesSync(join(context, "a-large"), Math.random() * 1e9, 1e9 * Math.random()),
      1,
    )
    const error = await failure({ builder }).finally(() => clearInterval(changing))
    expect(error.code).toBe("BUILD_CONTEXT_UNREADABLE")
    expect(error.details).toMatchObject({ path: "a-large", notMade: true })
  })

  test("a cancelled build rejects with where it was, and the Engine gives its step up", async () => {
    write({ Dockerfile: "FROM base:1\nRUN echo begun; sleep 98765\n" })
    const stop = new AbortController()
    const building = failure(
      { builder },
      { signal: stop.signal, progress: ({ type }) => type === "output" && stop.abort() },
    )
    const error = await building
    expect(error.code).toBe("CANCELLED")
    expect(error.fact).toMatch(/RUN echo begun/)
    expect(error.details).toMatchObject({ tail: "begun", step: expect.stringMatching(/RUN echo begun/) })
    for (let tries = 0; tries < 100 && isRunning("sleep 98765"); tries += 1) await sleep(100)
    expect(isRunning("sleep 98765")).toBe(false)
  })

  test("a build that took too long says so", async () => {
    write({ Dockerfile: "FROM base:1\nRUN echo begun; sleep 87654\n" })
    const late = new FettleError("TIMEOUT", "not done within 3000 ms")
    const stop = new AbortController()
    setTimeout(() => stop.abort(late), 3_000)
    const error = await failure({ builder }, { signal: stop.signal })
    expect([error.code, error.details?.tail]).toEqual(["TIMEOUT", "begun"])
  })
})

function isRunning(command: string): boolean {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n").includes(command)
}

describe.skipIf(!run)("secrets", () => {
  const value = "correct horse battery staple"

  test("a step reads a secret; no layer, argument or log has it", async () => {
    write({
      Dockerfile:
        "FROM base:1\nRUN --mount=type=secret,id=token echo got $(cat /run/secrets/token); cat /run/secrets/token | base64; echo x > /y\n",
    })
    const { imageId } = await build({ secrets: { token: value }, noCache: true })
    const told = JSON.stringify(events)
    expect(told).toContain("got [secret token]")
    for (const form of [value, Buffer.from(value).toString("base64")]) expect(told).not.toContain(form)
    expect(world.docker("history", "--no-trunc", imageId)).not.toContain("horse")
    expect(world.docker("image", "inspect", imageId)).not.toContain("horse")
    const layers = execFileSync(
      "sh",
      ["-c", `docker -H ${world.host} save ${imageId} | tar -xOf - | grep -c horse || true`],
      {
        encoding: "utf8",
        env: { PATH: process.env.PATH ?? "" },
      },
    )
    expect(layers.trim()).toBe("0")
    expect(execFileSync("sh", ["-c", `grep -rl horse ${world.at("data")} || true`], { encoding: "utf8" })).toBe("")
    expect(world.log).not.toContain("horse")
  })

  test("a failing step does not tell it either", async () => {
    write({ Dockerfile: "FROM base:1\nRUN --mount=type=secret,id=token cat /run/secrets/token; exit 1\n" })
    const error = await failure({ secrets: { token: value }, noCache: true })
    expect(error.code).toBe("BUILD_STEP_FAILED")
    expect(JSON.stringify(error)).not.toContain("horse")
    expect(error.details?.tail).toBe("[secret token]")
  })

  test("one that is not given is an error of the step, and the old builder has none", async () => {
    write({ Dockerfile: "FROM base:1\nRUN --mount=type=secret,id=other,required cat /run/secrets/other\n" })
    expect((await failure({ secrets: { token: value } })).fact).toMatch(/other/)
    expect((await failure({ secrets: { token: value }, builder: "old" })).code).toBe("DOCKER_UNSUPPORTED")
  })
})

describe.skipIf(!run)("file sync", () => {
  test("an unchanged context of 100 files sends at most 1 % of its bytes again, a changed file only itself", async () => {
    for (let at = 0; at < 100; at += 1) write({ [`src/file-${at}`]: Buffer.alloc(20_000, at) })
    write({ Dockerfile: "FROM base:1\nCOPY src /srv/\n" })
    const first = await build()
    const second = await build()
    expect(first.sentBytes).toBeGreaterThan(2_000_000)
    expect(second.sentBytes).toBeLessThanOrEqual(first.sentBytes / 100)
    expect(second.imageId).toBe(first.imageId)
    write({ "src/file-7": Buffer.alloc(20_000, 200) })
    const third = await build()
    expect(third.sentBytes).toBeLessThan(second.sentBytes + 21_000)
    expect(third.imageId).not.toBe(first.imageId)
  })

  test("only what a COPY names is sent, and where a link leads to", async () => {
    write({ "big/not-asked": Buffer.alloc(5_000_000), "src/a": "1", "lib/b": "2" })
    symlinkSync("lib", join(context, "linked"))
    write({ Dockerfile: "FROM base:1\nCOPY src linked/b /srv/\n" })
    const built = await build()
    expect(built.sentBytes).toBeLessThan(2_000)
    expect(namesIn(built.imageId).filter((name) => /^srv\/./.test(name))).toEqual(["srv/a", "srv/b"])
  })

  test("a Dockerfile of the same length is read again", async () => {
    write({ Dockerfile: "FROM base:1\nLABEL a=1\n" })
    const first = await build()
    write({ Dockerfile: "FROM base:1\nLABEL a=2\n" })
    expect((await build()).imageId).not.toBe(first.imageId)
  })
})

describe.skipIf(!run)("an Engine that goes away", () => {
  test.each(["buildkit", "old"] as const)(
    "in the middle of a build rejects it (%s)",
    async (builder) => {
      const own = await DockerWorld.start()
      own.image("base:1")
      const { client: other } = await open({ host: own.host })
      write({ Dockerfile: "FROM base:1\nRUN echo begun; sleep 76543\n" })
      let killed: Promise<void> | undefined
      const error = await buildImage(
        other,
        { context, builder, network: "none" },
        {
          progress: ({ type }) => {
            if (type === "output") killed ??= own.down("SIGKILL")
          },
        },
      ).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code: "BUILD_CUT_OFF", details: { tail: "begun", notMade: false } })
      await killed
      endLeftBehind(own.folder, "sleep 76543")
      await own.remove()
    },
    120_000,
  )
})

/** What an Engine that was killed leaves running: the step of its build, and who watched over it. */
function endLeftBehind(folder: string, step: string): void {
  for (const line of execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n")) {
    const [, pid, args = ""] = /^\s*(\d+) (.*)$/.exec(line) ?? []
    if (args === step || (args.includes(`${folder}/`) && args.includes("containerd-shim"))) process.kill(Number(pid), 9)
  }
}
