import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import type { StateHome } from "../../src/state/home.ts"
import { bucketLogin } from "../../src/state/shared/bucket-place.ts"
import type { Entry, Kept } from "../../src/state/shared/ledger.ts"
import { openShared } from "../../src/state/shared/open-shared.ts"
import { S3Ledger } from "../../src/state/shared/s3-ledger.ts"
import { testFolder } from "../support/runs.ts"
import { seeded } from "../support/seeded.ts"
import { intent, who } from "../support/store-contract.ts"
import { BucketWorld, motoFolder } from "./bucket-world.ts"
import { type Fault, FaultyBucket } from "./faulty-bucket.ts"
import { type HomeOptions, KEY, type SharedWorld, sharedStoreCases } from "./shared-store-cases.ts"

const folder = motoFolder()
const begun = { id: "r", command: "apply", who: "ann", startedAt: 5, keyId: undefined }

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
    // A thousand races take a minute: FETTLE_TEST_RACES=1000.
    times: { races: Number(process.env.FETTLE_TEST_RACES ?? 50), tens: 2, cuts: 1 },
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
      const lock = { fence: 0, since: "", leaseMs: 0, renewals: 0 }
      const all = { head: kept.head, lock, parts: [{ key, last: half }], tail: kept.entries.slice(half) }
      await inside.put(`a team/${place}.json`, JSON.stringify(all))
    },
  }
}

interface First extends Pick<Kept, "head"> {
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

  test("a store that slows down, fails and loses answers loses nothing, and writes nothing twice", {
    timeout: 60_000,
  }, async () => {
    const faulty = await FaultyBucket.start(server.port)
    onTestFinished(() => faulty.stop())
    const random = seeded(3)
    const faults: readonly Fault[] = ["503", "500 after", "409", "lost", "lost after"]
    faulty.fail(() => (random() < 0.3 ? faults[Math.floor(random() * faults.length)] : undefined))
    const home = world.homeOf("faulty", { port: faulty.port, lease: "60s" })
    const { store, release } = await home.take(who)
    const run = await store.beginRun(begun)
    for (let at = 1; at <= 12; at += 1) expect(await store.commit(run, { intents: [intent(`${at}`)] })).toEqual([at])
    faulty.fail(() => undefined)
    await release()
    const { head } = await world.raw("faulty")
    expect(head.serial).toBe(13)
    expect((await world.homeOf("faulty").read((each) => each.load()))?.open).toHaveLength(12)
  })

  test("a clock that was set back here is not in the way: it is signed by the server's", async () => {
    const faulty = await FaultyBucket.start(server.port)
    onTestFinished(() => faulty.stop())
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())
    const { store, release } = await world.homeOf("skewed", { port: faulty.port }).take(who)
    await store.commit(await store.beginRun(begun), { intents: [intent("a")] })
    await release()
    expect((await world.raw("skewed")).head.serial).toBe(2)
  })

  test("a bucket that is not there says what to do", async () => {
    const home = homeAt(world.address().replace("s3://state/", "s3://nowhere/"), "p")
    await expect(home.exists()).rejects.toThrowError(
      expect.objectContaining({ code: "STATE_UNREACHABLE", next: expect.stringContaining("create the bucket") }),
    )
  })
})
