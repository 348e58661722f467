import type { HostSession } from "../connect/host/session.ts"
import type { Survey, Unseen } from "../events/survey.ts"
import { accounts } from "./accounts.ts"
import { certificates } from "./certificates.ts"
import { config } from "./config.ts"
import { disks } from "./disks.ts"
import { basePackages, packages } from "./packages.ts"
import { ports } from "./ports.ts"
import { schedules } from "./schedules.ts"
import { BEFORE, Rows, type Section, type SectionContext } from "./section.ts"
import { services } from "./services.ts"
import { settings } from "./settings.ts"
import { system } from "./system.ts"
import { updates } from "./updates.ts"

/** All that is looked at, in the order in which it is asked. Packages come early: they tell what is base. */
const SECTIONS = {
  system,
  packages,
  services,
  config,
  accounts,
  ports,
  schedules,
  certificates,
  disks,
  updates,
} as const

type Part = keyof typeof SECTIONS

export interface SurveyOptions {
  readonly signal: AbortSignal
  readonly now: () => Date
  /** Kernel settings too. */
  readonly settings?: boolean
}

/** Looks at a host: one request, nothing written. */
export async function survey(session: HostSession, host: string, options: SurveyOptions): Promise<Survey> {
  const begun = options.now()
  const sections = { ...SECTIONS, ...(options.settings === true ? { settings } : {}) }
  const scripts = Object.values(sections).map(({ script }) => script)
  const answers = await session.ask(BEFORE, scripts, options.signal)
  const texts = Object.fromEntries(Object.keys(sections).map((part, at) => [part, answers[at]?.out ?? ""]))
  const { uid, machineId } = session.facts
  return {
    host,
    at: begun.toISOString(),
    tookMs: options.now().getTime() - begun.getTime(),
    uid,
    machineId,
    ...read(texts, begun),
  }
}

/** What the answers of a host mean. Pure. */
export function read(
  texts: Readonly<Partial<Record<Part | "settings", string>>>,
  now: Date,
): Pick<Survey, Part | "settings" | "unseen"> {
  const all: Readonly<Record<string, Section<unknown>>> = { ...SECTIONS, settings }
  const base = basePackages(new Rows(texts.packages ?? ""))
  const context: SectionContext = { base, now }
  const unseen: Unseen[] = []
  const found: Record<string, unknown> = {}
  for (const [part, section] of Object.entries(all)) {
    const text = texts[part as Part]
    if (text === undefined) continue
    const rows = new Rows(text)
    found[part] = section.read(rows, context)
    const before = `${section.about}: `
    for (const why of rows.unseen)
      unseen.push({ part: section.about, why: why.startsWith(before) ? why.slice(before.length) : why })
    if (found[part] === undefined && rows.unseen.length === 0)
      unseen.push({ part: section.about, why: "it said nothing that could be read" })
  }
  const survey = found as Pick<Survey, Part | "settings">
  return { ...survey, schedules: ownSchedules(survey), unseen }
}

/** A schedule that a package brought and somebody changed is not the package's any more. */
function ownSchedules({ schedules: all, config: files }: Pick<Survey, "schedules" | "config">): Survey["schedules"] {
  const changed = new Set(files?.own.map(({ path }) => path))
  return all?.map((each) => (changed.has(each.name) ? { ...each, from: undefined } : each))
}
