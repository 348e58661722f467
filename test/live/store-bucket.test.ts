import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { StateHome } from "../../src/state/home.ts"
import { bucketLogin } from "../../src/state/shared/bucket-place.ts"
import type { Entry, Kept } from "../../src/state/shared/ledger.ts"
import { openShared } from "../../src/state/shared/open-shared.ts"
import { S3Ledger } from "../../src/state/shared/s3-ledger.ts"
import { testFolder } from "../support/runs.ts"
import { BucketWorld, motoFolder } from "./bucket-world.ts"
import { type HomeOptions, KEY, type SharedWorld, sharedStoreCases } from "./shared-store-cases.ts"

const folder = motoFolder()

let server: BucketWorld
let world: SharedWorld
beforeAll(async () => {
  if (folder === undefined) return
  server = await BucketWorld.start(folder)
  world = worldIn(server)
})
afterAll(() => server?.stop())

const envOf =
  ({ env }: BucketWorld) =>
  (name: string) =>
    (env as Readonly<Record<string, string>>)[name]

function worldIn(bucket: BucketWorld): SharedWorld {
  const address = ({ lease = "4s", port = bucket.port }: HomeOptions = {}): string =>
    `s3://state/a team?region=us-east-1&endpoint=http://127.0.0.1:${port}&lease=${lease}`
  const inside = bucket.bucket()
  const first = async (place: string): Promise<{ etag: string; all: First } | undefined> => {
    const object = await inside.get(`a team/${place}.json`)
    return object === undefined ? undefined : { etag: object.etag, all: JSON.parse(object.text) as First }
  }
  return {
    port: bucket.port,
    env: bucket.env,
    address,
    homeOf: (place, options = {}) => homeAt(address(options), place, options),
    ledger: (place) => new S3Ledger({ place, ...bucketLogin(address(), envOf(bucket), 10_000) }),
    raw: async (place) => {
      const { head, parts, tail } = ((await first(place)) as { readonly all: First }).all
      const objects = await Promise.all(parts.map(({ key }) => inside.get(key)))
      return { head, entries: [...objects.flatMap((each) => JSON.parse(each?.text ?? "") as Entry[]), ...tail] }
    },
    put: async (place, kept) => {
      if (kept === undefined) return inside.delete(`a team/${place}.json`)
      const key = `a team/${place}/put-by-hand.json`
      const half = Math.floor(kept.entries.length / 2)
      await inside.put(key, JSON.stringify(kept.entries.slice(0, half)))
      const lock = (await first(place))?.all.lock ?? { fence: 0, since: "", leaseMs: 0, renewals: 0 }
      const all = { head: kept.head, lock, parts: [{ key, last: half }], tail: kept.entries.slice(half) }
      await inside.put(`a team/${place}.json`, JSON.stringify(all))
    },
  }
}

interface First extends Pick<Kept, "head"> {
  readonly lock: unknown
  readonly parts: readonly { readonly key: string; readonly last: number }[]
  readonly tail: readonly Entry[]
}

function homeAt(address: string, place: string, options: HomeOptions = {}, env = envOf(server)): StateHome {
  const { folder: at = testFolder(), key = "key" in options ? undefined : KEY } = options
  const keys = { given: key, file: join(at, "no.key"), isGiven: key !== undefined }
  return openShared({ address, place, keys, folder: join(at, "a laptop"), env })
}

describe.skipIf(folder === undefined)("state in a bucket", () => {
  sharedStoreCases(() => world)

  test("where a bucket is, and what lets one in", () => {
    const at = (address: string, more: Record<string, string> = {}) => {
      const env = { ...server.env, ...more } as Readonly<Record<string, string>>
      const { login, name, prefix } = bucketLogin(address, (key) => env[key], 1)
      return [login.url, login.region, name, prefix]
    }
    expect(at("s3://team-state/shop?region=eu-central-1")).toEqual([
      "https://team-state.s3.eu-central-1.amazonaws.com",
      "eu-central-1",
      "s3://team-state/shop/",
      "shop/",
    ])
    expect(at("s3://team.state", { AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_S3: "https://minio.internal/" })).toEqual([
      "https://minio.internal/team.state",
      "eu-west-1",
      "s3://team.state/ at minio.internal",
      "",
    ])
    const refused = (address: string, env = server.env as Readonly<Record<string, string>>) =>
      expect(() => bucketLogin(address, (key) => env[key], 1))
    refused("s3://state?endpoint=http://minio.internal").toThrowError(/without TLS/)
    refused("s3://state?endpoint=https://user:password@minio.internal").toThrowError(/endpoint is not/)
    refused("s3://state?secret=x").toThrowError(/knows no "secret"/)
    refused("s3://state", {}).toThrowError(/no credentials/)
  })

  test("a bucket that is not there says what to do", async () => {
    const home = homeAt(world.address().replace("s3://state/", "s3://nowhere/"), "p")
    await expect(home.exists()).rejects.toThrowError(
      expect.objectContaining({ code: "STATE_UNREACHABLE", next: expect.stringContaining("create the bucket") }),
    )
  })
})
