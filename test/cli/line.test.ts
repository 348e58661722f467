import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, readFileSync, rmSync } from "node:fs"
import { expect, test } from "vitest"
import { order } from "../../src/graph/graph.ts"
import type { Declaration } from "../../src/program/declaration.ts"
import type { Scope } from "../../src/program/scope.ts"
import { graphText } from "../../src/run/graph-text.ts"
import { main, place } from "./fettle.ts"

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string
}

test("--version prints the version and imports nothing for it", async () => {
  const user = place()
  expect(await user.fettle(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n` })
  const traced = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `process.argv = ["node", "fettle", "--version"]; await import(${JSON.stringify(main)}); console.log(process.moduleLoadList.filter((name) => /sqlite|crypto|child_process/.test(name)).join())`,
    ],
    { encoding: "utf8" },
  )
  expect(traced.stdout).toBe(`${version}\n\n`)
})

test("help says in plain words what there is", async () => {
  const user = place()
  for (const args of [[], ["--help"], ["-h"]]) {
    const help = await user.fettle(args)
    expect(help).toMatchObject({ code: 0, stderr: "" })
    for (const word of [
      "Every day:",
      "Afterwards:",
      "When something is wrong:",
      "init",
      "plan",
      "apply [plan.json]",
      "Exit codes:",
    ])
      expect(help.stdout).toContain(word)
  }
  expect(await user.fettle(["state"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("forget <address...>"),
  })
  expect(await user.fettle(["plan", "--help"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/--check[\s\S]*Options of every command:[\s\S]*--stage/),
  })
})

test("a wrong line is USAGE and 1", async () => {
  const user = place("notes")
  for (const args of [
    ["plam"],
    ["plan", "--chek"],
    ["plan", "extra"],
    ["state", "lst"],
    ["settle"],
    ["run"],
    ["plan", "--target"],
    ["graph", "--format", "png"],
  ])
    expect(await user.fettle(args)).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("× USAGE") })
})

test("an older Node is told what is needed", async () => {
  const user = place("notes")
  const older =
    'data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.17.1" } })'
  expect(await user.fettle(["plan"], { node: ["--import", older] })).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^NODE_TOO_OLD {2}this is Node 22\.17\.1[\s\S]*22\.18/),
  })
})

test("nothing is printed of node:sqlite being experimental", async () => {
  const user = place("notes")
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0, stderr: "" })
})

test("init writes a program that works, and overwrites nothing", async () => {
  const user = place()
  user.link("@types/node")
  expect(await user.fettle(["init"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/fettle\.ts[\s\S]*fettle plan/),
  })
  expect(await user.fettle(["plan", "--check", "--types"])).toMatchObject({ code: 2 })
  expect(await user.fettle(["apply", "--yes"])).toMatchObject({ code: 0 })
  expect(user.read("greeting.txt")).toBe("hello\n")
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 0 })
  const before = user.read("fettle.ts")
  expect(await user.fettle(["init"])).toMatchObject({ code: 1, stderr: expect.stringContaining("FILE_REFUSED") })
  expect(user.read("fettle.ts")).toBe(before)
})

test("init in a CommonJS project writes fettle.mts; where there is no package.json it writes one", async () => {
  const user = place()
  for (const manifest of ['{ "type": "commonjs" }', "{}"]) {
    user.write("package.json", manifest)
    expect(await user.fettle(["init"])).toMatchObject({ code: 0, stdout: expect.stringContaining("fettle.mts") })
    expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 2, stderr: "" })
    rmSync(user.path("fettle.mts"))
  }
  rmSync(user.path("package.json"))
  expect(await user.fettle(["init"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/fettle\.ts\n.*package\.json/),
  })
  expect(await user.fettle(["plan", "--check"])).toMatchObject({ code: 2, stderr: "" })
})

test("explain knows every code", async () => {
  const user = place()
  const all = await user.fettle(["explain", "--json"])
  const codes = JSON.parse(all.stdout) as { code: string; means: string; next: string }[]
  expect(codes.length).toBeGreaterThan(80)
  expect(await user.fettle(["explain", "foreign"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/FOREIGN[\s\S]*next[\s\S]*adopt/),
  })
  expect(await user.fettle(["explain", "FOREIN_STATE"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/CODE_UNKNOWN[\s\S]*STATE_LOCKED/),
  })
})

test("kinds lists Fettle's and the program's, with their props", async () => {
  const user = place("notes")
  const list = await user.fettle(["kinds"])
  for (const kind of ["host.file", "http.object", "test.note"]) expect(list.stdout).toContain(kind)
  const one = await user.fettle(["kinds", "test.note"])
  expect(one.stdout).toMatch(
    /path +string +needed\. Where it lies\.\n[\s\S]*content +string +default ""\. What it says\./,
  )
  expect(JSON.parse((await user.fettle(["kinds", "host.file", "--json"])).stdout)).toMatchObject({
    kind: "host.file",
    props: expect.arrayContaining([expect.objectContaining({ name: "path", needed: true })]),
  })
  expect(await user.fettle(["kinds", "test.noet"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/KIND_UNKNOWN[\s\S]*did you mean test\.note\?/),
  })
})

test("graph prints what needs what, in two forms", async () => {
  const user = place("notes")
  expect(await user.fettle(["graph"])).toMatchObject({
    code: 0,
    stdout: 'flowchart LR\n  n0["test.note#91;n0#93;"]\n  n1["test.note#91;n1#93;"]\n  n0 --> n1\n',
  })
  expect(await user.fettle(["graph", "--format", "dot"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("n0 -> n1"),
  })
})

test("no name gets out of its quotes in a graph", () => {
  const hostile = ['a"]; evil', "a\\", '"', "</script><b>", "a\nb", "%% init", "#quot;", "click n0 call()"]
  const nodes = hostile.map(
    (name) => ({ address: `k.k[${name}]`, type: "resource", needs: [] }) as unknown as Declaration,
  )
  const graph = order({ declarations: new Map(nodes.map((node) => [node.address, node])) } as Pick<
    Scope,
    "declarations"
  >)
  for (const line of graphText(graph, "mermaid").trimEnd().split("\n").slice(1))
    expect(line).toMatch(/^ {2}n\d+\["[\p{L}\p{N} ./_#;-]*"\]$/u)
  for (const line of graphText(graph, "dot").trimEnd().split("\n").slice(3, -1))
    expect(line).toMatch(/^ {2}n\d+ \[label="(?:[^"\\\p{C}]|\\["\\])*"\]$/u)
})

test("doctor says ok, or what to do", async () => {
  const user = place("notes")
  expect(await user.fettle(["doctor"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ok {2}node[\s\S]*ok {2}program +notes, stage dev: 2 declared/),
  })
  expect(user.has(".fettle")).toBe(false)
  await user.fettle(["apply", "--yes"])
  chmodSync(user.path("home/.config/fettle/state.key"), 0o644)
  expect(await user.fettle(["doctor"])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/× {3}data key +SECRET_EXPOSED[\s\S]*chmod 600/),
  })
  chmodSync(user.path("home/.config/fettle/state.key"), 0o600)
  user.write("home/.config/fettle/state.key", `${Buffer.alloc(32).toString("base64")}\n`)
  expect(await user.fettle(["doctor"])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("state is sealed with key"),
  })
  user.write(".fettle/.gitignore", "")
  expect(await user.fettle(["doctor", "--json"])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("does not keep state out of git"),
  })
  user.write("fettle.ts", "enum A { B }")
  expect(await user.fettle(["doctor"], { env: { PATH: "/nowhere" } })).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/× {3}sh +is not in PATH/),
  })
})

test("NO_COLOR, FORCE_COLOR and --no-color", async () => {
  const user = place("notes")
  const colored = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<boolean> =>
    (await user.fettle(["plan", ...args], { env })).stdout.includes("\u001b[")
  expect(await colored({})).toBe(false)
  expect(await colored({ FORCE_COLOR: "1" })).toBe(true)
  expect(await colored({ FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false)
  expect(await colored({ FORCE_COLOR: "1" }, "--no-color")).toBe(false)
})

test("the command is a file that can be run", () => {
  expect(
    execFileSync(main, ["--version"], {
      encoding: "utf8",
      env: { PATH: `${process.execPath.replace(/\/node$/, "")}:/usr/bin:/bin` },
    }),
  ).toBe(`${version}\n`)
})
