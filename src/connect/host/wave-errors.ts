import { type ErrorCode, FettleError } from "../../errors.ts"
import type { ChangeItem, ChangeResult } from "../../provider.ts"
import { STALE } from "./change-script.ts"
import type { AnyHostKind, ScriptRecord } from "./kind.ts"
import type { PathSeen } from "./look.ts"
import type { WaveItem } from "./prepare.ts"
import { refusal } from "./refusal.ts"
import type { Unit } from "./units.ts"

/** Why a file was not put or removed. */
export function stepError(code: ErrorCode, path: string, said: string, noFolder: boolean): FettleError {
  const { reason, next } = refusal(said, path)
  const declare = "declare the folder with host.directory, and let the file come after it"
  return new FettleError(code, `${path}: ${reason}`, { next: noFolder ? declare : next })
}

/** Why the slots of a script could not be unpacked. */
export function unpackError(said: string): FettleError {
  const { reason, next } = refusal(said, undefined)
  return new FettleError("CHANGE_FAILED", `its files could not be unpacked on the host: ${reason}`, { next })
}

/** What stands there after the change is not what was written. */
export function unproved(
  unit: Unit,
  paths: ReadonlyMap<string, PathSeen>,
  unsynced: string | undefined,
): FettleError | undefined {
  if (unit.files.length > 0 && unsynced !== undefined)
    return new FettleError("CHANGE_FAILED", `a folder could not be synced: ${unsynced}`)
  for (const { step } of unit.files) {
    const found = paths.get(step.path)
    const good =
      step.sha256 === undefined
        ? found === "absent"
        : typeof found === "object" && "type" in found && found.sha256 === step.sha256
    if (!good)
      return new FettleError(
        "FILE_REFUSED",
        `${step.path} was ${step.sha256 === undefined ? "removed" : "written"} and is not so when read again`,
      )
  }
  return undefined
}

/** A script that a signal ended, ours after its time or another's, may have done its work. */
export function scriptFailed(script: ScriptRecord, item: ChangeItem, failed: FettleError, late: boolean): ChangeResult {
  const { timeoutMs, address } = item
  if (script.exitCode !== 124 && script.exitCode <= 128) return { failed, maybe: false }
  if (!late) return { failed, maybe: true }
  const details = { timeoutMs, tail: wordsOf(script) }
  return {
    failed: new FettleError("TIMEOUT", `${address} was not done within ${timeoutMs} ms`, { details }),
    maybe: true,
  }
}

export function scriptError(script: ScriptRecord, item: ChangeItem, kind: AnyHostKind): FettleError {
  const own = kind.failure?.(script, item.want)
  if (own !== undefined) return own
  const words = wordsOf(script)
  if (script.exitCode === STALE) return new FettleError("STALE", words || "it changed after it was read")
  return new FettleError("CHANGE_FAILED", words || `the script ended with exit code ${script.exitCode}`, {
    details: { exitCode: script.exitCode },
  })
}

/** The end of what a script wrote, standard error first. */
function wordsOf(script: ScriptRecord): string {
  return (script.err || script.out).trim().slice(-2_000)
}

export function noFolder(): FettleError {
  return new FettleError(
    "HOST_TOOLS",
    "the host has no folder for its sessions: /dev/shm, /tmp and /var/tmp cannot be written",
  )
}

/** Each item gets an error of its own, because each is told where it happened. */
export function copyOf(error: FettleError, given: WaveItem): FettleError {
  return new FettleError(error.code, error.fact, {
    address: given.item.address,
    cause: error.cause,
    next: error.next,
    details: error.details,
  })
}
