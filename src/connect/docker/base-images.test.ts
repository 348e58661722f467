import { describe, expect, test } from "vitest"
import { baseImages } from "./base-images.ts"

const cases: readonly [string, string, Record<string, string>, string | undefined, string[]][] = [
  ["a plain base", "# c\nFROM base:1\nRUN true\n", {}, undefined, ["base:1"]],
  ["scratch and digests", `FROM scratch\nCOPY --from=a@sha256:${"0".repeat(64)} / /\n`, {}, undefined, []],
  ["a default of ARG", "ARG V=1\nFROM base:$V\n", {}, undefined, ["base:1"]],
  ["a given argument", "ARG B=x:1\nFROM --platform=linux/amd64 ${B} AS b\n", { B: "base:2" }, undefined, ["base:2"]],
  ["a default in FROM", "ARG B\nFROM ${B:-base:3}\n", {}, undefined, ["base:3"]],
  ["stages", "FROM a:1 AS One\nFROM one\nCOPY --from=0 /x /x\nCOPY --from=t:1 /y /y\n", {}, undefined, ["t:1", "a:1"]],
  ["a target", "FROM a:1 AS one\nFROM b:1 AS two\nFROM c:1\n", {}, "two", ["b:1"]],
  ["stages that are not needed", "FROM a:1 AS one\nFROM b:1\n", {}, undefined, ["b:1"]],
  ["mounts", "FROM a:1\nRUN --mount=type=bind,from=m:1,target=/m \\\n  # no\n  true\n", {}, undefined, ["a:1", "m:1"]],
  ["here-documents", "FROM a:1\nRUN <<EOF\nFROM b:1\nEOF\nCOPY --from=c:1 / /\n", {}, undefined, ["a:1", "c:1"]],
  ["a stage named as its own image", "FROM a AS a\n", {}, undefined, ["a"]],
]

describe("baseImages", () => {
  test.each(cases)("%s", (_, dockerfile, args, target, expected) => {
    expect(baseImages(dockerfile, args, target).sort()).toEqual([...expected].sort())
  })
})
