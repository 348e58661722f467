import { spawnSync } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { expect, test } from "vitest"
import { linesOf, main, place } from "./fettle.ts"

/** A program with one thing whose provider does this when it is read, or made. */
function withProvider(read: string, ensure = ""): string {
  return `import { program, resource } from "fettle"
import { provider } from "fettle/provider"
import { z } from "zod"

const odd = provider({
  kind: "test.odd", version: 1, about: "Odd.", connects: "none", settles: "unique",
  props: z.strictObject({ name: z.string() }), outputs: z.object({}), id: (want) => want.name,
  read: async (keys) => {
    ${read}
    return new Map(keys.map((key) => [key.address, { absent: true }]))
  },
  plan: () => ({ action: "create" }),
  ensure: async () => {
    ${ensure}
    return {}
  },
  delete: async () => {},
})
export default program("odd", {}, () => void resource(odd, { name: "a" }))
`
}

const cases: Record<string, readonly [program: string, args: readonly string[], line: string | undefined]> = {
  "in a read": [withProvider("process.exit(0)"), ["plan"], "fettle.ts:9"],
  "with another code": [withProvider("process.exit(42)"), ["plan"], "fettle.ts:9"],
  "in a change": [withProvider("", "process.exit(0)"), ["apply", "--yes"], "fettle.ts:14"],
  "at the top of the program": ["process.exit(0)\n", ["plan"], "fettle.ts:1"],
  "in its function": [
    'import { program } from "fettle"\nexport default program("a", {}, () => process.exit(0))\n',
    ["plan"],
    "fettle.ts:2",
  ],
}
for (const [what, [text, args, line]] of Object.entries(cases))
  test(`process.exit ${what} is a failure with a word, not a silent end`, async () => {
    const user = place()
    user.write("fettle.ts", text)
    const ended = await user.fettle(args)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain("PROCESS_ENDED")
    expect(ended.stderr).toContain("process.exit was called in the middle of the run")
    expect(ended.stderr).toContain(line)
    const json = await user.fettle([...args, "--json"])
    expect(json.code).toBe(1)
    expect(linesOf(json.stdout).at(-1)).toMatchObject({ type: "error", code: "PROCESS_ENDED" })
  })

test("Ctrl-C while apply plans and a read hangs ends it at once with 130", async () => {
  const user = place()
  user.write(
    "fettle.ts",
    withProvider('console.error("reading"); setInterval(() => {}, 1000); await new Promise(() => {})'),
  )
  const apply = user.start(["apply", "--yes"])
  await apply.saw("reading")
  const since = performance.now()
  apply.child.kill("SIGINT")
  const { code, text } = await apply.ended
  expect(code).toBe(130)
  expect(text).toContain("CANCELLED")
  expect(performance.now() - since).toBeLessThan(5_000)
})

test("help is found under its name, too", async () => {
  const user = place()
  const [help, dashes] = [await user.fettle(["help"]), await user.fettle(["--help"])]
  expect(help).toMatchObject({ code: 0, stdout: dashes.stdout })
  expect((await user.fettle(["help", "plan"])).stdout).toContain("Usage: fettle plan")
  expect((await user.fettle(["help", "state", "mv"])).stdout).toContain("state mv")
})

test("plan --json tells the code that it ends with", async () => {
  const user = place("notes")
  for (const [args, code] of [
    [[], 0],
    [["--check"], 2],
  ] as const) {
    const ended = await user.fettle(["plan", "--json", ...args])
    expect(ended.code).toBe(code)
    expect(linesOf(ended.stdout).at(-1)).toMatchObject({ type: "run.finished", exitCode: code, outcome: "changes" })
  }
})

test("a graph as JSON is JSON", async () => {
  const user = place("notes")
  const { code, stdout } = await user.fettle(["graph", "--json"])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)[1]).toMatchObject({ address: "test.note[n1]", type: "resource", needs: ["test.note[n0]"] })
})

test("tasks and checks are kinds whose props can be looked up", async () => {
  const user = place()
  for (const [kind, prop] of [
    ["fettle.task", "timeoutMs"],
    ["fettle.check", "within"],
  ] as const)
    expect(await user.fettle(["kinds", kind])).toMatchObject({ code: 0, stdout: expect.stringContaining(prop) })
})

test("a saved plan with something blocked says so", async () => {
  const user = place()
  user.write("fettle.ts", withProvider('throw new Error("no answer")'))
  const { code, stdout } = await user.fettle(["plan", "--out", "plan.json"])
  expect(code).toBe(1)
  expect(stdout).toContain("Saved, but for the one node that is blocked.")
})

test("a circle is told line by line, each with its place as it is typed", async () => {
  const user = place()
  user.write(
    "fettle.ts",
    `import { program, task } from "fettle"
export default program("circle", {}, () => {
  task("a", { run: ["true"] }, { after: ["fettle.task[b]"] })
  task("b", { run: ["true"] }, { after: ["fettle.task[a]"] })
})
`,
  )
  const { code, text } = await user.fettle(["plan"])
  expect(code).toBe(1)
  expect(text).toMatch(/fettle\.task\[a\] \(fettle\.ts:3\)\n\s+needs fettle\.task\[b\] \(fettle\.ts:4\)\n/)
})

test.skipIf(process.platform !== "linux")("what cannot be written is an error", async () => {
  const user = place()
  const full = openSync("/dev/full", "w")
  const ended = spawnSync(process.execPath, [main, "kinds"], {
    cwd: user.folder,
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  })
  closeSync(full)
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("the output cannot be written: ENOSPC") })
  const head = spawnSync("sh", ["-c", `'${process.execPath}' '${main}' kinds; echo "code $?" >&2`], {
    cwd: user.folder,
    encoding: "utf8",
  })
  expect(head.stderr).toContain("code 0")
})
