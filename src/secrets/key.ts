import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from "node:crypto"
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import { FettleError } from "../errors.ts"

/** Bytes of the data key: AES-256. */
const KEY_BYTES = 32
/** Bytes of the initialisation vector that GCM is specified for. */
const IV_BYTES = 12
const TAG_BYTES = 16

/** The one data key: it seals secret values in state and keys every fingerprint. Kept outside the project. */
export class DataKey {
  /** Tells keys apart without telling the key. */
  readonly id: string
  readonly #key: Uint8Array
  readonly #seal: Buffer
  readonly #print: Buffer
  readonly #plan: Buffer
  readonly #chain: Buffer

  /** @param prints what fingerprints are keyed with, where the key is not the first one of its state: they must stay comparable */
  constructor(key: Uint8Array, prints?: Uint8Array) {
    if (key.length !== KEY_BYTES)
      throw new FettleError("STATE_KEY_WRONG", `the data key has ${key.length} bytes, it must have ${KEY_BYTES}`)
    this.#seal = createHmac("sha256", key).update("fettle seal 1").digest()
    this.#key = key
    this.#print =
      prints === undefined ? createHmac("sha256", key).update("fettle fingerprint 1").digest() : Buffer.from(prints)
    this.#chain = createHmac("sha256", key).update("fettle chain 1").digest()
    this.#plan = createHmac("sha256", key).update("fettle plan 1").digest()
    this.id = createHmac("sha256", key).update("fettle key id 1").digest("hex").slice(0, 16)
  }

  /** A key for a run that keeps nothing: its fingerprints are compared within the run and never written. */
  static passing(): DataKey {
    return new DataKey(randomBytes(KEY_BYTES))
  }

  /** What the next key needs to make the same fingerprints, sealed with that one. */
  printsFor(next: DataKey): string {
    return next.seal(this.#print.toString("base64"))
  }

  /** The same key with the fingerprints that a state was begun with. @param sealed as `printsFor` gave it */
  withPrints(sealed: string | undefined): DataKey {
    return sealed === undefined ? this : new DataKey(this.#key, Buffer.from(this.open(sealed), "base64"))
  }

  /** Keyed fingerprint of a plain SHA-256 given as hex. */
  fingerprintOfHash(sha256: string): string {
    return `fp:${createHmac("sha256", this.#print).update(sha256).digest("base64url").slice(0, 27)}`
  }

  /** Proves that texts were written, in this order, by somebody who has the key: the lengths before them keep two lists apart. */
  authenticate(...texts: readonly string[]): string {
    const hash = createHmac("sha256", this.#chain)
    for (const text of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text)
    return hash.digest("base64url")
  }

  /** Keyed fingerprint of a value. */
  fingerprint(bytes: Uint8Array | string): string {
    return this.fingerprintOfHash(createHash("sha256").update(bytes).digest("hex"))
  }

  /** What shows that a saved plan was made by who has this key. */
  sealOfPlan(text: string): string {
    return createHmac("sha256", this.#plan).update(text).digest("base64url")
  }

  seal(plain: string): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv("aes-256-gcm", this.#seal, iv)
    const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64")
  }

  /** @throws FettleError `STATE_KEY_WRONG` where the value was sealed with another key or altered */
  open(sealed: string): string {
    const bytes = Buffer.from(sealed, "base64")
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#seal, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8")
    } catch (cause) {
      throw new FettleError("STATE_KEY_WRONG", "a sealed value does not open with this data key", { cause })
    }
  }
}

/** Under this name a state whose key was changed keeps what its fingerprints are keyed with, among its sealed values. */
export const PRINTS = "fettle:fingerprints"

export interface KeyPlaces {
  /** Value of FETTLE_STATE_KEY: 32 bytes as base64 or hex. */
  readonly given: string | undefined
  /** The key file: as FETTLE_STATE_KEY_FILE says, or in the user's configuration folder. */
  readonly file: string
  /** Somebody said which key it is; else it is one that was made here at first need. */
  readonly isGiven?: boolean
}

/** Where the data key is: as the environment says, else in a file of this user. */
export function keyPlaces(env: Readonly<Record<string, string | undefined>>, usual: string): KeyPlaces {
  const { FETTLE_STATE_KEY: given, FETTLE_STATE_KEY_FILE: file } = env
  return { given, file: file || usual, isGiven: Boolean(given || file) }
}

/**
 * The data key, or undefined where there is none yet.
 * @throws FettleError `STATE_KEY_WRONG` where what is given is not a key, `SECRET_EXPOSED` where others can read the file
 */
export function findKey(places: KeyPlaces): DataKey | undefined {
  if (places.given !== undefined && places.given !== "") return new DataKey(decodeKey(places.given, "FETTLE_STATE_KEY"))
  return readKeyFile(places.file)
}

/** The key in a file, made where there is none. @throws FettleError as `findKey` */
export function keyInFile(file: string): DataKey {
  return makeKey({ given: undefined, file })
}

/** The data key, made at first need. Two processes that make it at once end with the same one. */
export function makeKey(places: KeyPlaces): DataKey {
  const found = findKey(places)
  if (found !== undefined) return found
  mkdirSync(dirname(places.file), { recursive: true, mode: 0o700 })
  const temporary = `${places.file}.${process.pid}.${randomBytes(6).toString("hex")}`
  try {
    writeKey(temporary)
    linkSync(temporary, places.file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown
  } finally {
    rmSync(temporary, { force: true })
  }
  return readKeyFile(places.file) as DataKey
}

function writeKey(file: string): void {
  const descriptor = openSync(file, "wx", 0o600)
  try {
    writeSync(descriptor, `${randomBytes(KEY_BYTES).toString("base64")}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  chmodSync(file, 0o600)
}

function readKeyFile(file: string): DataKey | undefined {
  const text = readPrivate(file)
  return text === undefined ? undefined : new DataKey(decodeKey(text.trim(), file))
}

/** Reads a file that must be its owner's alone; undefined where there is none. */
export function readPrivate(file: string): string | undefined {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK) // a fifo must not make us wait for its writer
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw new FettleError("SECRET_MISSING", `${file} cannot be read: ${(thrown as Error).message}`, { cause: thrown })
  }
  try {
    refuseExposed(file, descriptor)
    return readFileSync(descriptor, "utf8")
  } finally {
    closeSync(descriptor)
  }
}

function refuseExposed(file: string, descriptor: number): void {
  const stat = fstatSync(descriptor)
  if (!stat.isFile()) throw new FettleError("SECRET_MISSING", `${file} is not a file`)
  if ((stat.mode & 0o077) !== 0)
    throw new FettleError("SECRET_EXPOSED", `${file} has mode ${(stat.mode & 0o777).toString(8)}: others can read it`, {
      next: `chmod 600 ${file}`,
    })
}

function decodeKey(text: string, where: string): Buffer {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64")
  if (bytes.length !== KEY_BYTES)
    throw new FettleError("STATE_KEY_WRONG", `${where} is not a data key: 32 bytes as base64 or hex`, {
      next: "openssl rand -base64 32 makes one",
    })
  return bytes
}
