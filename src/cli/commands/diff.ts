import { comparisonLines } from "../../report/comparison-page.ts"
import { EXIT } from "../../run/context.ts"
import { compare } from "../../survey/compare.ts"
import type { Call } from "../call.ts"
import { say, sayJson } from "../print.ts"
import { targetsOf, withSurveys } from "../survey.ts"

/** Shows what differs between two hosts that should be equal. Writes nothing on either; 2 where they differ. */
export async function diff(call: Call): Promise<number> {
  const { around, options } = call
  const compared = await withSurveys(targetsOf(call, 2), call, compare)
  const shown = { color: around.color && options.color, columns: around.columns(), verbose: options.verbose === true }
  if (options.json === true) sayJson(compared)
  else if (options.quiet !== true) say(comparisonLines(compared, shown).join("\n"))
  return compared.differences.length === 0 ? EXIT.done : EXIT.changes
}
