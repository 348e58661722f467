import { asFettleError, FettleError } from "../errors.ts"
import { fitOutputs } from "../plan/fit-outputs.ts"
import { NOTHING } from "../plan/work.ts"
import type { Address } from "../program/address.ts"
import type { Json } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
import { encode } from "../state/encode.ts"
import type { Underway } from "./intents.ts"
import { idGiven } from "./record.ts"

/** What a provider gave back of a change, looked at before anything is remembered of it. */
export interface Judged {
  /** As the schema has them; where something is wrong, as they were given. */
  readonly outputs: Readonly<Record<string, unknown>>
  /** The id on the far side, as far as anything tells it. */
  readonly id: string | undefined
  readonly carry: Json | undefined
  readonly wrong: FettleError | undefined
  /** True where a thing was made and nothing tells its id: it could never be found by what state remembers. */
  readonly lost: boolean
}

type Outputs = Readonly<Record<string, unknown>>

/** Judges what a change gave. The change was made, whatever is wrong with its outputs, and the error says so. */
export function judge(each: Underway, given: unknown): Judged {
  const { work } = each.step
  let id: string | undefined
  try {
    const outputs = checked(each, given)
    id = idOf(each, outputs)
    if (isLost(each, id)) throw wrongOutputs(each, "returned outputs that tell no id")
    const carry = typeof given === "object" && given !== null ? work.provider.carry?.(given) : undefined
    return { outputs, id, carry, wrong: undefined, lost: false }
  } catch (thrown) {
    const outputs = isData(given) ? given : NOTHING
    id ??= idOf(each, outputs)
    const lost = isLost(each, id)
    return { outputs, id, carry: undefined, wrong: madeAnyway(each, thrown, id, lost), lost }
  }
}

/** Its own schema, that state can hold it, and what was known of it before; a repeated create by the props that it was made with. */
function checked(each: Underway, given: unknown): Outputs {
  const { step, repeat } = each
  const { work } = step
  const outputs = fitOutputs(
    work.provider,
    given,
    work.address,
    `${happened(each)}, and ${work.provider.kind} returned`,
  )
  if (!isData(outputs)) throw wrongOutputs(each, "returned outputs that state cannot remember")
  const known: Outputs = repeat === undefined ? work.known : (work.provider.predict?.(repeat.want) ?? NOTHING)
  for (const [key, predicted] of Object.entries(known))
    if (work.planned?.action !== "none" && !same(predicted, outputs[key]))
      throw wrongOutputs(each, `predicted another ${key} than it gave`)
  return outputs
}

/** The id in what was given, or in the props; a thing that was only changed keeps the one it had. */
function idOf({ step, action, repeat }: Underway, outputs: Outputs): string | undefined {
  const { provider, want, id } = step.work
  if (provider.idOf === undefined) return repeat === undefined ? id : repeat.intent.id
  return idGiven(provider, outputs) ?? provider.id(repeat?.want ?? want) ?? (action === "update" ? id : undefined)
}

function isLost({ step, action }: Underway, id: string | undefined): boolean {
  return step.work.provider.idOf !== undefined && action !== "update" && id === undefined
}

function wrongOutputs(each: Underway, what: string): FettleError {
  const { address, provider } = each.step.work
  return new FettleError("OUTPUT_WRONG", `${happened(each)}, and ${provider.kind} ${what}`, { address })
}

/** What was wrong, and what becomes of what was made. */
function madeAnyway(each: Underway, thrown: unknown, id: string | undefined, lost: boolean): FettleError {
  const { address, provider } = each.step.work
  const { code, fact, details, cause } =
    thrown instanceof FettleError && thrown.code === "OUTPUT_WRONG"
      ? thrown
      : asFettleError(thrown, "PROVIDER_THREW", `${happened(each)}, and ${provider.kind} threw when asked about it`)
  const kept = lost
    ? "what was made is not recorded, for nothing tells its id: the next apply settles it as a create that was cut off"
    : `what was made is recorded${id === undefined ? "" : ` as ${id}`}, and the next apply looks at it again`
  return new FettleError(code, fact, { address, details, cause, next: `report it to the author of the kind; ${kept}` })
}

function happened({ step, action }: Underway): string {
  const verb = { update: "was changed", run: "has run", check: "was asked" }[action as string] ?? "was made"
  return `${step.work.address as Address} ${verb}`
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Secret && b instanceof Secret) return a.fingerprint === b.fingerprint
  return a === b || encode([a]) === encode([b])
}

/** Whether state could remember it, however wrong it is. */
function isData(given: unknown): given is Record<string, unknown> {
  if (typeof given !== "object" || given === null) return false
  try {
    encode(given)
    return true
  } catch {
    return false
  }
}
