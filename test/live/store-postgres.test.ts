import { join } from "node:path"
import { afterAll, beforeAll, describe } from "vitest"
import type { StateHome } from "../../src/state/home.ts"
import { openShared } from "../../src/state/shared/open-shared.ts"
import { testFolder } from "../support/runs.ts"
import { storeContract } from "../support/store-contract.ts"
import { canStartPostgres, PostgresWorld } from "./postgres-world.ts"

const hasPostgres = canStartPostgres()
const KEY = Buffer.alloc(32, 7).toString("base64")

let world: PostgresWorld
beforeAll(async () => {
  if (hasPostgres) world = await PostgresWorld.start()
})
afterAll(() => world?.stop())

/** The state of a place, as a laptop with a folder of its own sees it. */
function homeOf(place: string, more: { folder?: string; key?: string; query?: string } = {}): StateHome {
  const { folder = join(testFolder(), "a laptop"), key = KEY, query = "lease=4s" } = more
  const address = world.url({ password: "", query: `?${query}` }).replace(":@", "@")
  const keys = { given: key, file: join(folder, "no.key"), isGiven: true }
  return openShared({
    address,
    place,
    keys,
    folder,
    env: (name) => (name === "PGPASSWORD" ? world.password : undefined),
  })
}

describe.skipIf(!hasPostgres)("state in PostgreSQL", () => {
  storeContract((name) => homeOf(name))
})
