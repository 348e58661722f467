import { createHash } from "node:crypto"
import { globSync, readFileSync, rmSync, statSync } from "node:fs"
import { expect, test } from "vitest"
import { need } from "../support/need.ts"
import { linesOf, onTerminal, type Place, place, TERMINAL } from "./fettle.ts"

/** Every file of a place with its content, but for what Node and the home folder keep. */
function contents({ folder, path }: Place): Readonly<Record<string, string>> {
  const names = globSync("**/*", { cwd: folder, exclude: (name) => name === "node_modules" || name === "home" })
  const files = [...names, ...globSync(".fettle/**", { cwd: folder })].filter((name) => statSync(path(name)).isFile())
  return Object.fromEntries(
    files.sort().map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(path(name)))
        .digest("hex"),
    ]),
  )
}

test("a plan shows what is missing, writes nothing, and says 2 only under --check", async () => {
  const user = place("notes")
  const before = contents(user)
  const plan = await user.fettle(["plan"])
  expect(plan).toMatchObject({ code: 0, stderr: "" })
  expect(plan.stdout).toContain("2 to create")
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 2 })
  expect(contents(user)).toEqual(before)
  expect(user.has(".fettle")).toBe(false)
})

test("apply refuses without a terminal and without --yes, and changes nothing", async () => {
  const user = place("notes")
  const apply = await user.fettle(["apply"])
  expect(apply).toMatchObject({ code: 1 })
  expect(apply.text).toMatch(/CONSENT_MISSING[\s\S]*2 changes need consent[\s\S]*fettle apply --yes/)
  expect(user.has("n0.txt")).toBe(false)
})

test("apply --yes makes it so; a second plan has nothing to do; destroy leaves no trace", async () => {
  const user = place("notes")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0, stderr: "" })
  expect(user.read("n0.txt")).toBe("hello")
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["destroy"])).toMatchObject({ code: 1, text: expect.stringContaining("CONSENT_MISSING") })
  expect(await user.fettle(["destroy", "--yes"])).toMatchObject({ code: 0 })
  expect(user.has("n0.txt")).toBe(false)
})

test("an unchanged apply asks nobody", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  expect(await user.fettle(["apply"])).toMatchObject({ code: 0 })
})

test("stages and parameters", async () => {
  const user = place("notes")
  expect(await user.fettle(["apply", "--yes", "--stage", "prod"])).toMatchObject({ code: 0 })
  expect(user.read("n1.txt")).toBe("prod")
  expect(user.has(".fettle/notes.prod.db")).toBe(true)
  const given = await user.fettle(["apply", "--yes", "--stage", "prod", "--param", "text=a=b", "--param", "count=1"])
  expect(given).toMatchObject({ code: 0 })
  expect([user.read("n0.txt"), user.has("n1.txt")]).toEqual(["a=b", false])
  const table: readonly (readonly [args: string[], code: string])[] = [
    [["--stage", "test"], "STAGE_UNKNOWN"],
    [["--param", "colour=red"], "PARAM_INVALID"],
    [["--param", "count=two"], "PARAM_INVALID"],
    [["--param", "count"], "PARAM_INVALID"],
    [["--parallel", "0"], "USAGE"],
    [["--expect-deletes", "many"], "USAGE"],
    [["--target", "test.note[n9]"], "TARGET_UNKNOWN"],
  ]
  for (const [args, code] of table)
    expect(await user.fettle(["plan", ...args])).toMatchObject({ code: 1, text: expect.stringContaining(code) })
})

test("--target, --replace and --refresh-only reach the plan", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes", "--target", "test.note[n0]"])
  expect([user.has("n0.txt"), user.has("n1.txt")]).toEqual([true, false])
  const replace = await user.fettle(["plan", "--json", "--target", "test.note[n0]", "--replace", "test.note[n0]"])
  expect(linesOf(replace.stdout).find((event) => event.type === "plan.made")).toMatchObject({
    plan: { changes: [{ address: "test.note[n0]", action: "replace" }] },
  })
  user.write("n0.txt", "moved")
  expect(await user.fettle(["apply", "--yes", "--refresh-only"])).toMatchObject({ code: 0 })
  expect(user.read("n0.txt")).toBe("moved")
})

test("a saved plan is private, carried out exactly, and refused once the world has moved", async () => {
  const user = place("notes")
  expect(await user.fettle(["plan", "--out", "plan.json", "--param", "count=1"])).toMatchObject({ code: 0 })
  expect(statSync(user.path("plan.json")).mode & 0o777).toBe(0o600)
  expect(await user.fettle(["apply", "plan.json", "--param", "count=2"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("USAGE"),
  })
  user.write("n0.txt", "somebody else was here")
  const stale = await user.fettle(["apply", "plan.json"])
  expect(stale).toMatchObject({ code: 1, text: expect.stringMatching(/PLAN_STALE[\s\S]*world/) })
  expect(user.read("n0.txt")).toBe("somebody else was here")
  rmSync(user.path("n0.txt"))
  expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 0 })
  expect([user.read("n0.txt"), user.has("n1.txt")]).toEqual(["hello", false])
  expect(await user.fettle(["apply", "plan.json"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("PLAN_STALE"),
  })
})

test("a plan file that is none, was altered or is of another program is refused", async () => {
  const user = place("notes")
  await user.fettle(["plan", "--out", "plan.json"])
  const good = user.read("plan.json")
  const table: readonly (readonly [text: string, code: string])[] = [
    ["", "PLAN_FORMAT"],
    ["[]", "PLAN_FORMAT"],
    ["{}", "PLAN_FORMAT"],
    [good.slice(0, -20), "PLAN_FORMAT"],
    [good.replace('"format": 1', '"format": 2'), "PLAN_FORMAT"],
    [good.replaceAll('"create"', '"delete"'), "PLAN_FORMAT"],
    [good.replace(/"world": "\w+"/, '"world": 1'), "PLAN_FORMAT"],
    [good.replace(/"world": "\w+"/, `"world": "${"0".repeat(64)}"`), "PLAN_SEAL"],
  ]
  for (const [text, code] of table) {
    user.write("plan.json", text)
    expect(await user.fettle(["apply", "plan.json"])).toMatchObject({ code: 1, text: expect.stringContaining(code) })
  }
  expect(await user.fettle(["apply", "nowhere.json"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("PLAN_FORMAT"),
  })
  expect(user.has("n0.txt")).toBe(false)
})

test("--out that cannot be written is an error", async () => {
  const user = place("notes")
  expect(await user.fettle(["plan", "--out", "no/folder/plan.json"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("FILE_REFUSED"),
  })
})

test("--json prints events and nothing else; --quiet prints nothing where all is well", async () => {
  const user = place("notes")
  const apply = await user.fettle(["apply", "--yes", "--json"])
  const events = linesOf(apply.stdout)
  expect(apply).toMatchObject({ code: 0, stderr: "" })
  expect(events[0]).toMatchObject({ type: "run.started", program: "notes", stage: "dev", command: "apply" })
  expect(events.at(-1)).toMatchObject({ type: "run.finished", outcome: "done", exitCode: 0, counts: { create: 2 } })
  expect(await user.fettle(["plan", "--quiet"])).toMatchObject({ code: 0, text: "" })
  const refused = await user.fettle(["apply", "--quiet", "--param", "text=new"])
  expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("CONSENT_MISSING") })
})

test("checks: 3 where one says no, and verify changes nothing", async () => {
  const user = place("notes")
  const args = ["--param", "tasks=true", "--param", "count=1"]
  expect(await user.fettle(["apply", "--yes", ...args])).toMatchObject({ code: 0 })
  expect(await user.fettle(["verify", ...args])).toMatchObject({ code: 0, text: expect.stringContaining("says") })
  user.write("n0.txt", "drifted")
  expect(await user.fettle(["verify", ...args])).toMatchObject({ code: 3 })
  expect(user.read("n0.txt")).toBe("drifted")
})

test("verify --target asks only what is named and what it needs; where that is no check, it says so", async () => {
  const user = place()
  user.write(
    "fettle.ts",
    `
import { check, command, group, program, task } from "fettle"
export default program("asks", {}, () => {
  const asks = (name, after = []) => check(name, command.succeeds(["sh", "-c", "echo " + name + " >> asked"]), { after })
  const first = group("g", () => asks("first"))
  asks("second", [first])
  asks("third")
  task("alone", { run: ["true"] })
})
`,
  )
  const asked = async (...args: string[]): Promise<readonly string[]> => {
    user.write("asked", "")
    expect(await user.fettle(["verify", ...args])).toMatchObject({ code: 0 })
    return user.read("asked").split("\n").filter(Boolean)
  }
  expect([...(await asked())].sort()).toEqual(["first", "second", "third"])
  expect(await asked("--target", "fettle.check[third]")).toEqual(["third"])
  expect(await asked("--target", "fettle.check[second]")).toEqual(["first", "second"])
  expect(await user.fettle(["verify", "--target", "fettle.check[no]"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("TARGET_UNKNOWN"),
  })
  expect(await user.fettle(["verify", "--target", "fettle.task[alone]"])).toMatchObject({
    code: 1,
    text: expect.stringMatching(/TARGET_UNKNOWN[\s\S]*fettle\.task\[alone\] is no check and needs none/),
  })
})

test("run TASK runs one task, by name, once per change; --force runs it again", async () => {
  const user = place("notes")
  const args = ["--param", "tasks=true"]
  expect(await user.fettle(["run", "stamp", ...args])).toMatchObject({ code: 0 })
  const first = user.read("stamp.txt")
  expect(user.has("n0.txt")).toBe(false)
  expect(await user.fettle(["run", "stamp", ...args])).toMatchObject({ code: 0 })
  expect(user.read("stamp.txt")).toBe(first)
  expect(await user.fettle(["run", "fettle.task[stamp]", "--force", ...args])).toMatchObject({ code: 0 })
  expect(user.read("stamp.txt")).not.toBe(first)
  expect(await user.fettle(["run", "stmp", ...args])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/TARGET_UNKNOWN[\s\S]*fettle\.task\[stamp\]/),
  })
})

test("what is already there is foreign, and adopt takes it over", async () => {
  const user = place("notes")
  user.write("n0.txt", "hello")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({
    code: 1,
    text: expect.stringMatching(/FOREIGN[\s\S]*fettle adopt/),
  })
  expect(await user.fettle(["adopt", "test.note[n0]"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["state", "list"])).toMatchObject({ stdout: expect.stringMatching(/n0\].*not ours/) })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["adopt", "test.note[n9]"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("TARGET_UNKNOWN"),
  })
})

test("adopting what must also be changed asks first", async () => {
  const user = place("notes")
  user.write("n0.txt", "other")
  expect(await user.fettle(["adopt", "test.note[n0]"])).toMatchObject({
    code: 1,
    text: expect.stringContaining("CONSENT_MISSING"),
  })
  expect(user.read("n0.txt")).toBe("other")
  expect(await user.fettle(["adopt", "test.note[n0]", "--yes"])).toMatchObject({ code: 0 })
  expect(user.read("n0.txt")).toBe("hello")
})

const terminal = need(TERMINAL, { install: "apt-get install bsdutils" })

test.skipIf(!terminal)("on a terminal apply shows the plan and asks; only y goes on", async () => {
  const user = place("notes")
  for (const [answer, code] of [
    ["n\n", 130],
    ["\n", 130],
    ["\u0004", 130],
    ["y\n", 0],
  ] as const) {
    const apply = onTerminal(user, ["apply"])
    await apply.saw("Apply these 2 changes? [y/N]")
    apply.type(answer)
    expect(await apply.ended).toMatchObject({ code, text: expect.stringContaining("2 to create") })
    expect(user.has("n0.txt")).toBe(code === 0)
  }
})

test.skipIf(!terminal)("on a terminal destroy wants the program's name", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  for (const [answer, code] of [
    ["y\n", 130],
    ["notes\n", 0],
  ] as const) {
    const destroy = onTerminal(user, ["destroy"])
    await destroy.saw("Type the program's name (notes)")
    destroy.type(answer)
    expect(await destroy.ended).toMatchObject({ code })
    expect(user.has("n0.txt")).toBe(code !== 0)
  }
})

test("a closed pipe does not end an apply half-way", async () => {
  const user = place("notes")
  const apply = user.start(["apply", "--yes", "--verbose", "--param", "count=5", "--param", "delayMs=50"])
  await apply.saw("n0")
  apply.child.stdout?.destroy()
  expect(await apply.ended).toMatchObject({ code: 0 })
  expect(user.read("n4.txt")).toBe("hello")
})

test("state that cannot be written is an error before anything is changed", async () => {
  const user = place("notes")
  user.write(".fettle", "this is not a folder")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 1, text: expect.stringContaining(".fettle") })
  expect(user.has("n0.txt")).toBe(false)
})

test("outputs and parameters with control characters reach no terminal", async () => {
  const user = place("notes")
  const hostile = "a\u001b[31mb\u0007\r\u202e"
  const apply = await user.fettle(["apply", "--yes", "--param", `text=${hostile}`, "--param", "count=1"])
  const texts = [
    apply,
    ...(await Promise.all(
      [
        ["plan", "--verbose"],
        ["state", "show", "test.note[n0]"],
        ["logs", "last"],
        ["output"],
        ["plan", "--target", hostile],
        [hostile],
        ["explain", hostile],
      ].map((args) => user.fettle(args)),
    )),
  ]
  for (const { text } of texts)
    for (const effect of ["\u001b", "\u0007", "\r", "\u202e"]) expect(text).not.toContain(effect)
  expect(user.read("n0.txt")).toBe(hostile)
  expect(await user.fettle(["output", "test.note[n0].content"])).toMatchObject({ stdout: `${hostile}\n` })
})

test("what the program throws later is told with its place, and ends the run", async () => {
  const user = place("notes")
  user.write(
    "fettle.ts",
    `${user.read("fettle.ts")}\nsetTimeout(() => {\n  throw new RangeError("too late")\n}, 300)\n`,
  )
  const apply = await user.fettle(["apply", "--yes", "--param", "hold=true"])
  expect(apply).toMatchObject({
    code: 1,
    text: expect.stringMatching(/STRAY_ERROR[\s\S]*RangeError: too late[\s\S]*fettle\.ts:\d+[\s\S]*\nFailed /),
  })
  user.write("fettle.ts", user.read("fettle.ts").replace(/\nsetTimeout\(\(\)[\s\S]*$/, ""))
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
})
