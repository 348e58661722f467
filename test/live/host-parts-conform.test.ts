import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, test } from "vitest"
import * as host from "../../src/host.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { cleanUp, newFolder } from "./host-world.ts"

afterAll(cleanUp)

const linesOf = (path: string, like: RegExp): number =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((each) => like.test(each)).length

describe("host.line", () => {
  const path = join(newFolder(), "conf")
  writeFileSync(path, "first\n")
  conformsTests(
    host.line,
    {
      connection: host.local(),
      props: (variant) => ({ path, line: `key${variant} = 1`, replaces: `^key${variant} ` }),
      change: (props) => ({ ...props, line: `${props.line}1` }),
      count: () => linesOf(path, /^key\d+ = 1+$/),
      refused: (variant) => ({ path, line: `key${variant} = 1`, place: { after: "^nowhere" } }),
    },
    { test },
  )
})

describe("host.block", () => {
  const path = join(newFolder(), "conf")
  writeFileSync(path, "first\n")
  conformsTests(
    host.block,
    {
      connection: host.local(),
      props: (variant) => ({ path, name: `b${variant}`, content: secret.env("KEY") }),
      change: (props) => ({ ...props, content: "no secret any more\n" }),
      count: () => linesOf(path, /^# BEGIN fettle: b\d+$/),
      foreign: ({ name }) =>
        writeFileSync(path, `${readFileSync(path, "utf8")}# BEGIN fettle: ${name}\nx\n# END fettle: ${name}\n`),
      refused: (variant) => ({ path: join(path, "no"), name: `b${variant}`, content: "x" }),
      secrets: { KEY: "swordfish-in-a-block" },
    },
    { test },
  )
})
