import { randomBytes, timingSafeEqual } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { causeText, FettleError } from "../errors.ts"
import { type Approval, BOUND, hashOf, type Plan, type SavedPlan, sealedText } from "../events/plan.ts"
import type { DataKey } from "../secrets/key.ts"

/** Writes a file that only its owner may read, whole or not at all. @throws FettleError `FILE_REFUSED` */
export function writePrivate(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`
  try {
    const descriptor = openSync(temporary, "wx", 0o600)
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new FettleError("FILE_REFUSED", `${file} cannot be written: ${causeText(cause)}`, { cause })
  }
}

/** A plan may wait so long where nobody says: a working day and its night. */
const EXPIRES_MS = 24 * 3_600_000

/** How much the clocks of two machines may differ. */
const SKEW_MS = 60_000

/** Who saves a plan, and for how long. */
export interface Saving {
  readonly key: DataKey
  readonly by: string
  /** Default: 24 hours. */
  readonly expiresMs?: number | undefined
}

/** Saves a plan that says what it was made from, sealed by the data key of its state. @throws FettleError `FILE_REFUSED` */
export function writePlan(file: string, plan: Plan, { key, by, expiresMs = EXPIRES_MS }: Saving): void {
  const { bound } = plan
  if (bound === undefined) throw new FettleError("INTERNAL", "a plan that is not bound cannot be saved")
  const atMs = Date.now()
  const saved = { atMs, expiresAtMs: atMs + expiresMs, by }
  const seal = key.sealOfPlan(sealedText({ hash: plan.hash, bound, saved }))
  writeSaved(file, { ...plan, bound, saved, approvals: [], seal })
}

/** Adds a yes to a saved plan. @throws FettleError `FILE_REFUSED` */
export function addApproval(file: string, plan: SavedPlan, approval: Approval): void {
  writeSaved(file, { ...plan, approvals: [...plan.approvals, approval] })
}

function writeSaved(file: string, plan: SavedPlan): void {
  writePrivate(file, `${JSON.stringify(plan, undefined, 2)}\n`)
}

/**
 * Reads a plan to carry it out.
 * @param key the data key of the state; undefined where there is none: then nothing was saved here
 * @throws FettleError `PLAN_FORMAT`, `PLAN_SEAL` where it was not made with this key or was altered, `PLAN_EXPIRED`
 */
export function readPlan(file: string, key: DataKey | undefined): SavedPlan {
  const plan = readAnyPlan(file)
  if (key === undefined || !isSame(key.sealOfPlan(sealedText(plan)), plan.seal))
    throw new FettleError("PLAN_SEAL", `${file} was not sealed by the data key that is here, or was altered since`)
  const { atMs, expiresAtMs } = plan.saved
  const now = Date.now()
  if (now > expiresAtMs)
    throw new FettleError("PLAN_EXPIRED", `${file} was good until ${new Date(expiresAtMs).toISOString()}`)
  if (now < atMs - SKEW_MS)
    throw new FettleError(
      "PLAN_EXPIRED",
      `${file} was made at ${new Date(atMs).toISOString()}, and the clock here says ${new Date(now).toISOString()}`,
    )
  return plan
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Reads a saved plan to look at it; who made it is not proven. @throws FettleError `PLAN_FORMAT` where it is none, is damaged, or was altered */
export function readAnyPlan(file: string): SavedPlan {
  const plan = parse(file)
  const { hash, bound, saved, approvals, seal, ...body } = plan
  if (plan.format !== 1)
    throw new FettleError(
      "PLAN_FORMAT",
      `${file} has format ${JSON.stringify(plan.format)?.slice(0, 40)}; this Fettle knows 1`,
    )
  if (BOUND.some((each) => typeof bound?.[each] !== "string"))
    throw new FettleError("PLAN_FORMAT", `${file} does not say what it was made from`, {
      next: "fettle plan --out FILE makes one that does",
    })
  if (hashOf(body) !== hash || !hasShape(plan))
    throw new FettleError("PLAN_FORMAT", `${file} is damaged or was altered`)
  return plan
}

function parse(file: string): SavedPlan {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new FettleError("PLAN_FORMAT", `${file} cannot be read: ${causeText(cause)}`, {
      cause,
      next: "fettle plan --out FILE writes one",
    })
  }
  try {
    const plan: unknown = JSON.parse(text)
    if (typeof plan === "object" && plan !== null && !Array.isArray(plan)) return plan as SavedPlan
  } catch {
    // told below
  }
  throw new FettleError("PLAN_FORMAT", `${file} is not a saved plan`, { next: "fettle plan --out FILE writes one" })
}

function isApproval(given: Partial<Record<"atMs" | "signature" | "name" | "seal", unknown>> | null): boolean {
  const { atMs, signature, name, seal } = given ?? {}
  const isGiven = typeof signature === "string" || (typeof name === "string" && typeof seal === "string")
  return Number.isSafeInteger(atMs) && isGiven
}

function hasShape(plan: SavedPlan): boolean {
  const texts = [plan.program, plan.stage].every((each) => typeof each === "string")
  return (
    texts &&
    typeof plan.seal === "string" &&
    [plan.saved?.atMs, plan.saved?.expiresAtMs].every(Number.isSafeInteger) &&
    typeof plan.saved.by === "string" &&
    Array.isArray(plan.approvals) &&
    plan.approvals.every(isApproval) &&
    Array.isArray(plan.changes) &&
    typeof plan.options === "object" &&
    plan.options !== null &&
    typeof plan.params === "object" &&
    plan.params !== null
  )
}
