import { FettleError } from "../../errors.ts"
import { declare, paramsFor } from "../../program/program.ts"
import { builtInKind } from "../../run/built-in.ts"
import { editState, readState } from "../../run/state-edit.ts"
import { type Answer, settleIntent } from "../../run/state-settle.ts"
import { type Call, paramsOf } from "../call.ts"
import { pageFor, print } from "../print.ts"
import { type Found, findState } from "../state-place.ts"

/** Says what became of a change that was cut off. */
export async function settle(call: Call): Promise<number> {
  const address = call.args[0] ?? ""
  const answer = answerOf(call)
  const place = await findState(call)
  const version = await versionOf(address, place, call)
  const page = pageFor(call)
  const said = answer.made === undefined ? "--not-made" : `--made ${answer.made}`
  const options = { what: `settle ${address} ${said}`, forced: [said] }
  page.add([await editState(place, (edit) => settleIntent(edit, address, answer, version), options)])
  if (call.options.quiet !== true) print(page)
  return 0
}

function answerOf({ options }: Call): Answer {
  if ((options.made === undefined) === (options.notMade === undefined))
    throw new FettleError("USAGE", "say --made ID or --not-made", {
      next: "look at the far side first: what Fettle is told it believes",
    })
  return options.made === undefined ? {} : { made: options.made }
}

/** The version that a row of the kind has; 1 where nothing knows the kind. */
async function versionOf(address: string, { home, loaded, stage }: Found, { options }: Call): Promise<number> {
  const kind = (await readState(home)).open.findLast((intent) => intent.address === address)?.kind
  if (kind === undefined) return 1
  const builtIn = await builtInKind(kind)
  if (builtIn !== undefined || loaded === undefined) return builtIn?.version ?? 1
  try {
    return (
      declare(loaded.program, paramsFor(loaded.program, stage, paramsOf(options))).providers.get(kind)?.version ?? 1
    )
  } catch {
    return 1
  }
}
