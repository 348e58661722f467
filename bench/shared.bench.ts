import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { PostgresWorld } from "../test/live/postgres-world.ts"
import type { Bench } from "./context.ts"
import { cli, many, run, withFolder } from "./measure.ts"
import { peerEnv } from "./peers/install.mjs"

const COUNT = 1_000
const ROUNDS = 5

/**
 * An apply of 1,000 resources that only write a line to a file, and a plan that then finds nothing to do, with state in a PostgreSQL on
 * loopback (`fsync = on`), beside the same with state in a file: from the start of the process to its end.
 */
export default async function bench(given: Bench): Promise<void> {
  const server = await PostgresWorld.start([], undefined, {
    fsync: "on",
    shared_buffers: "128MB",
    log_statement: "none",
  })
  try {
    if ((await server.admin("show fsync")) !== "on") throw new Error("the server syncs nothing")
    await withFolder("shared", (folder) => measured(given, folder, server))
  } finally {
    await server.stop()
  }
}

async function measured(given: Bench, folder: string, server: PostgresWorld): Promise<void> {
  const places = { ours: place(join(folder, "ours"), server), other: place(join(folder, "other")) }
  const name = COUNT.toLocaleString("en")
  const otherName = "SQLite in a file"
  const applied = await given.interleave(ROUNDS, {
    ours: places.ours.applyAnew,
    other: places.other.applyAnew,
  })
  given.row({
    name: `apply of ${name}, PostgreSQL on loopback`,
    unit: "s",
    ...applied,
    otherName,
    target: "ratio <= 2",
  })
  const planned = await given.interleave(ROUNDS, { ours: places.ours.plan, other: places.other.plan })
  given.row({ name: `plan of ${name}, nothing to do`, unit: "s", ...planned, otherName, target: "ratio <= 2" })
}

function place(folder: string, server?: PostgresWorld) {
  const { args, env } = many(folder, COUNT)
  const shared = server && {
    FETTLE_STORE: server.url({ password: "" }).replace(":@", "@"),
    FETTLE_STATE_KEY: Buffer.alloc(32, 1).toString("base64"),
    PGPASSWORD: server.password,
  }
  const fettle = async (...words: readonly string[]): Promise<number> =>
    (await run([process.execPath, cli, ...words, ...args], { env: { ...peerEnv, ...env, ...shared } })).seconds
  return {
    plan: () => fettle("plan", "--check"),
    applyAnew: async (): Promise<number> => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      await server?.admin("drop table if exists fettle_entry, fettle_state")
      return fettle("apply", "--yes")
    },
  }
}
