import { expect, test } from "vitest"
import { changeScript, type FileStep, layOut, type ScriptStep } from "./change-script.ts"

const HAS = new Set(["tar", "sync-files", "mv-t", "timeout"])
const put = (path: string, over: Partial<FileStep> = {}): FileStep => ({
  path,
  expect: "absent",
  sha256: "a".repeat(64),
  owner: "",
  mode: "0644",
  turn: 0,
  ...over,
})
const part = (bytes: number) => ({ bytes, chunks: [[0, bytes]] as const })
const remove = (path: string): FileStep => ({ path, expect: "any", sha256: undefined, owner: "", mode: "", turn: 0 })
const script = (item: number, over: Partial<ScriptStep> = {}): ScriptStep => ({
  item,
  script: `run ${item}`,
  brief: false,
  timeoutMs: 1_500,
  files: [],
  slots: false,
  turn: 0,
  ...over,
})

test("steps that the same commands can do stand together, in one staging folder beside their target", () => {
  const layout = layOut(
    [
      put("/a/1"),
      remove("/a/2"),
      put("/b/3"),
      put("/a/4"),
      put("/a/5", { owner: "app:app" }),
      put("/a/6", { owner: "app:app", mode: "4755" }),
    ],
    "s",
  )
  expect(
    layout.chunks.map(({ folder, stage, owner, mode, steps }) => [
      folder,
      stage,
      owner,
      mode,
      steps.map(({ path }) => path),
    ]),
  ).toEqual([
    ["/a", "/a/.fettle-s-0", "", "", ["/a/1", "/a/4"]],
    ["/a", "-", "", "", ["/a/2"]],
    ["/b", "/b/.fettle-s-2", "", "", ["/b/3"]],
    ["/a", "/a/.fettle-s-3", "app:app", "", ["/a/5"]],
    ["/a", "/a/.fettle-s-4", "app:app", "4755", ["/a/6"]],
  ])
  expect(layout.steps.map((_, at) => layout.staged(at)?.path)).toEqual([
    "/a/.fettle-s-0/1",
    "/a/.fettle-s-0/4",
    undefined,
    "/b/.fettle-s-2/3",
    "/a/.fettle-s-3/5",
    "/a/.fettle-s-4/6",
  ])
  expect(layOut([put("/1")], "s").staged(0)).toEqual({ path: "/.fettle-s-0/1", chunk: 0 })
})

test("a chunk holds 500 names, so that any number fits", () => {
  const layout = layOut(
    Array.from({ length: 1_201 }, (_, at) => put(`/d/f${at}`)),
    "s",
  )
  expect(layout.chunks.map(({ first, steps }) => [first, steps.length])).toEqual([
    [0, 500],
    [500, 500],
    [1_000, 201],
  ])
})

test("nothing is renamed before all is staged, synced and guarded", () => {
  const lines = changeScript(
    {
      layout: layOut([put("/a/1"), put("/b/2"), remove("/c/3")], "s"),
      scripts: [],
      afters: [],
      payloads: [part(1024)],
    },
    HAS,
  ).split("\n")
  const at = (start: string): number => lines.findIndex((line) => line.startsWith(start))
  const order = [
    'if [ -z "$GONE" ]; then S mkdir',
    "C0 staged",
    "unpack 1024",
    "C0 own",
    'if [ -z "$GONE" ]; then w=$(F sync',
    "C0 guard",
    "C2 guard",
    "C0 move",
    "C2 drop",
    'if [ -z "$GONE" ]; then S rm',
    'if [ -z "$GONE" ]; then o=$(Y here',
    "look 0",
  ].map(at)
  expect(order).toEqual([...order].sort((a, b) => a - b))
  expect(order[0]).toBeGreaterThan(0)
})

test("slow scripts run eight at a time, each with its limit, and only after their own files", () => {
  const text = changeScript(
    {
      layout: layOut([], "s"),
      scripts: [
        ...Array.from({ length: 9 }, (_, at) => script(at, { files: [at], slots: true })),
        script(9, { brief: true }),
      ],
      afters: [],
      payloads: [part(1024)],
    },
    HAS,
  )
  expect(text.match(/^(brief|begin|finish) \d+/gm)?.join(",")).toBe(
    `brief 9,${[0, 1, 2, 3, 4, 5, 6, 7].map((at) => `begin ${at}`).join(",")},${[0, 1, 2, 3, 4, 5, 6, 7].map((at) => `finish ${at}`).join(",")},begin 8,finish 8`,
  )
  expect(text).toContain("LIMIT='timeout -k 5 2'\nbegin 3 '3 T' - 'run 3'\n")
})

test("names and scripts are only ever quoted words", () => {
  const evil = "/d/$(touch /tmp/pwned) '\n`x` \\"
  const text = changeScript(
    {
      layout: layOut([put(evil), remove(evil)], "s"),
      scripts: [script(0, { script: "echo 'a'; $(b)" })],
      afters: [],
      payloads: [part(1024)],
    },
    HAS,
  )
  const unquoted = text.replaceAll(/'[^']*'|\\./g, "")
  expect(unquoted).not.toMatch(/touch|`|pwned|echo/)
})

test("what comes after something else stands in a later turn, guarded before anything begins", () => {
  const layout = layOut([put("/a/2", { turn: 1 }), put("/a/1")], "s")
  expect(layout.chunks.map(({ turn, steps }) => [turn, steps.map(({ path }) => path)])).toEqual([
    [0, ["/a/1"]],
    [1, ["/a/2"]],
  ])
  const lines = changeScript(
    {
      layout,
      scripts: [script(2, { turn: 1 })],
      afters: [{ item: 1, turn: 1, files: [1], afterFiles: [0], afterScripts: [] }],
      payloads: [part(512), part(1024)],
    },
    HAS,
  ).split("\n")
  const at = (start: string, from = 0): number => lines.findIndex((line, number) => number >= from && line === start)
  const first = at("C1 guard")
  const second = at("GONE= ASIDE=1 F_T=")
  expect(first).toBeLessThan(at("unpack 512 '0:512' || {"))
  expect(at('R 0 v 0 "" ""')).toBeLessThan(second)
  expect(at("after 1 '1' '0' ''")).toBe(second + 1)
  expect(at("C1 guard", second)).toBeGreaterThan(at("unpack 1024 '0:1024' || {"))
  expect(at('R 1 v 0 "" ""')).toBeGreaterThan(at("C1 move"))
  expect(at("finish 2")).toBeGreaterThan(at('R 1 v 0 "" ""'))
})

test("of scripts that exclude each other one runs at a time, and others do not wait for them", () => {
  const text = changeScript(
    {
      layout: layOut([], "s"),
      scripts: [
        script(0, { exclusive: "dpkg" }),
        script(1, { exclusive: "dpkg" }),
        script(2),
        script(3, { exclusive: "dpkg", noted: { token: "t", word: "w", supersedes: ["old"] } }),
      ],
      afters: [],
      payloads: [undefined],
    },
    HAS,
  )
  expect(text.match(/^(begin|finish) \d+/gm)?.map((line) => line.replace(" ", ""))).toEqual([
    "begin0",
    "begin2",
    "finish0",
    "finish2",
    "begin1",
    "finish1",
    "begin3",
    "finish3",
  ])
  expect(text).toContain("begin 3 '' - 'run 3' 't' 'w' 'old'\nfinish 3 't' 'w'\n")
})

test("folders come before anything is staged; neighbours that are made alike share their commands", () => {
  const folder = (path: string, mode = "0755", item = 4) => ({ item, path, mode, owner: "", turn: 0 })
  const folders = [folder("/a"), folder("/a/it's"), folder("/a/b", "0700"), folder("/a/c"), folder("/d", "0755", 5)]
  const layout = layOut([put("/a/1")], "s")
  const lines = changeScript({ layout, folders, scripts: [], afters: [], payloads: [part(512)] }, HAS).split("\n")
  expect(lines.filter((line) => line.startsWith("folders"))).toEqual([
    "folders 4 0755 '' '/a' '/a/it'\\''s'",
    "folders 4 0700 '' '/a/b'",
    "folders 4 0755 '' '/a/c'",
    "folders 5 0755 '' '/d'",
  ])
})
