import { engineLines } from "../../report/engine-page.ts"
import { type SurveyLook, surveyLines } from "../../report/survey-page.ts"
import { lookAtEngine } from "../../survey/engine/look-engine.ts"
import type { Call } from "../call.ts"
import { isAboutEngine, withEngine } from "../engine.ts"
import { say, sayJson } from "../print.ts"
import { targetsOf, withSurvey } from "../survey.ts"

/** Tells what a host or an Engine is and what on it is its own. Needs no program and writes nothing. */
export async function look(call: Call): Promise<number> {
  if (isAboutEngine(call)) return lookDocker(call)
  const [target] = targetsOf(call, 1)
  if (target === undefined) return 1
  const found = await withSurvey(target, call, {}, async (survey) => survey)
  if (call.options.json === true) sayJson(found)
  else say(surveyLines(found, lookOf(call)).join("\n"))
  return 0
}

async function lookDocker(call: Call): Promise<number> {
  const found = await withEngine(call, (client, target, signal) =>
    lookAtEngine(client, { target, signal, now: () => new Date() }),
  )
  if (call.options.json === true) sayJson(found)
  else say(engineLines(found, lookOf(call)).join("\n"))
  return 0
}

function lookOf({ around, options }: Call): SurveyLook {
  return { color: around.color && options.color, columns: around.columns(), verbose: options.verbose === true }
}
