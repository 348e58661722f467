import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, test } from "vitest"
import * as host from "../../src/host.ts"
import { secret } from "../../src/secrets/sources.ts"
import { conformsTests } from "../../src/testing.ts"
import { canStartHosts, SshHost, stopHosts } from "../support/ssh-host.ts"
import { cleanUp, newFolder } from "./host-world.ts"

const web = canStartHosts()
  ? await SshHost.start("web1", { users: [{ name: "deploy" }], sudoers: ["deploy ALL=(root) NOPASSWD: /bin/sh"] })
  : undefined

afterAll(async () => {
  await stopHosts()
  cleanUp()
})

/** As root through sudo: what is written is owned by another user than the one that logged in. */
const connection = host.ssh("web1", { config: web?.config ?? "none", user: "deploy", become: "sudo", kex: "fast" })

function entries(folder: string): number {
  return readdirSync(folder).filter((name) => !name.startsWith(".fettle-")).length // what is being staged is no thing yet
}

function folderForAll(): string {
  const folder = newFolder()
  chmodSync(folder, 0o755)
  return folder
}

describe.skipIf(web === undefined)("host.file over ssh", () => {
  const folder = folderForAll()
  conformsTests(
    host.file,
    {
      connection,
      props: (variant) => ({ path: join(folder, `f${variant}`), content: secret.env("KEY") }),
      change: (props) => ({ ...props, content: `other ${props.path}\n` }),
      count: () => entries(folder),
      foreign: ({ path }) => writeFileSync(path, "somebody's\n"),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `f${variant}`), content: "x" }),
      secrets: { KEY: "swordfish-in-a-file" },
    },
    { test },
  )
})

describe.skipIf(web === undefined)("host.directory over ssh", () => {
  const folder = folderForAll()
  conformsTests(
    host.directory,
    {
      connection,
      props: (variant) => ({ path: join(folder, `d${variant}`) }),
      change: (props) => ({ ...props, mode: "0700" }),
      count: () => entries(folder),
      foreign: ({ path }) => mkdirSync(path),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `d${variant}`) }),
    },
    { test },
  )
})

describe.skipIf(web === undefined)("host.link over ssh", () => {
  const folder = folderForAll()
  conformsTests(
    host.link,
    {
      connection,
      props: (variant) => ({ path: join(folder, `l${variant}`), to: "target" }),
      change: (props) => ({ ...props, to: "elsewhere" }),
      count: () => entries(folder),
      foreign: ({ path }) => symlinkSync("mine", path),
      refused: (variant) => ({ path: join(folder, "no/such/folder", `l${variant}`), to: "target" }),
    },
    { test },
  )
})
