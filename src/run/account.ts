import type { Actor } from "../audit/fact.ts"
import { type Account, Trail } from "../audit/trail.ts"
import { FettleError } from "../errors.ts"
import { type SecretAccess, SecretBox } from "../secrets/box.ts"
import { type DataKey, findKey, type KeyPlaces, makeKey } from "../secrets/key.ts"
import type { StateHome } from "../state/home.ts"

/** What a command that is no run of a program needs to leave something in the record. */
export interface Accounting extends Pick<Account, "actor" | "sinks" | "folder" | "base" | "warn"> {
  readonly home: StateHome
  readonly keys: KeyPlaces
  readonly secrets: SecretAccess
}

/** How it is recorded where nobody says more than who does it: no sink is told. */
export function plainAccounting(home: StateHome, actor: Actor, keys: KeyPlaces): Accounting {
  const refuse = (): never => {
    throw new FettleError("INTERNAL", "a sink needs a secret, and there is no sink")
  }
  const secrets = { env: () => undefined, run: refuse }
  return { home, actor, keys, sinks: [], secrets, folder: ".", base: {}, warn: () => {} }
}

/** The trail of a command that is no run of a program. @throws FettleError `STATE_KEY_MISSING` */
export function trailOf(accounting: Accounting, key: DataKey = recordKey(accounting)): Trail {
  const box = new SecretBox({
    access: accounting.secrets,
    key,
    random: { get: () => undefined },
    register: () => {},
    hears: (name) => trail.secretOpened(name),
  })
  const trail: Trail = new Trail({
    ...accounting,
    key,
    reveal: async (secret) => {
      await box.open(secret)
      return String(box.value(secret))
    },
  })
  return trail
}

/** A record of this machine may be begun with a key of its own; one that others use too may not. @throws FettleError `STATE_KEY_MISSING` */
export function recordKey({ home, keys }: Pick<Accounting, "home" | "keys">): DataKey {
  const key = findKey(keys)
  if (key !== undefined) return key
  if (!home.isShared) return makeKey(keys)
  return missingKey(home)
}

/** @throws FettleError `STATE_KEY_MISSING` */
export function missingKey({ name }: Pick<StateHome, "name">): never {
  throw new FettleError("STATE_KEY_MISSING", `${name} needs its data key, and there is none here`)
}

/**
 * Does something that is recorded, between its first and its last entry. What cannot be recorded is not done.
 * @param what it is, in the words of its command line
 * @param forced the flags by which a person overrides a refusal
 */
export async function byHand<T>(
  accounting: Accounting,
  what: string,
  forced: readonly string[],
  work: (trail: Trail) => Promise<T>,
): Promise<T> {
  const trail = trailOf(accounting)
  let outcome = "failed"
  try {
    await trail.note({ type: "run.started", ...(forced.length > 0 && { forced }) }, { type: "by.hand", what })
    await trail.accepted()
    const result = await work(trail)
    outcome = "done"
    return result
  } finally {
    await trail.end({ type: "run.ended", outcome, exitCode: outcome === "done" ? 0 : 1 })
  }
}
