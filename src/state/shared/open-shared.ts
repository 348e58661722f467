import { FettleError } from "../../errors.ts"
import type { KeyPlaces } from "../../secrets/key.ts"
import { bucketLogin } from "./bucket-place.ts"
import type { Ledger } from "./ledger.ts"
import { PostgresLedger, postgresLogin } from "./postgres-ledger.ts"
import { S3Ledger } from "./s3-ledger.ts"
import { SharedHome } from "./shared-home.ts"

/** How long a lock lasts that nobody renews, in milliseconds, where the address does not say. */
const LEASE_MS = 30_000
/** Below this a busy machine would lose its lock again and again. */
const LEASE_MIN_MS = 1_000
const LEASE_MAX_MS = 600_000

/** So long an answer is waited for at least, however short the lease is. */
const ANSWER_MIN_MS = 3_000

/** What a shared state is opened with. */
export interface SharedGiven {
  /** postgres://… or s3://… */
  readonly address: string
  /** PROGRAM.STAGE. */
  readonly place: string
  readonly keys: KeyPlaces
  /** Folder of state on this machine. */
  readonly folder: string
  /** Reads a variable of the environment: passwords are not given on the command line. */
  readonly env: (name: string) => string | undefined
}

/** Opens the way to a state that machines share. @throws FettleError `STORE_INVALID` */
export function openShared({ address, place, keys, folder, env }: SharedGiven): SharedHome {
  const leaseMs = leaseOf(address)
  const { name, open } = ledgerOf(address, leaseMs, env)
  return new SharedHome({ place, name, open, leaseMs, keys, folder })
}

function ledgerOf(
  address: string,
  leaseMs: number,
  env: SharedGiven["env"],
): { name: string; open: (place: string) => Ledger } {
  const answerMs = Math.max(leaseMs / 2, ANSWER_MIN_MS)
  const scheme = /^([a-z0-9]{1,20}):\/\//.exec(address)?.[1]
  if (scheme === "s3") {
    const { login, name, prefix } = bucketLogin(address, env, answerMs)
    return { name, open: (place) => new S3Ledger({ place, name, prefix, login }) }
  }
  if (scheme !== "postgres" && scheme !== "postgresql")
    throw new FettleError(
      "STORE_INVALID",
      scheme === undefined ? "the address of the store is none" : `there is no store for ${scheme}://`,
    )
  const { login, name } = postgresLogin(address, env("PGPASSWORD"))
  return { name, open: (place) => new PostgresLedger({ place, login, name, answerMs }) }
}

/** `?lease=20s` */
function leaseOf(address: string): number {
  const text = new URLSearchParams(address.split("?", 2)[1]).get("lease")
  if (text === null) return LEASE_MS
  const ms = /^\d{1,4}s$/.test(text) ? Number(text.slice(0, -1)) * 1_000 : Number.NaN
  if (ms >= LEASE_MIN_MS && ms <= LEASE_MAX_MS) return ms
  throw new FettleError("STORE_INVALID", `lease is 1s to 600s, not ${JSON.stringify(text)}`)
}
