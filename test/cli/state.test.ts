import { copyFileSync, globSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs"
import { expect, test } from "vitest"
import { linesOf, place } from "./fettle.ts"

test("list and show", async () => {
  const user = place("notes")
  expect(await user.fettle(["state", "list"])).toMatchObject({ code: 0, stdout: "State of notes (dev) is empty.\n" })
  await user.fettle(["apply", "--yes"])
  expect(await user.fettle(["state", "list"])).toMatchObject({
    stdout: `test.note[n0]  ${user.path("n0.txt")}\ntest.note[n1]  ${user.path("n1.txt")}\n`,
  })
  const show = await user.fettle(["state", "show", "test.note[n1]"])
  for (const text of ["test.note (version 3)", 'content = "hello"', "needs       test.note[n0]"])
    expect(show.stdout).toContain(text)
  const json = await user.fettle(["state", "show", "test.note[n1]", "--json"])
  expect(JSON.parse(json.stdout)).toMatchObject({
    kind: "test.note",
    id: user.path("n1.txt"),
    outputs: { content: "hello" },
    needs: ["test.note[n0]"],
  })
  expect(await user.fettle(["state", "show", "test.note[n7]"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STATE_NOT_FOUND"),
  })
})

test("mv renames, and what needs it follows", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  expect(await user.fettle(["state", "mv", "test.note[n0]", "test.note[first]"])).toMatchObject({ code: 0 })
  const follower = await user.fettle(["state", "show", "test.note[n1]", "--json"])
  expect(JSON.parse(follower.stdout)).toMatchObject({ needs: ["test.note[first]"] })
  const table: readonly (readonly [from: string, to: string, code: string])[] = [
    ["test.note[n0]", "test.note[x]", "STATE_NOT_FOUND"],
    ["test.note[first]", "test.note[n1]", "STATE_TAKEN"],
    ["test.note[first]", "host.file[first]", "USAGE"],
    ["test.note[first]", "first", "USAGE"],
  ]
  for (const [from, to, code] of table)
    expect(await user.fettle(["state", "mv", from, to])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(code),
    })
  await user.fettle(["state", "mv", "test.note[first]", "test.note[n0]"])
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 0 })
})

test("forget leaves the thing and takes all addresses or none", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  expect(await user.fettle(["state", "forget", "test.note[n0]", "test.note[n9]"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STATE_NOT_FOUND"),
  })
  expect(await user.fettle(["state", "list"])).toMatchObject({ stdout: expect.stringContaining("n0") })
  expect(await user.fettle(["state", "forget", "test.note[n0]"])).toMatchObject({ code: 0 })
  expect(user.read("n0.txt")).toBe("hello")
  expect(await user.fettle(["plan"])).toMatchObject({ code: 1, text: expect.stringContaining("FOREIGN") })
})

test("without state, commands that change it make none", async () => {
  const user = place("notes")
  for (const args of [
    ["state", "mv", "test.note[n0]", "test.note[n1]"],
    ["state", "forget", "test.note[n0]"],
    ["settle", "test.note[n0]", "--not-made"],
  ])
    expect(await user.fettle(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("STATE_NOT_FOUND") })
  expect(user.has(".fettle")).toBe(false)
})

test("export and import carry a state over, sealed values stay sealed", async () => {
  const user = place("orders")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  const exported = (await user.fettle(["state", "export"])).stdout
  expect(exported).not.toContain("token-that-nobody-may-see")
  expect(JSON.parse(exported)).toMatchObject({
    format: "fettle.state/1",
    program: "orders",
    stage: "dev",
    secrets: { seed: expect.any(String) },
  })
  user.write("export.json", exported)
  expect(await user.fettle(["state", "import", "export.json"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/STATE_IMPORT[\s\S]*not empty/),
  })
  rmSync(user.path(".fettle"), { recursive: true })
  expect(await user.fettle(["state", "import", "export.json"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["output", "test.order[tea].token", "--reveal"])).toMatchObject({
    stdout: "token-that-nobody-may-see\n",
  })
})

test("import refuses what is no export", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  const good = (await user.fettle(["state", "export"])).stdout
  rmSync(user.path(".fettle"), { recursive: true })
  const bad = [
    "",
    "[]",
    "{}",
    good.slice(0, -10),
    good.replace("fettle.state/1", "fettle.state/9"),
    good.replace('"rows": [', '"rows": [1,'),
    good.replaceAll('"{', '"x{'),
    good.replace('"notes"', '"other"'),
    good.replace('"dev"', '"prod"'),
  ]
  for (const text of bad) {
    user.write("bad.json", text)
    expect(await user.fettle(["state", "import", "bad.json"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("STATE_IMPORT"),
    })
  }
  expect(user.has(".fettle")).toBe(false)
})

test("output prints a text as it is, the rest as data, and secrets only with --reveal", async () => {
  const user = place("orders")
  await user.fettle(["apply", "--yes"])
  expect(await user.fettle(["output", "test.order[tea].id"])).toMatchObject({
    stdout: expect.stringMatching(/^order-[0-9a-f]{8}\n$/),
  })
  expect(await user.fettle(["output", "test.order[tea].token"])).toMatchObject({ stdout: "[secret order token]\n" })
  expect(await user.fettle(["output"])).toMatchObject({
    stdout: expect.stringMatching(/test\.order\[tea\]\.id +order-/),
  })
  expect(JSON.parse((await user.fettle(["output", "test.order[tea]", "--json"])).stdout)).toMatchObject({
    token: "[secret order token]",
  })
  for (const name of ["test.order[coffee]", "test.order[tea].price", "test.order[tea]id", "tea"])
    expect(await user.fettle(["output", name])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("STATE_NOT_FOUND"),
    })
  rmSync(user.path("home/.config"), { recursive: true })
  expect(await user.fettle(["output", "--reveal"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STATE_KEY_MISSING"),
  })
})

test("settle --made records what was made; the next plan has nothing to do", async () => {
  const user = place("orders")
  const died = await user.fettle(["apply", "--yes", "--param", "die=true"])
  expect(died.signal).toBe("SIGKILL")
  const [id] = globSync("*", { cwd: user.path("far") })
  const blocked = await user.fettle(["apply", "--yes"])
  expect(blocked).toMatchObject({
    code: 1,
    text: expect.stringMatching(/OPEN_INTENT[\s\S]*fettle settle 'test\.order\[tea\]' --made ID/),
  })
  expect(await user.fettle(["settle", "test.order[tea]"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("USAGE"),
  })
  expect(await user.fettle(["settle", "test.order[tea]", "--made", "x", "--not-made"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("USAGE"),
  })
  expect(await user.fettle(["settle", "test.order[coffee]", "--made", "x"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("STATE_NOT_FOUND"),
  })
  expect(await user.fettle(["settle", "test.order[tea]", "--made", String(id)])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(String(id)),
  })
  expect(await user.fettle(["state", "show", "test.order[tea]"])).toMatchObject({
    stdout: expect.stringContaining("(version 2)"),
  })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(globSync("*", { cwd: user.path("far") })).toEqual([id])
  expect(await user.fettle(["output", "test.order[tea].id"])).toMatchObject({ stdout: `${id}\n` })
})

test("settle --not-made lets the next apply make it", async () => {
  const user = place("orders")
  await user.fettle(["apply", "--yes", "--param", "die=true"])
  rmSync(user.path("far"), { recursive: true })
  expect(await user.fettle(["settle", "test.order[tea]", "--not-made"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(globSync("*", { cwd: user.path("far") })).toHaveLength(1)
})

test("forget gives up a create that was cut off", async () => {
  const user = place("orders")
  await user.fettle(["apply", "--yes", "--param", "die=true"])
  expect(await user.fettle(["state", "list"])).toMatchObject({
    stdout: expect.stringContaining("its create was cut off"),
  })
  expect(await user.fettle(["state", "mv", "test.order[tea]", "test.order[x]"])).toMatchObject({ code: 1 })
  expect(await user.fettle(["state", "forget", "test.order[tea]"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["state", "list"])).toMatchObject({ stdout: expect.not.stringContaining("tea") })
})

test("a task that may run once and was cut off is settled by a person", async () => {
  const user = place("orders")
  const args = ["--param", "once=true"]
  user.write("die", "")
  expect(await user.fettle(["run", "charge", ...args])).toMatchObject({ signal: "SIGKILL" })
  rmSync(user.path("die"))
  expect(await user.fettle(["run", "charge", ...args])).toMatchObject({
    code: 1,
    text: expect.stringContaining("TASK_CUT_OFF"),
  })
  expect(await user.fettle(["settle", "fettle.task[charge]", "--made", "done"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["run", "charge", ...args])).toMatchObject({ code: 0 })
  expect(user.read("charged.txt")).toBe("x\n")
})

test("runs and logs say what was done, by whom, and what a node wrote", async () => {
  const user = place("notes")
  expect(await user.fettle(["runs"])).toMatchObject({ stdout: "There is no run of notes (dev) yet.\n" })
  await user.fettle(["apply", "--yes"], { env: { CI: "true", GITHUB_ACTOR: "ada" } })
  await user.fettle(["state", "forget", "test.note[n1]"])
  const runs = await user.fettle(["runs"])
  expect(runs.stdout).toMatch(/state forget +done[\s\S]* apply +done .*@.* for ada/)
  const [log = ""] = globSync("*.jsonl", { cwd: user.path(".fettle/logs/notes.dev") })
  expect(statSync(user.path(`.fettle/logs/notes.dev/${log}`)).mode & 0o777).toBe(0o600)
  expect(await user.fettle(["logs", log.slice(0, 8)])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("test.note[n0]  created"),
  })
  expect(await user.fettle(["logs", "last", "n0"])).toMatchObject({
    stdout: expect.stringMatching(/create begins\n.*writing .*n0\.txt\n.*done\n$/),
  })
  const raw = await user.fettle(["logs", "last", "--json"])
  expect(raw.stdout).toBe(readFileSync(user.path(`.fettle/logs/notes.dev/${log}`), "utf8"))
  expect(linesOf(raw.stdout).at(-1)).toMatchObject({ type: "run.finished" })
  expect(await user.fettle(["logs", "last", "n7"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("TARGET_UNKNOWN"),
  })
  for (const run of ["zzz", "", "../notes.dev/"])
    expect(await user.fettle(["logs", run])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("RUN_NOT_FOUND"),
    })
})

test("state can be looked at and mended while the program is broken or gone", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  copyFileSync(user.path("fettle.ts"), user.path("kept.ts"))
  user.write("fettle.ts", "enum A { B }")
  const list = await user.fettle(["state", "list"])
  expect(list).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("TS_ENUM"),
    stdout: expect.stringContaining("test.note[n0]"),
  })
  rmSync(user.path("fettle.ts"))
  expect(await user.fettle(["state", "forget", "test.note[n0]"])).toMatchObject({ code: 0 })
  expect(await user.fettle(["runs", "--stage", "prod"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("PROGRAM_NOT_FOUND"),
  })
})

test("--state puts everything elsewhere", async () => {
  const user = place("notes")
  expect(await user.fettle(["apply", "--yes", "--state", "elsewhere"])).toMatchObject({ code: 0 })
  expect([user.has("elsewhere/notes.dev.db"), user.has(".fettle"), user.read("elsewhere/.gitignore")]).toEqual([
    true,
    false,
    "*\n",
  ])
  expect(await user.fettle(["plan", "--check", "--state", "elsewhere"])).toMatchObject({ code: 0 })
})

test("the logs of the last 50 runs are kept", async () => {
  const user = place("notes")
  await user.fettle(["apply", "--yes"])
  const folder = ".fettle/logs/notes.dev"
  const before = new Date(Date.now() - 60_000)
  for (let at = 0; at < 60; at++) {
    user.write(`${folder}/old-${at}.jsonl`, "")
    utimesSync(user.path(`${folder}/old-${at}.jsonl`), before, before)
  }
  await user.fettle(["verify"])
  const kept = readdirSync(user.path(folder))
  expect(kept).toHaveLength(50)
  expect(kept.filter((name) => !name.startsWith("old-"))).toHaveLength(2)
})
