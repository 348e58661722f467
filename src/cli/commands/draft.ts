import { resolve } from "node:path"
import { containerOf } from "../../connect/docker/container-host.ts"
import { builtInMisfits } from "../../run/built-in.ts"
import { type DraftedProgram, draft as draftOf } from "../../survey/draft/draft.ts"
import type { Way } from "../../survey/draft/program-text.ts"
import { draftEngine } from "../../survey/engine-draft/draft-engine.ts"
import { type Call, countOf } from "../call.ts"
import { isAboutEngine, withEngine } from "../engine.ts"
import { sayJson } from "../print.ts"
import { type Target, targetsOf, tellDraft, withSurvey } from "../survey.ts"

/** Writes a program of what a host or an Engine is, to standard output. Writes nothing there. */
export async function draft(call: Call): Promise<number> {
  if (isAboutEngine(call)) return told(await draftDocker(call), call, "the Engine holds nothing that can be taken over")
  const [target] = targetsOf(call, 1)
  if (target === undefined) return 1
  const kinds = await builtInMisfits()
  const made = await withSurvey(target, call, {}, (survey, session, signal) =>
    draftOf(survey, session, { way: wayOf(target, call), kinds, signal }),
  )
  return told(made, call, "nothing was found that is not of a package")
}

function draftDocker(call: Call): Promise<DraftedProgram> {
  const { host, context } = call.options
  const sshConfig = configOf(call)
  return withEngine(call, (client, _target, signal) =>
    draftEngine(client, { way: { host, context, sshConfig }, signal, now: () => new Date() }),
  )
}

function told(made: DraftedProgram, call: Call, nothing: string): number {
  const { text, counts, leftOut } = made
  if (call.options.json === true) sayJson({ program: text, nodes: Object.fromEntries(counts), leftOut })
  else {
    process.stdout.write(text)
    if (call.options.quiet !== true) tellDraft(made, nothing, call)
  }
  return 0
}

/** A drafted program may be run from anywhere. */
function configOf({ options: { config }, around }: Call): string | undefined {
  return config === undefined ? undefined : resolve(around.cwd, config)
}

function wayOf(target: Target, call: Call): Way {
  if ("local" in target) return target
  const { options } = call
  if ("word" in target) {
    const { host, context } = options
    const { container = "", user } = containerOf(target.word) ?? {}
    return { container, user, engine: { host, context, sshConfig: configOf(call) } }
  }
  const { become } = options
  return {
    destination: target.destination,
    config: configOf(call),
    port: countOf("--port", options.port, 1),
    ...(become === "sudo" || become === "doas" ? { become } : {}),
    asks: options.askPassword === true,
  }
}
