import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { need } from "../../../test/support/need.ts"
import { contextTar, openContext } from "./build-context.ts"
import { contextHash } from "./context-hash.ts"

let context: string
let out: string

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "fettle-context-"))
  context = join(folder, "context")
  out = join(folder, "out")
  mkdirSync(context)
  mkdirSync(out)
  write({ Dockerfile: "FROM scratch\nCOPY . /\n" })
})

afterEach(() => rmSync(dirname(context), { recursive: true, force: true }))

function write(files: Record<string, string | Buffer>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, path)), { recursive: true })
    writeFileSync(join(context, path), text)
  }
}

/** What GNU tar makes of the stream: its names, unpacked into `out`. */
async function unpacked(options: Parameters<typeof contextTar>[1] = {}): Promise<string[]> {
  const pieces: Buffer[] = []
  for await (const piece of contextTar(await openContext(context), options)) pieces.push(piece)
  const input = Buffer.concat(pieces)
  expect(input.length % 512).toBe(0)
  return execFileSync("tar", ["-xpvf", "-", "-C", out], { input, encoding: "utf8" }).trim().split("\n")
}

test("contents, modes, links, times and long names arrive as they are, in one order", async () => {
  const long = Array.from({ length: 20 }, (_, at) => `folder-${at}-${"é".repeat(20)}`).join("/")
  write({
    "b/one": "1",
    "b.txt": "2",
    [`${long}/deep`]: "3",
    empty: "",
    "new\nline": "4",
    big: Buffer.alloc(700_001, 7),
  })
  mkdirSync(join(context, "nothing"))
  chmodSync(join(context, "b/one"), 0o4755)
  chmodSync(join(context, "nothing"), 0o1777)
  symlinkSync(`../${"x".repeat(150)}`, join(context, "link"))
  utimesSync(join(context, "b.txt"), 1_000_000_000, 1_000_000_000)
  const names = await unpacked()
  expect(names.slice(0, 5)).toEqual(["Dockerfile", "b/", "b/one", "b.txt", "big"])
  expect(await unpacked()).toEqual(names)
  expect(readFileSync(join(out, long, "deep"), "utf8")).toBe("3")
  expect(readFileSync(join(out, "new\nline"), "utf8")).toBe("4")
  expect(readFileSync(join(out, "big"))).toEqual(Buffer.alloc(700_001, 7))
  expect(statSync(join(out, "b/one")).mode & 0o7777).toBe(0o4755)
  expect(statSync(join(out, "nothing")).mode & 0o7777).toBe(0o1777)
  expect(statSync(join(out, "b.txt")).mtimeMs).toBe(1_000_000_000_000)
  expect(readlinkSync(join(out, "link"))).toBe(`../${"x".repeat(150)}`)
})

test("files of every size around the edges of a block and a chunk arrive whole", async () => {
  const sizes = [0, 1, 511, 512, 513, 261_000, 261_631, 261_632, 262_143, 262_144, 262_145, 1_048_577]
  for (const size of sizes) write({ [`size-${size}`]: Buffer.alloc(size, size % 251) })
  await unpacked()
  for (const size of sizes)
    expect(readFileSync(join(out, `size-${size}`)).equals(Buffer.alloc(size, size % 251)), String(size)).toBe(true)
})

test("what is ignored is neither sent nor listed; a folder is sent where something in it is taken back", async () => {
  write({
    ".dockerignore": "*\n!src/**/*.ts\n!Dockerfile\nsrc/secret.ts\n",
    "src/a.ts": "1",
    "src/a.js": "2",
    "src/deep/b.ts": "3",
    "src/none/c.js": "4",
    "src/secret.ts": "5",
    ".env": "6",
    "node_modules/x/index.ts": "7",
  })
  const { atimeMs } = statSync(join(context, "node_modules"))
  const names = await unpacked()
  expect(names).toEqual(["Dockerfile", "src/", "src/a.ts", "src/deep/", "src/deep/b.ts"])
  expect(statSync(join(context, "node_modules")).atimeMs).toBe(atimeMs)
})

const traced = need("strace", { install: "apt-get install strace" })

test.skipIf(!traced)(
  "nothing is opened, listed or looked at below a folder that nothing is taken back from",
  async () => {
    write({ ".dockerignore": "node_modules\nprivate\n!src\n", "src/a": "1", "private/key": "2" })
    for (let at = 0; at < 50; at += 1) write({ [`node_modules/${at}/index.js`]: "x" })
    const script = join(dirname(context), "walk.ts")
    writeFileSync(
      script,
      `import { contextTar, openContext } from ${JSON.stringify(join(import.meta.dirname, "build-context.ts"))}
     for await (const piece of contextTar(await openContext(${JSON.stringify(context)}))) piece.length`,
    )
    const trace = join(dirname(context), "trace")
    execFileSync("strace", ["-f", "-e", "trace=file", "-o", trace, process.execPath, "--no-warnings", script])
    const calls = readFileSync(trace, "utf8")
    expect(calls).toContain(`${context}/src/a`)
    expect(calls.split("\n").filter((line) => /\/context\/(node_modules|private)/.test(line))).toEqual([])
  },
)

test("the ignore file beside the Dockerfile goes before the one of the context", async () => {
  write({ ".dockerignore": "a\n", "build/Dockerfile": "FROM scratch\n", "build/Dockerfile.dockerignore": "b\n" })
  write({ a: "", b: "" })
  const names: string[] = []
  const opened = await openContext(context, "build/Dockerfile")
  expect(opened.ignore.path).toBe(join(context, "build/Dockerfile.dockerignore"))
  for (const path of ["a", "b"]) if (!opened.ignore.rules.judge(path).ignored) names.push(path)
  expect(names).toEqual(["a"])
})

test("a socket is left out, a file made for the stream takes the place of the one on the disk", async () => {
  const server = createServer().listen(join(context, "socket"))
  try {
    write({ ".dockerignore": "old" })
    await unpacked({ made: [{ path: ".dockerignore", bytes: Buffer.from("new") }] })
    expect(readdirSync(out).sort()).toEqual([".dockerignore", "Dockerfile"])
    expect(readFileSync(join(out, ".dockerignore"), "utf8")).toBe("new")
  } finally {
    server.close()
  }
})

test.each([
  ["a-large", "grew", (path: string) => appendFileSync(path, "more")],
  ["a-large", "became shorter", (path: string) => truncateSync(path, 10)],
  ["a-large", "was written again", (path: string) => writeFileSync(path, Buffer.alloc(3_000_000, 9))],
  ["z-large", "is gone", (path: string) => rmSync(path)],
])("%s that %s while the context is read is an error, not a broken stream", async (name, _, change) => {
  write({ "a-large": Buffer.alloc(3_000_000, 1), "z-large": Buffer.alloc(3_000_000, 1) })
  for (const path of ["a-large", "z-large"]) utimesSync(join(context, path), 1_000_000_000, 1_000_000_000)
  const read = async (): Promise<void> => {
    let pieces = 0
    for await (const _piece of contextTar(await openContext(context))) if (++pieces === 2) change(join(context, name))
  }
  await expect(read()).rejects.toMatchObject({ code: "BUILD_CONTEXT_UNREADABLE", details: { path: name } })
})

test.each([
  ["no context", () => rmSync(context, { recursive: true }), "BUILD_CONTEXT_UNREADABLE"],
  ["no Dockerfile", () => rmSync(join(context, "Dockerfile")), "DOCKERFILE_MISSING"],
  ["a bad pattern", () => write({ ".dockerignore": "ok\n[" }), "DOCKER_IGNORE_INVALID"],
  ["a folder as ignore file", () => mkdirSync(join(context, ".dockerignore")), "BUILD_CONTEXT_UNREADABLE"],
])("%s is refused with its code", async (_, spoil, code) => {
  spoil()
  await expect(openContext(context)).rejects.toMatchObject({ code })
})

test("a reader that stops ends the reading, and a cancelled one says so", async () => {
  for (let at = 0; at < 300; at += 1) write({ [`file-${at}`]: Buffer.alloc(10_000, at % 256) })
  const stop = new AbortController()
  const read = async (): Promise<void> => {
    for await (const _ of contextTar(await openContext(context), { signal: stop.signal })) stop.abort()
  }
  await expect(read()).rejects.toThrow(/abort/i)
})

test("the hash of a build changes with what it makes, and with nothing else", async () => {
  write({ ".dockerignore": "*.log", "src/a": "1" })
  const inputs = { context, args: { A: "1", B: "2" } }
  const first = await contextHash(inputs)
  expect(first).toMatch(/^[0-9a-f]{64}$/)
  utimesSync(join(context, "src/a"), 1, 1)
  write({ "noise.log": "x" })
  expect(await contextHash({ ...inputs, args: { B: "2", A: "1" } })).toBe(first)
  const others = [
    await contextHash({ ...inputs, args: { A: "2", B: "2" } }),
    await contextHash({ ...inputs, target: "t" }),
    await contextHash({ ...inputs, labels: { a: "b" } }),
    await contextHash({ ...inputs, platform: "linux/arm64" }),
  ]
  chmodSync(join(context, "src/a"), 0o755)
  others.push(await contextHash(inputs))
  chmodSync(join(context, "src/a"), 0o644)
  for (const change of [{ "src/a": "2" }, { "src/b": "" }, { Dockerfile: "FROM scratch\n" }]) {
    write(change)
    others.push(await contextHash(inputs))
  }
  expect(new Set([first, ...others]).size).toBe(9)
})

/** A tree with something of everything that ignore files are written for. */
const TREE = [
  ...[
    "Dockerfile",
    ".env",
    "a.log",
    "README.md",
    "docs/README.md",
    "docs/deep/a.md",
    "src/a.ts",
    "src/a.log",
    "src/x/b.ts",
  ],
  ...[
    "node_modules/m/index.js",
    "node_modules/m/keep.txt",
    "dist/a+b.whl",
    "dist/(c).js",
    "src/[d].ts",
    "tmp/☺.txt",
    "e f",
  ],
]

test.each([
  "",
  "node_modules",
  "**/*.log\n.env",
  "*\n!src",
  "*\n!**/*.ts",
  "**\n!docs/README.md",
  "docs/*\n!docs/README.md",
  "docs\n!docs/deep\ndocs/deep/a.md",
  "dist/*.whl",
  "dist/a+b.whl\ndist/(c).js",
  "src/\\[d].ts",
  "tmp/?.txt",
  "node_modules\n!node_modules/m/keep.txt",
  "!node_modules/m\nnode_modules",
  "*.md\n!README.md",
  "/src/\n!/src/x/../a.ts",
  "# nothing\n  e f  ",
  "**/deep\n**/m/*.js",
  "[a-z]*\n!src/x",
  "src/**/*.ts\n!src/**/b.ts",
])("with %j exactly what is not ignored is sent", async (ignore) => {
  write(Object.fromEntries(TREE.map((path) => [path, path])))
  write({ ".dockerignore": ignore })
  const { ignore: file } = await openContext(context)
  const expected = [".dockerignore", ...TREE].filter((path) => !file.rules.judge(path).ignored)
  await unpacked()
  const sent = readdirSync(out, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  expect(sent.map((each) => join(each.parentPath, each.name).slice(out.length + 1)).sort()).toEqual(expected.sort())
})
