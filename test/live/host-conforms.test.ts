import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, test } from "vitest"
import * as host from "../../src/host.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { cleanUp, newFolder } from "./host-world.ts"

afterAll(cleanUp)

const VALUE = "swordfish-in-a-file"

function entries(folder: string): number {
  return readdirSync(folder).filter((name) => !name.startsWith(".fettle-")).length // what is being staged is no thing yet
}

describe("host.file", () => {
  const folder = newFolder()
  conformsTests(
    host.file,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `f${variant}`), content: `content of ${variant}\n` }),
      change: (props) => ({ ...props, content: `other ${props.path}\n` }),
      count: () => entries(folder),
      foreign: ({ path }) => writeFileSync(path, "somebody's\n"),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `f${variant}`), content: "x" }),
    },
    { test },
  )
})

describe("host.file with a secret", () => {
  const folder = newFolder()
  conformsTests(
    host.file,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `f${variant}`), content: secret.env("KEY") }),
      change: (props) => ({ ...props, mode: "0640" }),
      count: () => entries(folder),
      foreign: ({ path }) => writeFileSync(path, "somebody's\n"),
      secrets: { KEY: VALUE },
    },
    { test },
  )
})

describe("host.file from a source", () => {
  const [folder, from] = [newFolder(), newFolder()]
  for (const name of ["one", "two"]) writeFileSync(join(from, name), `${name}\n`)
  conformsTests(
    host.file,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `f${variant}`), source: join(from, "one") }),
      change: (props) => ({ ...props, source: join(from, "two") }),
      count: () => entries(folder),
      foreign: ({ path }) => writeFileSync(path, "somebody's\n"),
    },
    { test },
  )
})

describe("host.directory", () => {
  const folder = newFolder()
  conformsTests(
    host.directory,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `d${variant}`) }),
      change: (props) => ({ ...props, mode: "0700" }),
      count: () => entries(folder),
      foreign: ({ path }) => mkdirSync(path),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `d${variant}`) }),
    },
    { test },
  )
})

describe("host.link", () => {
  const folder = newFolder()
  conformsTests(
    host.link,
    {
      connection: host.local(),
      props: (variant) => ({ path: join(folder, `l${variant}`), to: "target" }),
      change: (props) => ({ ...props, to: "elsewhere" }),
      count: () => entries(folder),
      foreign: ({ path }) => symlinkSync("mine", path),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `l${variant}`), to: "target" }),
    },
    { test },
  )
})

describe("host.process", () => {
  const folder = newFolder()
  conformsTests(
    host.process,
    {
      connection: host.local(),
      props: (variant) => ({
        command: ["sleep", `3600.${variant}`] as [string, ...string[]],
        directory: join(folder, `p${variant}`),
        env: { KEY: secret.env("KEY") },
        readyAfterMs: 0,
      }),
      change: (props) => ({ ...props, restartOn: ["changed"] }),
      count: () => readdirSync("/proc").filter((pid) => isLoopOf(folder, pid)).length,
      refused: (variant) => ({
        command: ["/no/such/command"] as [string, ...string[]],
        directory: join(folder, `refused${variant}`),
      }),
      secrets: { KEY: VALUE },
    },
    { test },
  )
})

/** Whether a process is the shell around one supervisor: the one that stands in no pipeline of its own kind. */
function isLoopOf(folder: string, pid: string): boolean {
  if (!/^\d+$/.test(pid)) return false
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1")
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    const [, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return command.startsWith(`sh\0${folder}/`) && command.includes("/supervise\0run\0") && group === pid
  } catch {
    return false
  }
}
