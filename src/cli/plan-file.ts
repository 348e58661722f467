import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { causeText, FettleError } from "../errors.ts"
import { hashOf, type Plan } from "../events/plan.ts"

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

/** Saves a plan that says what it was made from. @throws FettleError `FILE_REFUSED` */
export function writePlan(file: string, plan: Plan): void {
  writePrivate(file, `${JSON.stringify(plan, undefined, 2)}\n`)
}

const BOUND = ["program", "state", "world", "wanted"] as const

/** Reads a saved plan. @throws FettleError `PLAN_FORMAT` where it is none, is damaged, or was altered */
export function readPlan(file: string): Plan {
  const plan = parse(file)
  const { hash, bound, ...body } = plan
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

function parse(file: string): Plan {
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
    if (typeof plan === "object" && plan !== null && !Array.isArray(plan)) return plan as Plan
  } catch {
    // told below
  }
  throw new FettleError("PLAN_FORMAT", `${file} is not a saved plan`, { next: "fettle plan --out FILE writes one" })
}

function hasShape(plan: Plan): boolean {
  const texts = [plan.program, plan.stage].every((each) => typeof each === "string")
  return (
    texts &&
    Array.isArray(plan.changes) &&
    typeof plan.options === "object" &&
    plan.options !== null &&
    typeof plan.params === "object" &&
    plan.params !== null
  )
}
