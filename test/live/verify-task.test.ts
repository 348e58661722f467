import { mkdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { expect, test } from "vitest"
import type { Address } from "../../src/program/address.ts"
import { type TaskCall, type TaskProps, taskProps } from "../../src/program/task.ts"
import type { Json, Last } from "../../src/provider.ts"
import { decode, encode } from "../../src/state/encode.ts"
import { taskProvider } from "../../src/verify/task.ts"
import type { TaskOutputs } from "../../src/verify/task-plan.ts"
import { callIn, newFolder, openedSecret } from "./verify-support.ts"

type Raw = Parameters<typeof taskProps.parse>[0]

/** A task in a folder of its own, planned and run as the engine would, with state between. */
class TaskWorld {
  readonly folder: string
  last: Last<TaskProps, TaskOutputs> | undefined
  logged: readonly string[] = []

  constructor(folder: string) {
    this.folder = folder
  }

  async plan(raw: Raw, open: readonly string[] = []) {
    const want = taskProps.parse(raw)
    const address = "fettle.task[t]" as Address
    const key = {
      address,
      want,
      ...(this.last === undefined ? {} : { last: this.last }),
      ...(open.length > 0 ? { open } : {}),
    }
    const seen = (await taskProvider.read([key], callIn(this.folder))).get(address)
    if (seen === undefined) throw new Error("no answer")
    if ("failed" in seen) throw seen.failed
    return taskProvider.plan(want, seen, this.last)
  }

  async run(raw: Raw, signal?: AbortSignal): Promise<TaskOutputs> {
    const want = taskProps.parse(raw)
    const call = callIn(this.folder, signal)
    this.logged = call.logged
    const outputs = await taskProvider.ensure(want, { absent: true }, { action: "run" }, call)
    const carry = taskProvider.carry?.(outputs) as Json
    this.last = {
      props: decode(encode(want)) as TaskProps,
      outputs: decode(encode(outputs)) as TaskOutputs,
      carry,
      unfinished: false,
    }
    return outputs
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.folder, name), text)
  }
}

async function world(): Promise<TaskWorld> {
  const made = new TaskWorld(await newFolder())
  await mkdir(join(made.folder, "src"))
  await made.write("src/a.ts", "a")
  await made.write("src/b.ts", "b")
  return made
}

const build = {
  run: ["sh", "-c", "cat src/*.ts > out.txt; echo built; echo careful >&2"],
  files: ["src/**"],
  outputs: ["out.txt"],
}

function inputNames(last: Last<TaskProps, TaskOutputs> | undefined): readonly string[] {
  const { inputs = {} } = (last?.carry ?? {}) as { inputs?: object }
  return Object.keys(inputs)
}

test("runs once per change of its inputs, and says why", async () => {
  const it = await world()
  expect(await it.plan(build)).toEqual({ action: "run", because: "it has not run yet" })
  expect(await it.run(build)).toMatchObject({ result: "built" })
  expect(it.logged.join("")).toContain("careful")
  expect(await it.plan(build)).toEqual({ action: "none" })

  await it.write("src/a.ts", "A")
  expect(await it.plan(build)).toEqual({ action: "run", because: "input src/a.ts changed" })
  await it.run(build)
  await it.write("src/c.ts", "c")
  await rm(join(it.folder, "src/b.ts"))
  expect(await it.plan(build)).toEqual({ action: "run", because: "input src/c.ts is new; input src/b.ts is gone" })
  await it.run(build)
  await rename(join(it.folder, "out.txt"), join(it.folder, "kept.txt"))
  expect(await it.plan(build)).toEqual({ action: "run", because: "output out.txt is missing" })
  await it.write("out.txt", "by hand")
  expect(await it.plan(build)).toEqual({ action: "run", because: "output out.txt changed" })
})

test("the same content with a new time is no change; another content with the old time and size is", async () => {
  const it = await world()
  const old = new Date(1_000_000_000_000)
  await utimes(join(it.folder, "src/a.ts"), old, old)
  await it.run(build)
  await utimes(join(it.folder, "src/a.ts"), new Date(), new Date())
  expect(await it.plan(build)).toEqual({ action: "none" })
  await it.write("src/a.ts", "z")
  await utimes(join(it.folder, "src/a.ts"), old, old)
  expect(await it.plan(build)).toMatchObject({ action: "run", because: "input src/a.ts changed" })
})

test("a run that was cut off runs again", async () => {
  const it = await world()
  await it.run(build)
  expect(await it.plan(build, ["token-of-a-cut-off-run"])).toEqual({
    action: "run",
    because: "its last run was cut off",
  })
})

test("names, folders, exclusions, absent files, odd names and things that are no files", async () => {
  const it = await world()
  const { folder } = it
  await mkdir(join(folder, "node_modules/x"), { recursive: true })
  await it.write("node_modules/x/i.ts", "1")
  await it.write("src/[odd] name.ts", "1")
  await it.write("src/.hidden.ts", "1")
  await symlink(folder, join(folder, "src/loop"))
  await symlink("nowhere", join(folder, "src/dangling"))
  const { run, baseEnv } = callIn(folder).connection
  await run(["mkfifo", "src/pipe"], { cwd: folder, env: baseEnv })
  const task = { run: ["true"], files: ["src", "**/*.ts", "src/[odd] name.ts", "absent.json", "!src/b.ts"] }
  await it.run(task)
  expect(inputNames(it.last)).toEqual([
    "src/[odd] name.ts",
    "src/a.ts",
    "src/dangling",
    "src/loop",
    "src/pipe",
    "absent.json",
  ])
  await it.write("src/b.ts", "not an input")
  await it.write("src/.hidden.ts", "not an input either")
  await it.write("node_modules/x/i.ts", "2")
  expect(await it.plan(task)).toEqual({ action: "none" })
  await it.write("absent.json", "{}")
  expect(await it.plan(task)).toEqual({ action: "run", because: "input absent.json changed" })
})

test("many files are hashed on worker threads, to the same end", async () => {
  const it = await world()
  await Promise.all(Array.from({ length: 600 }, (_, at) => it.write(`src/f${at}.txt`, `content ${at}`)))
  await it.write("src/large.bin", "x".repeat(9 << 20))
  await it.run(build)
  expect(await it.plan(build)).toEqual({ action: "none" })
  await it.write("src/f599.txt", "other")
  expect(await it.plan(build)).toEqual({ action: "run", because: "an input file changed" })
  await it.write("src/f599.txt", "content 599")
  expect(await it.plan(build)).toEqual({ action: "none" })
  await it.write("src/large.bin", `${"x".repeat((9 << 20) - 1)}y`)
  expect(await it.plan(build)).toMatchObject({ action: "run" })
})

test("a command fails with its exit code, duration and the tails of both streams", async () => {
  const it = await world()
  const failing = it.run({ run: ["sh", "-c", "echo out; echo one >&2; echo 'no space left' >&2; exit 3"] })
  await expect(failing).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: expect.stringMatching(/^exit code 3 after \d+ ms: no space left$/),
    details: {
      exitCode: 3,
      durationMs: expect.any(Number),
      stdoutTail: "out\n",
      stderrTail: "one\nno space left\n",
      notMade: true,
    },
  })
})

test("a command that is not there, one that a signal ends, and an output that was not made", async () => {
  const it = await world()
  await expect(it.run({ run: ["no-such-command-here"] })).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: "no-such-command-here could not be started: spawn no-such-command-here ENOENT",
    next: expect.stringContaining("install the command"),
  })
  await expect(it.run({ run: ["echo", "a\0b"] })).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: "echo could not be started: one of its words holds a NUL byte",
    next: expect.not.stringContaining("install"),
  })
  await expect(it.run({ run: ["sh", "-c", "kill -9 $$"] })).rejects.toMatchObject({ code: "TASK_FAILED" })
  await expect(it.run({ run: ["true"], outputs: ["junit.xml"] })).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: "it ended well but did not make junit.xml",
  })
})

test("a command that takes too long is stopped, and counts as cut off", async () => {
  const it = await world()
  const begun = performance.now()
  const error = await it.run({ run: ["sleep", "30"], timeoutMs: 150 }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: "TASK_FAILED",
    fact: expect.stringContaining("its limit"),
    details: { timedOut: true },
  })
  expect((error as { details: object }).details).not.toHaveProperty("notMade")
  expect(performance.now() - begun).toBeLessThan(5_000)
})

test("the limit that is told is the limit, however long the end took", async () => {
  const it = await world()
  const run = ["sh", "-c", 'trap "" TERM; sleep 1.2; exit 0']
  await expect(it.run({ run, timeoutMs: 200 })).rejects.toMatchObject({
    fact: expect.stringMatching(/^it was stopped after 200 ms, its limit; it was gone [\d.]+ s after its start$/),
  })
})

test("cancelling ends a command and a function at once", async () => {
  const it = await world()
  for (const run of [["sleep", "30"], () => new Promise(() => {})]) {
    const cancel = new AbortController()
    setTimeout(() => cancel.abort(), 100)
    const begun = performance.now()
    await expect(it.run({ run }, cancel.signal)).rejects.toMatchObject({ code: "CANCELLED" })
    expect(performance.now() - begun).toBeLessThan(5_000)
  }
})

test("the environment holds only what is named; secrets are opened for the command alone", async () => {
  const it = await world()
  const key = openedSecret("KEY", "the-secret-value")
  const task = {
    run: ["sh", "-c", 'env | cut -d= -f1 | sort | tr "\\n" " "; test "$KEY" = the-secret-value && cat > got'],
    env: { KEY: key, MODE: "x" },
    input: key,
    outputs: ["got"],
  }
  process.env.FETTLE_TEST_LEAK = "leak"
  const { result } = await it.run(task)
  delete process.env.FETTLE_TEST_LEAK
  const names = String(result)
    .split(" ")
    .filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name))
  expect(names).toEqual(["HOME", "KEY", "LANG", "MODE", "PATH", "TMPDIR"])
  expect(await readFile(join(it.folder, "got"), "utf8")).toBe("the-secret-value")
  expect(await it.plan(task)).toEqual({ action: "none" })
  const rotated = { ...task, env: { ...task.env, KEY: openedSecret("KEY", "another-secret") } }
  expect(await it.plan(rotated)).toMatchObject({ because: "environment variable KEY changed" })
})

test("a result is what was printed, trimmed, and its end where it is long", async () => {
  const it = await world()
  const { result } = await it.run({ run: ["sh", "-c", "yes 0123456789 | head -c 300000; echo end"] })
  expect(String(result).length).toBeLessThanOrEqual(65_536)
  expect(String(result)).toMatch(/end$/)
})

test("a function gets values, runs commands and gives a result as data", async () => {
  const it = await world()
  const key = openedSecret("KEY", "the-secret-value")
  const run = async (call: TaskCall): Promise<unknown> => {
    call.log("at work")
    const { stdout } = await call.run(["sh", "-c", "echo $A$B"], { env: { B: "b" } })
    const bad = await call.run(["false"], { check: false })
    return {
      said: stdout.trim(),
      bad: bad.exitCode,
      level: call.values.level,
      length: call.reveal(key).length,
      none: undefined,
    }
  }
  const task = { run, env: { A: "a" }, values: { level: 3 }, secrets: [key] }
  expect((await it.run(task)).result).toEqual({ said: "ab", bad: 1, level: 3, length: 16 })
  expect(it.logged).toContain("at work")
  expect(await it.plan(task)).toEqual({ action: "none" })
  expect(await it.plan({ ...task, values: { level: 4 } })).toMatchObject({ because: "value level changed" })
  expect(await it.plan({ ...task, run: () => 2 })).toMatchObject({ because: "its function changed" })
})

test.each<[string, TaskProps["run"], string]>([
  ["throws", () => Promise.reject(new Error("outer", { cause: new Error("inner") })), "outer: inner"],
  ["fails in a command", (call) => call.run(["sh", "-c", "echo why >&2; exit 4"]), "sh: exit code 4"],
  ["returns a date", () => ({ at: [new Date()] }), "result.at.0 is Date"],
  ["returns NaN", () => Number.NaN, "result is Number NaN"],
  [
    "returns what holds itself",
    () => {
      const it: Record<string, unknown> = {}
      it.self = it
      return it
    },
    "result.self holds itself",
  ],
])("a function that %s fails and is not cut off", async (_what, run, words) => {
  const it = await world()
  await expect(it.run({ run })).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: expect.stringContaining(words),
    details: { notMade: true },
  })
})

test("a function that takes too long is left to itself", async () => {
  const it = await world()
  await expect(it.run({ run: () => new Promise(() => {}), timeoutMs: 100 })).rejects.toMatchObject({
    code: "TASK_FAILED",
    fact: expect.stringContaining("its limit"),
  })
})
