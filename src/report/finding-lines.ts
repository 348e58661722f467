import type { PlannedFinding } from "../events/plan.ts"
import { shortPlace } from "./error-lines.ts"
import type { Page } from "./page.ts"
import { DETAIL_INDENT } from "./prop-lines.ts"

/** Findings of one policy that are told; more would push the first out of sight. */
const TOLD_MAX = 5

/** Adds what policies have found, each policy once: first those that deny. */
export function addFindings(
  page: Page,
  findings: readonly PlannedFinding[],
  { verbose, root }: { readonly verbose: boolean; readonly root?: string | undefined },
): void {
  const ordered = findings.toSorted((a, b) => a.level.localeCompare(b.level))
  for (const [name, found] of Map.groupBy(ordered, ({ policy }) => policy)) {
    const isDenial = found[0]?.level === "deny"
    page.add([
      isDenial ? ["alarm", "  × "] : ["yellow", "  ! "],
      isDenial ? "denied" : "warned",
      ` by the policy "${name}"`,
    ])
    const told = verbose ? found : found.slice(0, TOLD_MAX)
    for (const { address, message, place } of told) {
      const head = address === undefined ? [] : [address, "  "]
      const where = place === undefined ? "" : `  ${shortPlace(place, root)}`
      page.add([" ".repeat(DETAIL_INDENT), ...head, message, ["dim", where]], DETAIL_INDENT)
    }
    const left = found.length - told.length
    if (left > 0) page.add([["dim", `${" ".repeat(DETAIL_INDENT)}… ${left} more; --verbose shows all`]])
  }
}
