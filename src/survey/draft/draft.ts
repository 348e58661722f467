import type { HostSession, TextSeen } from "../../connect/host/session.ts"
import type { Survey } from "../../events/survey.ts"
import { BEFORE, Rows } from "../section.ts"
import { accounts } from "./accounts.ts"
import { configuration } from "./configuration.ts"
import { cron } from "./cron.ts"
import type { Draft, Drafted, LeftOut, Misfit, PathText } from "./node.ts"
import { packages } from "./packages.ts"
import { programText, type Way } from "./program-text.ts"
import { services } from "./services.ts"

/** All that can be drafted, in the order in which it stands in the program. */
const DRAFTS: readonly Draft[] = [packages, accounts, configuration, services, cron]

/** The kinds that there are, and what each says of props. */
export type DraftKinds = ReadonlyMap<string, Misfit>

/** A program of what was found. */
export interface DraftedProgram {
  readonly text: string
  /** How many nodes of each kind. */
  readonly counts: ReadonlyMap<string, number>
  readonly leftOut: readonly LeftOut[]
}

/** Writes a program of what was found; reads what it needs besides in three more requests. Nothing is written on the host. */
export async function draft(
  survey: Survey,
  session: HostSession,
  options: { readonly way: Way; readonly kinds: DraftKinds; readonly signal: AbortSignal },
): Promise<DraftedProgram> {
  const { kinds, signal } = options
  const known = DRAFTS.filter((each) => each.kinds.every((kind) => kinds.has(kind)))
  const told = await lookAt(survey, known, session, signal)
  const paths = known.flatMap((each) => each.paths?.(survey, told(each)) ?? [])
  const seen = await session.texts(paths, signal)
  return drafted({ ...options, survey, drafts: known, at: (path) => pathText(seen.get(path)), told })
}

async function lookAt(
  survey: Survey,
  drafts: readonly Draft[],
  session: HostSession,
  signal: AbortSignal,
): Promise<(draft: Draft) => Rows> {
  const asking = drafts.flatMap((each) => {
    const script = each.look?.(survey) ?? ""
    return script === "" ? [] : [[each, script] as const]
  })
  const answers = await session.ask(
    BEFORE,
    asking.map(([, script]) => script),
    signal,
  )
  const rows = new Map(asking.map(([each], at) => [each, new Rows(answers[at]?.out ?? "")]))
  return (each) => rows.get(each) ?? NOTHING
}

const NOTHING = new Rows("")

/** All that a program is written from. */
export interface DraftParts {
  readonly survey: Survey
  readonly drafts: readonly Draft[]
  at(path: string): PathText | undefined
  told(draft: Draft): Rows
  readonly kinds: DraftKinds
  readonly way: Way
}

/** The same, once all is read. Pure. */
export function drafted({ survey, drafts, at, told, kinds, way }: DraftParts): DraftedProgram {
  const found = drafts.map((each): readonly [Draft, Drafted] => [each, each.draft(survey, at, told(each))])
  const fitting = found.map(([each, made]): readonly [Draft, Drafted] => [each, onlyFitting(made, kinds)])
  const parts = withoutCovered(fitting)
  const counts = new Map<string, number>()
  for (const [, { nodes }] of parts) for (const { kind } of nodes) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return {
    text: programText(survey, parts, way),
    counts,
    leftOut: parts.flatMap(([, { leftOut }]) => leftOut),
  }
}

/** A host may hold what no program can declare: an owner with a blank in its name. */
function onlyFitting({ nodes, leftOut }: Drafted, kinds: DraftKinds): Drafted {
  const more: LeftOut[] = []
  const fitting = nodes.filter(({ kind, id, props }) => {
    const why = kinds.get(kind)?.(props)
    if (why !== undefined) more.push({ what: id, why: `cannot be declared: ${why}` })
    return why === undefined
  })
  return { nodes: fitting, leftOut: [...leftOut, ...more] }
}

function withoutCovered(parts: readonly (readonly [Draft, Drafted])[]): readonly (readonly [Draft, Drafted])[] {
  const covered = new Set(parts.flatMap(([, { nodes }]) => nodes.flatMap(({ covers }) => covers ?? [])))
  const isFree = ({ covers, props: { path } }: Drafted["nodes"][number]): boolean =>
    covers !== undefined || typeof path !== "string" || !covered.has(path)
  return parts.map(([draft, { nodes, leftOut }]) => [draft, { nodes: nodes.filter(isFree), leftOut }])
}

function pathText(found: TextSeen | undefined): PathText | undefined {
  const seen = found?.seen
  return typeof seen === "object" && "type" in seen ? { ...seen, text: found?.text } : undefined
}
