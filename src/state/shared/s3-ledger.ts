import { randomBytes } from "node:crypto"
import { Bucket, BucketError, type BucketLogin, type BucketObject } from "../../connect/bucket.ts"
import { FettleError } from "../../errors.ts"
import type { Entry, Head, Kept, Ledger, SeenLock, SharedHolder } from "./ledger.ts"
import { unreachable } from "./retry.ts"

/** Characters of entries in the first object: more go into an object of their own, since it is written anew each time. */
const TAIL_CHARACTERS = 128_000
/** Times are told in seconds there: what seems this old may be a moment old. */
const ROUNDED_MS = 1_000
/** How often a write is tried anew when its own lock was renewed beside it; each time something else had happened. */
const TRIES_MAX = 10

/**
 * The first object of a state: whoever replaces it has the lock, because each write names the one it replaces. Older entries lie
 * in objects that are written once, and count only because they are named here.
 */
interface First {
  readonly head: Head
  readonly lock: Lock
  readonly parts: readonly Part[]
  readonly tail: readonly Entry[]
}

interface Lock {
  readonly fence: number
  readonly holder?: SharedHolder | undefined
  readonly since: string
  readonly leaseMs: number
  readonly renewals: number
}

interface Part {
  readonly key: string
  readonly last: number
}

/** The first object as it was seen. */
interface Seen {
  readonly first: First
  readonly object: Pick<BucketObject, "etag"> & Partial<BucketObject>
}

/** Where a bucket is, as `--store` says. */
export interface BucketPlace {
  readonly place: string
  readonly name: string
  /** Before each key: empty, or with a slash at its end. */
  readonly prefix: string
  readonly login: BucketLogin
}

/** Entries as objects of a bucket that speaks S3 and heeds If-Match and If-None-Match. */
export class S3Ledger implements Ledger {
  readonly name: string
  readonly #bucket: Bucket
  readonly #key: string
  #seen: Seen | undefined

  constructor({ place, name, prefix, login }: BucketPlace) {
    this.name = name
    this.#bucket = new Bucket(login)
    this.#key = `${prefix}${place}`
  }

  async read(): Promise<Kept | undefined> {
    const before = await this.#look()
    if (before === undefined) return undefined
    const entries = await this.#entries(before, 0)
    return entries === undefined ? this.read() : { head: before.first.head, entries }
  }

  async since(serial: number): Promise<readonly Entry[]> {
    const seen = await this.#look()
    const entries = seen === undefined ? [] : await this.#entries(seen, serial)
    return entries === undefined ? this.since(serial) : entries.filter((entry) => entry.serial >= serial)
  }

  /** All entries of the objects that hold any from this one on; undefined where it was changed while it was read. */
  async #entries(seen: Seen, serial: number): Promise<readonly Entry[] | undefined> {
    const parts = seen.first.parts.filter(({ last }) => last >= serial)
    const texts = await this.#asked(() => Promise.all(parts.map(({ key }) => this.#bucket.get(key))))
    if (texts.includes(undefined) && (await this.#look())?.object.etag !== seen.object.etag) return undefined
    const entries = texts.flatMap((each) => (each === undefined ? [] : this.#parsed<readonly Entry[]>(each.text)))
    return [...entries, ...seen.first.tail]
  }

  async drop(): Promise<void> {
    const parts = (await this.#look())?.first.parts ?? []
    this.#seen = undefined
    await this.#asked(() => this.#bucket.delete(`${this.#key}.json`))
    await Promise.all(parts.map(({ key }) => this.#bucket.delete(key).catch(() => {}))) // garbage costs little
  }

  async head(): Promise<Head | undefined> {
    return (await this.#look())?.first.head
  }

  async look(): Promise<SeenLock | undefined> {
    const seen = await this.#look()
    if (seen === undefined) return undefined
    const { holder, since, leaseMs, fence } = seen.first.lock
    const { nowMs = 0, changedMs = 0, etag } = seen.object
    return { holder, since, leaseMs, fence, version: etag, ageMs: nowMs - changedMs - ROUNDED_MS }
  }

  async make(head: Head): Promise<void> {
    await this.#refuseUnconditional()
    const lock = { fence: 0, since: new Date(0).toISOString(), leaseMs: 0, renewals: 0 }
    await this.#put({ head, lock, parts: [], tail: [] }, "absent")
  }

  /** A store that writes whatever stands there would let two runs write at once. */
  async #refuseUnconditional(): Promise<void> {
    const key = `${this.#key}/probe-${randomBytes(6).toString("hex")}`
    const heeds = await this.#asked(async () => {
      await this.#bucket.put(key, "1")
      const refuses = [await this.#bucket.put(key, "2", "absent"), await this.#bucket.put(key, "3", { etag: '"0"' })]
      await this.#bucket.delete(key)
      return refuses.every((each) => each === undefined)
    })
    if (!heeds)
      throw new FettleError("STORE_INVALID", `${this.name} does not heed If-Match and If-None-Match`, {
        next: "use a store with conditional writes: Amazon S3, MinIO, Cloudflare R2, Ceph from 19, or PostgreSQL",
      })
  }

  async seize(seen: SeenLock, holder: SharedHolder, leaseMs: number): Promise<boolean> {
    const now = this.#seen
    if (now === undefined || now.object.etag !== seen.version) return false
    const since = new Date(now.object.nowMs ?? 0).toISOString()
    const lock = { fence: seen.fence + 1, holder, since, leaseMs, renewals: 0 }
    return this.#put({ ...now.first, lock }, { etag: seen.version })
  }

  renew(fence: number): Promise<boolean> {
    return this.#replace(fence, (first) => first)
  }

  async release(fence: number): Promise<void> {
    await this.#replace(fence, (first) => ({ ...first, lock: { ...first.lock, holder: undefined } }))
  }

  append(fence: number | undefined, from: Head, to: Head, entries: readonly Entry[]): Promise<boolean> {
    let old: readonly Part[] = []
    return this.#replace(fence, async (first) => {
      if (first.head.seal !== from.seal) return first.head.seal === to.seal ? "done" : undefined
      const isAnew = to.base > from.serial
      old = isAnew ? first.parts : []
      const kept = isAnew ? { parts: [], tail: [] } : first
      const all = { ...first, head: to, parts: kept.parts, tail: [...kept.tail, ...entries] }
      return sizeOf(all.tail) > TAIL_CHARACTERS ? this.#parted(all) : all
    }).then(async (done) => {
      if (done) await Promise.all(old.map(({ key }) => this.#bucket.delete(key).catch(() => {}))) // garbage costs little
      return done
    })
  }

  /** Its entries go into an object of their own, which is nothing until the first object names it. */
  async #parted(first: First): Promise<First> {
    const last = first.tail.at(-1)?.serial ?? 0
    const key = `${this.#key}/${String(last).padStart(12, "0")}-${randomBytes(6).toString("hex")}.json`
    await this.#asked(() => this.#bucket.put(key, JSON.stringify(first.tail), "absent"))
    return { ...first, parts: [...first.parts, { key, last }], tail: [] }
  }

  async close(): Promise<void> {}

  /** Replaces the first object as long as the lock is ours. @param change gives undefined where it must not be done, "done" where it is */
  async #replace(
    fence: number | undefined,
    change: (first: First) => First | "done" | undefined | Promise<First | "done" | undefined>,
  ): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const seen = this.#seen ?? (await this.#look())
      const lock = seen?.first.lock
      if (seen === undefined || lock === undefined) return false
      if (fence !== undefined && (lock.fence !== fence || lock.holder === undefined)) return false
      const next = await change({ ...seen.first, lock: { ...lock, renewals: lock.renewals + 1 } })
      if (next === undefined || next === "done") return next === "done"
      if (await this.#put(next, { etag: seen.object.etag })) return true
    }
    throw unreachable(this.name, "it gave way to others again and again", true)
  }

  async #look(): Promise<Seen | undefined> {
    const object = await this.#asked(() => this.#bucket.get(`${this.#key}.json`))
    this.#seen = object === undefined ? undefined : { first: this.#parsed<First>(object.text), object }
    return this.#seen
  }

  /** What is known of the first object is forgotten whenever it may be another one. */
  async #put(first: First, condition: { readonly etag: string } | "absent"): Promise<boolean> {
    this.#seen = undefined
    const etag = await this.#asked(() => this.#bucket.put(`${this.#key}.json`, JSON.stringify(first), condition))
    if (etag === undefined) return false
    this.#seen = { first, object: { etag } }
    return true
  }

  #parsed<T>(text: string): T {
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw new FettleError("STATE_ALTERED", `${this.name}: an object is not as Fettle wrote it`, { cause })
    }
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw thrown instanceof BucketError ? errorOf(thrown, this.name) : thrown
    }
  }
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { body }) => sum + body.length, 0)
}

/** Code of S3 → what to do. */
const NEXT: Readonly<Record<string, string>> = {
  NoSuchBucket: "create the bucket, or correct its name and region",
  AccessDenied: "let these credentials get, put and delete objects below the prefix",
  InvalidAccessKeyId: "correct AWS_ACCESS_KEY_ID",
  SignatureDoesNotMatch: "correct AWS_SECRET_ACCESS_KEY",
  ExpiredToken: "get new credentials: the session has ended",
  PermanentRedirect: "give the region of the bucket: ?region=NAME",
  AuthorizationHeaderMalformed: "give the region of the bucket: ?region=NAME",
}

function errorOf(thrown: BucketError, store: string): FettleError {
  const next = NEXT[thrown.code]
  return unreachable(store, thrown.message, thrown.mayPass, { cause: thrown, ...(next === undefined ? {} : { next }) })
}
