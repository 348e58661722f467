import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { program, resource } from "fettle"
import { beforeAll, describe, expect, test } from "vitest"
import { here } from "../../src/program/place.ts"
import { thing } from "../support/world.ts"
import { declared, lineHere } from "./declared.ts"

const FIXTURE = fileURLToPath(new URL("./fixtures/places.ts", import.meta.url))
const lines = readFileSync(FIXTURE, "utf8").split("\n")
const names = [...readFileSync(FIXTURE, "utf8").matchAll(/^ {2}(?:"([\w ]+)"|(\w+)): \(\) =>|tell\("([\w ]+)"/gm)].map(
  ([, quoted, bare, told]) => quoted ?? bare ?? told ?? "",
)

interface Thrown {
  readonly code: string
  readonly place?: string
}

let thrown: Record<string, Thrown> = {}

beforeAll(() => {
  const flags = ["--disable-warning=ExperimentalWarning"]
  thrown = JSON.parse(execFileSync(process.execPath, [...flags, FIXTURE], { encoding: "utf8" }))
})

describe("an error names the file and line of what is wrong, after types are stripped", () => {
  for (const name of names) {
    test(name, () => {
      const [file, line] = (thrown[name]?.place ?? "").split(/:(?=\d+$)/)
      expect(file).toBe(FIXTURE)
      // The name of the case stands in a comment on that line, or on the next where the call goes on.
      const there = lines.slice(Number(line) - 1, Number(line) + 1).map((text) => `${text} //`)
      expect(there.join("\n")).toContain(`// ${name} //`)
    })
  }

  test("every case of the file was run", () => {
    expect(names.length).toBeGreaterThan(25)
    expect(Object.keys(thrown).sort()).toEqual([...names].sort())
    expect(Object.values(thrown).filter(({ code }) => code === undefined)).toEqual([])
  })
})

describe("a place", () => {
  test("is the line of the declaration, also as compiled by a test runner", () => {
    let line = ""
    const one = program("one", {}, () => {
      line = lineHere()
      resource(thing, "a", { folder: "/nowhere", name: "a" })
    })
    const place = String(declared(one, "test.thing[a]").place)
    const [file, number] = line.split(":") as [string, string]
    expect(place).toMatch(new RegExp(`/test/program/${file}:${Number(number) + 1}$`))
    expect(String(one.place)).toMatch(new RegExp(`/test/program/${file}:${Number(number) - 1}$`))
  })

  test("costs no formatted stack until it is asked for", () => {
    const before = Error.prepareStackTrace
    let formatted = 0
    try {
      Error.prepareStackTrace = (error, frames) => {
        formatted += 1
        return before?.(error, frames) ?? `${error}\n    at ${frames.join("\n    at ")}`
      }
      const place = here(lineHere)
      expect(formatted).toBe(0)
      void place.place
      expect(formatted).toBe(1)
      void place.place
      expect(formatted).toBe(1)
    } finally {
      if (before === undefined) Reflect.deleteProperty(Error, "prepareStackTrace")
      else Error.prepareStackTrace = before
    }
  })

  test("changes no limit of the user's stacks", () => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 3
    try {
      here(lineHere)
      expect(Error.stackTraceLimit).toBe(3)
    } finally {
      Error.stackTraceLimit = before
    }
  })
})
