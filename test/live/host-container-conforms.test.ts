import { afterAll, beforeAll, describe, test } from "vitest"
import * as docker from "../../src/docker.ts"
import * as host from "../../src/host.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** Busybox and nothing else: what a small image holds. */
const world = canStartEngines() ? await DockerWorld.start() : undefined
const engine = docker.engine({ host: world?.host ?? "unix:///nowhere" })
const connection = host.container("legacy", { engine })

beforeAll(() => {
  world?.image()
  world?.docker("run", "-d", "--name", "legacy", "base:1", "sleep", "6000")
}, 120_000)
afterAll(() => stopEngines(), 60_000)

const there = (...words: readonly string[]): string => world?.docker("exec", "legacy", ...words) ?? ""
const entries = (folder: string): number => {
  const names = there("sh", "-c", `ls -A ${folder} | grep -v '^\\.fettle-' || true`)
  return names === "" ? 0 : names.split("\n").length
}
function newFolder(name: string): string {
  there("mkdir", "-p", `/srv/${name}`)
  return `/srv/${name}`
}

describe.skipIf(world === undefined)("host.file in a container", () => {
  const folder = "/srv/files"
  beforeAll(() => void newFolder("files"))
  conformsTests(
    host.file,
    {
      connection,
      props: (variant) => ({ path: `${folder}/f${variant}`, content: secret.env("KEY") }),
      change: (props) => ({ ...props, content: `other ${props.path}\n` }),
      count: () => entries(folder),
      foreign: ({ path }) => void there("sh", "-c", `echo "somebody's" >${path}`),
      refused: (variant) => ({ path: `${folder}/no/such/folder/f${variant}`, content: "x" }),
      secrets: { KEY: "swordfish-in-a-file" },
    },
    { test },
  )
})

describe.skipIf(world === undefined)("host.directory in a container", () => {
  const folder = "/srv/folders"
  beforeAll(() => void newFolder("folders"))
  conformsTests(
    host.directory,
    {
      connection,
      props: (variant) => ({ path: `${folder}/d${variant}` }),
      change: (props) => ({ ...props, mode: "0700" }),
      count: () => entries(folder),
      foreign: ({ path }) => void there("mkdir", path),
      refused: (variant) => ({ path: `${folder}/no/such/folder/d${variant}` }),
    },
    { test },
  )
})

describe.skipIf(world === undefined)("host.line in a container", () => {
  const path = "/etc/conf"
  beforeAll(() => void there("sh", "-c", `echo first >${path}`))
  conformsTests(
    host.line,
    {
      connection,
      props: (variant) => ({ path, line: `key${variant} = 1`, replaces: `^key${variant} ` }),
      change: (props) => ({ ...props, line: `${props.line}1` }),
      count: () => Number(there("sh", "-c", `grep -cE '^key[0-9]+ = 1+$' ${path} || true`)),
      refused: (variant) => ({ path, line: `key${variant} = 1`, place: { after: "^nowhere" } }),
    },
    { test },
  )
})
