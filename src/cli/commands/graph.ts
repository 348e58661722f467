import { FettleError } from "../../errors.ts"
import { order } from "../../graph/graph.ts"
import { DEFAULT_STAGE, declare, paramsFor } from "../../program/program.ts"
import { graphData, graphFormats, graphText } from "../../run/graph-text.ts"
import { type Call, paramsOf } from "../call.ts"
import { loadProgram } from "../load.ts"
import { sayJson } from "../print.ts"

/** Prints what needs what, for a drawing program. */
export async function graph(call: Call): Promise<number> {
  const format = graphFormats.find((each) => each === (call.options.format ?? "mermaid"))
  if (format === undefined)
    throw new FettleError(
      "USAGE",
      `--format takes ${graphFormats.join(" or ")}, not ${JSON.stringify(call.options.format)}`,
    )
  const { program } = await loadProgram(call)
  const scope = declare(program, paramsFor(program, call.options.stage ?? DEFAULT_STAGE, paramsOf(call.options)))
  const ordered = order(scope)
  if (call.options.json === true) sayJson(graphData(ordered))
  else process.stdout.write(graphText(ordered, format))
  return 0
}
