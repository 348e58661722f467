import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { causeText, FettleError } from "../errors.ts"
import type { Plan } from "../events/plan.ts"
import { planMarkdown } from "../report/plan-markdown.ts"
import type { Call } from "./call.ts"

/** Writes a plan where `--markdown` says. @throws FettleError `FILE_REFUSED` */
export function writeMarkdown({ options, around }: Call, plan: Plan, note?: string): void {
  if (options.markdown === undefined) return
  const file = resolve(around.cwd, options.markdown)
  try {
    writeFileSync(file, planMarkdown(plan, note))
  } catch (cause) {
    throw new FettleError("FILE_REFUSED", `${file} cannot be written: ${causeText(cause)}`, { cause })
  }
}
