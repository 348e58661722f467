import { expect, test } from "vitest"
import { changeScript, type FileStep, layOut, type ScriptStep } from "./change-script.ts"

const HAS = new Set(["tar", "sync-files", "mv-t", "timeout"])
const put = (path: string, over: Partial<FileStep> = {}): FileStep => ({
  path,
  expect: "absent",
  sha256: "a".repeat(64),
  owner: "",
  mode: "0644",
  ...over,
})
const remove = (path: string): FileStep => ({ path, expect: "any", sha256: undefined, owner: "", mode: "" })
const script = (item: number, over: Partial<ScriptStep> = {}): ScriptStep => ({
  item,
  script: `run ${item}`,
  brief: false,
  timeoutMs: 1_500,
  after: [],
  slots: false,
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
  expect(layout.steps.map((_, at) => layout.staged(at))).toEqual([
    "/a/.fettle-s-0/1",
    "/a/.fettle-s-0/4",
    undefined,
    "/b/.fettle-s-2/3",
    "/a/.fettle-s-3/5",
    "/a/.fettle-s-4/6",
  ])
  expect(layOut([put("/1")], "s").staged(0)).toBe("/.fettle-s-0/1")
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
    { layout: layOut([put("/a/1"), put("/b/2"), remove("/c/3")], "s"), scripts: [], payload: true },
    HAS,
  ).split("\n")
  const at = (start: string): number => lines.findIndex((line) => line.startsWith(start))
  const order = [
    "S mkdir",
    "C0 staged",
    "TAR=$(tar",
    "C0 own",
    "w=$(F sync",
    "C0 guard",
    "C2 guard",
    "C0 move",
    "C2 drop",
    "S rm",
    "o=$(Y sync",
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
        ...Array.from({ length: 9 }, (_, at) => script(at, { after: [at], slots: true })),
        script(9, { brief: true }),
      ],
      payload: true,
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
      payload: true,
    },
    HAS,
  )
  const unquoted = text.replaceAll(/'[^']*'|\\./g, "")
  expect(unquoted).not.toMatch(/touch|`|pwned|echo/)
})
