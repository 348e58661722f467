import { FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import { didYouMean } from "../policies/nearest.ts"
import { isPlain } from "./output.ts"

/** Who must say yes to a saved plan of a stage before it can be carried out. */
export interface ApprovalRule {
  /**
   * A file beside the program with the SSH keys of those who may: OpenSSH's `allowed_signers`, a line each with a name and a
   * public key, as in `ann@example.com ssh-ed25519 AAAA…`.
   */
  readonly from: string
  /** How many different people. Default 1. */
  readonly count?: number
  /** Who made the plan may approve it, too. Default false. */
  readonly byAuthor?: boolean
  /** A link that was sent to one of them counts, too: it is sealed by the data key, not signed by a key of theirs. Default false. */
  readonly byLink?: boolean
}

const KEYS = ["from", "count", "byAuthor", "byLink"] as const

/** @throws FettleError `PROPS_INVALID` */
export function checkApprovals(program: string, given: unknown, stages: readonly string[]): void {
  if (!isPlain(given)) throw wrong(program, `approvals must be an object of stages, not ${shown(given)}`)
  for (const [stage, rule] of Object.entries(given)) {
    if (!stages.includes(stage))
      throw wrong(program, `approvals names ${stage}, which is no stage${didYouMean(stage, stages)}`)
    const fault = faultOf(rule)
    if (fault !== undefined) throw wrong(program, `approvals of ${stage}${fault}`)
  }
}

function faultOf(rule: unknown): string | undefined {
  if (!isPlain(rule)) return ` must be an object, not ${shown(rule)}`
  const { from, count = 1, byAuthor = false, byLink = false } = rule as Partial<Record<(typeof KEYS)[number], unknown>>
  const unknown = Object.keys(rule).find((key) => !(KEYS as readonly string[]).includes(key))
  if (unknown !== undefined) return ` has no option ${unknown}${didYouMean(unknown, KEYS)}`
  if (typeof from !== "string" || from === "") return `: from must be a file, not ${shown(from)}`
  if (!Number.isInteger(count) || (count as number) < 1)
    return `: count must be a whole number from 1, not ${shown(count)}`
  if (typeof byLink !== "boolean") return `: byLink must be true or false, not ${shown(byLink)}`
  return typeof byAuthor === "boolean" ? undefined : `: byAuthor must be true or false, not ${shown(byAuthor)}`
}

function wrong(program: string, fact: string): FettleError {
  return new FettleError("PROPS_INVALID", `program ${program}: ${fact}`)
}
