import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Recorded } from "../../audit/fact.ts"
import { lineOf } from "../../audit/sinks/sink.ts"
import { causeText, FettleError } from "../../errors.ts"
import { type Duration, durationMs } from "../../policies/duration.ts"
import { trailOf } from "../../run/account.ts"
import {
  type AuditQuestion,
  beginAuditAnew,
  chosenRecords,
  compareWithCopy,
  oddities,
  readAudit,
  readUnprovenAudit,
} from "../../run/audit.ts"
import { ask } from "../ask.ts"
import { factText } from "../audit-text.ts"
import type { Call } from "../call.ts"
import { writePrivate } from "../plan-file.ts"
import { pageFor, print, safeJson, say, tableLines } from "../print.ts"
import { type Found, findState } from "../state-place.ts"

/** Characters of a run's id that tell it apart from the others. */
const SHORT = 8
const HEAD = ["entry", "at", "by", "run", ""]

/** Proves the record of who did what, and prints it. */
export async function audit(call: Call): Promise<number> {
  const question = questionOf(call)
  const place = await findState(call)
  if (call.options.anew === true) return anew(call, place)
  if (call.options.send === true) return send(call, place)
  if (call.options.against !== undefined) return against(call, place, call.options.against)
  const { records, delivered } = await readAudit(place.accounting)
  const chosen = chosenRecords(records, question)
  if (call.options.json === true) for (const each of chosen) say(safeJson(lineOf(each, place.home.record.place)))
  else show(call, place, chosen, { records, delivered })
  return 0
}

/** @throws FettleError `USAGE` */
function questionOf({ options }: Call): AuditQuestion {
  const { since, run, by } = options
  return { sinceMs: since === undefined ? undefined : timeOf(since), run, by }
}

/** `7d`, or a time as ISO 8601 has it. */
function timeOf(text: string): number {
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))) return Date.parse(text)
  try {
    return Date.now() - durationMs(text as Duration)
  } catch {
    throw new FettleError("USAGE", `--since takes a duration or a time, not ${JSON.stringify(text)}`, {
      next: "fettle audit --since 7d, or --since 2026-11-01",
    })
  }
}

function show(
  call: Call,
  place: Found,
  chosen: readonly Recorded[],
  { records, delivered }: Awaited<ReturnType<typeof readAudit>>,
): void {
  const { program, stage, home } = place
  if (call.options.quiet !== true && chosen.length > 0)
    for (const line of tableLines([HEAD, ...chosen.map(cells)])) say(line)
  const page = pageFor(call)
  const { setBack, unended } = oddities(records)
  for (const { serial, at } of setBack)
    page.add([["yellow", "! "], `entry ${serial}: its clock said ${at}, which is before an earlier entry`], 2)
  for (const { serial, who, command } of unended)
    page.add([["yellow", "! "], `entry ${serial}: ${command} of ${who} has not ended, or was killed`], 2)
  for (const [sink, has] of Object.entries(delivered))
    if (has < records.length) page.add([["yellow", "! "], `${sink} lacks ${records.length - has} entries`], 2)
  if (call.options.quiet !== true)
    page.add([
      records.length === 0
        ? `Nothing is recorded of ${program} (${stage}) yet.`
        : `All ${records.length === 1 ? "1 entry is" : `${records.length} entries are`} as Fettle wrote them, in ${home.record.name}.`,
    ])
  print(page)
}

function cells({ serial, at, who, run, command, fact }: Recorded): readonly string[] {
  return [String(serial), at.replace(/\.\d+Z$/, "Z"), who, run.slice(0, SHORT), factText(fact, command)]
}

/** Compares it with the copy of a sink, also where it is not proven: then the copy says which entries differ. */
async function against(call: Call, { accounting, home }: Found, file: string): Promise<number> {
  const text = textOf(resolve(call.around.cwd, file))
  const { name, place } = home.record
  let proven: readonly Recorded[]
  try {
    proven = (await readAudit(accounting)).records
  } catch (thrown) {
    if (!(thrown instanceof FettleError && thrown.code === "AUDIT_ALTERED")) throw thrown
    compareWithCopy(await readUnprovenAudit(accounting), text, name, place)
    throw thrown
  }
  const count = compareWithCopy(proven, text, name, place)
  if (count === 0) throw new FettleError("USAGE", `${file} holds no entry of ${place}`)
  return done(call, `All ${count} entries of ${file} are those of ${name}.`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new FettleError("USAGE", `${file} cannot be read: ${causeText(cause)}`, { cause })
  }
}

/** Gives the sinks what they lack, without doing anything else. */
async function send(call: Call, { accounting }: Found): Promise<number> {
  const trail = trailOf(accounting)
  try {
    const left = await trail.send()
    return left.length > 0 ? 1 : done(call, "Every sink has all entries.")
  } finally {
    await trail.close()
  }
}

/** Keeps what is there as a file, and begins another record: what is not as it was must keep nobody from working for ever. */
async function anew(call: Call, { accounting, folder, home, program, stage }: Found): Promise<number> {
  const because = await readAudit(accounting).then(
    () => "it was asked for",
    (thrown) => (thrown instanceof FettleError ? `${thrown.code}: ${thrown.fact}` : String(thrown)),
  )
  if (!(await isMeant(call, home.record.name))) return 130
  const file = join(folder, `${program}.${stage}.audit-${Date.now()}.jsonl`)
  await beginAuditAnew(accounting, because, (entries) =>
    writePrivate(file, entries.map((each) => `${JSON.stringify(each)}\n`).join("")),
  )
  return done(call, `What was there is kept in ${file}; another record is begun, and says so.`)
}

async function isMeant({ options, around }: Call, name: string): Promise<boolean> {
  if (options.yes === true) return true
  if (!around.canAsk || options.json === true)
    throw new FettleError(
      "CONSENT_MISSING",
      `to begin ${name} anew needs consent, and there is no terminal to ask on`,
      {
        next: "fettle audit --anew --yes",
      },
    )
  return /^y(es)?$/i.test((await ask(`Set ${name} aside and begin another? [y/N] `, undefined)).trim())
}

function done(call: Call, text: string): number {
  const page = pageFor(call)
  page.add([text])
  if (call.options.quiet !== true) print(page)
  return 0
}
