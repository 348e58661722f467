import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { asFettleError, type FettleError } from "../../errors.ts"
import { declare, paramsFor } from "../../program/program.ts"
import { localTools } from "../../run/local.ts"
import { readRuns, readState } from "../../run/state-edit.ts"
import { findKey } from "../../secrets/key.ts"
import type { Holder } from "../../state/lock.ts"
import { type Call, paramsOf } from "../call.ts"
import { pageFor, print, sayJson } from "../print.ts"
import { stateFolderOf } from "../setup.ts"
import { type Found, findState } from "../state-place.ts"

/** One line: what was looked at, and what to do where it is not well. */
interface Finding {
  readonly what: string
  readonly ok: boolean
  readonly says: string
  readonly next?: string
}

/** Looks whether everything that Fettle needs is there. Writes nothing. */
export async function doctor(call: Call): Promise<number> {
  const found = await stateOf(call)
  const place = "home" in found ? found : undefined
  const folder = place?.folder ?? stateFolderOf(call, call.around.cwd)
  const findings = [
    { what: "node", ok: true, says: process.versions.node },
    programFinding(found, call),
    ...tools(call),
    folderFinding("state folder", folder),
    await ignoredFinding(folder, call),
    ...(place === undefined ? [] : await stateFindings(place, call)),
    await keyFinding(place, call),
    folderFinding("folder of the key", dirname(call.around.key.file)),
    folderFinding("temporary folder", tmpdir()),
    await clockFinding(place),
  ]
  if (call.options.json === true) sayJson(findings)
  else show(findings, call)
  return findings.every(({ ok }) => ok) ? 0 : 1
}

function show(findings: readonly Finding[], call: Call): void {
  const page = pageFor(call)
  const width = Math.max(...findings.map(({ what }) => what.length)) + 2
  for (const { what, ok, says, next } of findings) {
    page.add([ok ? ["green", "ok  "] : ["red", "×   "], what.padEnd(width), says], width + 4)
    if (next !== undefined) page.add([" ".repeat(width + 4), ["cyan", "next  "], next], width + 10)
  }
  print(page)
}

async function stateOf(call: Call): Promise<Found | FettleError> {
  try {
    return await findState(call)
  } catch (thrown) {
    return asFettleError(thrown, "PROGRAM_THREW")
  }
}

function failed(what: string, error: FettleError): Finding {
  return {
    what,
    ok: false,
    says: `${error.code}: ${error.fact}${error.place === undefined ? "" : ` (${error.place})`}`,
    next: error.next,
  }
}

function programFinding(found: Found | FettleError, { options }: Call): Finding {
  if (!("home" in found)) return failed("program", found)
  const { loaded, program, stage } = found
  if (loaded === undefined)
    return { what: "program", ok: false, says: "cannot be loaded", next: "fettle plan says why" }
  try {
    const { declarations } = declare(loaded.program, paramsFor(loaded.program, stage, paramsOf(options)))
    return {
      what: "program",
      ok: true,
      says: `${program}, stage ${stage}: ${declarations.size} declared in ${loaded.file}`,
    }
  } catch (thrown) {
    return failed("program", asFettleError(thrown, "PROGRAM_THREW"))
  }
}

/** What host kinds run on this machine, and what else is of use. */
const TOOLS: readonly (readonly [name: string, wanted: string])[] = [
  ["sh", "kinds of hosts run in it"],
  ["dd", "kinds of hosts read with it"],
  ["tar", "kinds of hosts copy with it"],
  ["stat", "kinds of hosts look with it"],
  ["sha256sum", "kinds of hosts compare with it"],
  ["setsid", "host.process starts with it"],
  ["ssh", "other machines are reached with it"],
]

function tools({ around }: Call): readonly Finding[] {
  const folders = (around.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "")
  const missing = TOOLS.filter(([name]) => !folders.some((folder) => may(join(folder, name), constants.X_OK)))
  if (missing.length === 0) return [{ what: "tools", ok: true, says: TOOLS.map(([name]) => name).join(" ") }]
  return missing.map(([name, wanted]) => ({
    what: name,
    ok: false,
    says: `is not in PATH; ${wanted}`,
    next: `install ${name}`,
  }))
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** A folder that is not there yet is made at first need: then the nearest one above it must be writable. */
function folderFinding(what: string, folder: string): Finding {
  let at = folder
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at)
  const ok = statSync(at, { throwIfNoEntry: false })?.isDirectory() === true && may(at, constants.W_OK | constants.X_OK)
  if (ok) return { what, ok, says: at === folder ? folder : `${folder} (made at first need)` }
  return { what, ok, says: `${at} cannot be written`, next: `let your user write to ${at}` }
}

/** State belongs in no repository: it says where things are, and two clones would each have their own. */
async function ignoredFinding(folder: string, call: Call): Promise<Finding> {
  const what = "git"
  const ignore = join(folder, ".gitignore")
  if (existsSync(folder) && (!existsSync(ignore) || !/^\*$/m.test(readFileSync(ignore, "utf8"))))
    return { what, ok: false, says: `${ignore} does not keep state out of git`, next: `echo '*' > ${ignore}` }
  const tracked = existsSync(folder) ? await trackedIn(folder, call) : ""
  if (tracked !== "")
    return { what, ok: false, says: `git tracks state: ${tracked}`, next: `git rm --cached -r ${folder}` }
  return { what, ok: true, says: "state is kept out of it" }
}

/** The first file of state that git tracks; empty where it tracks none, or there is no git. */
async function trackedIn(folder: string, { around }: Call): Promise<string> {
  try {
    const local = localTools(folder, around.env)
    return (
      (
        await local.run(["git", "ls-files", "--", "."], { env: local.baseEnv, check: true, timeoutMs: 5_000 })
      ).stdout.split("\n")[0] ?? ""
    )
  } catch {
    return ""
  }
}

async function stateFindings({ home }: Found, { around }: Call): Promise<readonly Finding[]> {
  try {
    const { rows, open } = await readState(home)
    const holder = await home.owner(around.host)
    const says = (await home.exists()) ? `${rows.length} recorded in ${home.name}` : "none yet"
    return [{ what: "state", ok: true, says }, openFinding(open.length, holder), lockFinding(holder)]
  } catch (thrown) {
    return [failed("state", asFettleError(thrown, "STATE_CORRUPT"))]
  }
}

/** Changes that are open while nobody holds the lock were cut off. */
function openFinding(open: number, holder: Holder | undefined): Finding {
  const what = "open changes"
  if (open === 0 || holder !== undefined) return { what, ok: true, says: open === 0 ? "none" : `${open} under way` }
  return { what, ok: false, says: `${open} cut off`, next: "fettle apply settles them" }
}

function lockFinding(holder: Holder | undefined): Finding {
  if (holder === undefined) return { what: "lock", ok: true, says: "free" }
  const { who, host, pid, command, since } = holder
  return { what: "lock", ok: true, says: `held by ${who} on ${host} (pid ${pid}, fettle ${command}, since ${since})` }
}

async function keyFinding(place: Found | undefined, { around }: Call): Promise<Finding> {
  const where = around.key.given === undefined || around.key.given === "" ? around.key.file : "FETTLE_STATE_KEY"
  try {
    const key = findKey(around.key)
    const wanted = place === undefined ? undefined : await keyIdOf(place)
    if (key === undefined && wanted === undefined)
      return { what: "data key", ok: true, says: `${where} (made at first need)` }
    if (key === undefined)
      return {
        what: "data key",
        ok: false,
        says: `state is sealed with key ${wanted}, and ${where} is not there`,
        next: "set FETTLE_STATE_KEY, or restore the key file",
      }
    if (wanted !== undefined && wanted !== key.id)
      return {
        what: "data key",
        ok: false,
        says: `state is sealed with key ${wanted}; ${where} is ${key.id}`,
        next: "set FETTLE_STATE_KEY to the right key",
      }
    return { what: "data key", ok: true, says: `${where} (${key.id})` }
  } catch (thrown) {
    return failed("data key", asFettleError(thrown, "STATE_KEY_WRONG"))
  }
}

/** State that cannot be read is told on a line of its own. */
async function keyIdOf({ home }: Found): Promise<string | undefined> {
  try {
    return (await readState(home)).keyId
  } catch {
    return undefined
  }
}

/** How long an absent mark is no proof is counted by this machine's clock: it must not run backwards. */
async function clockFinding(place: Found | undefined): Promise<Finding> {
  const now = new Date()
  const says = now.toISOString()
  const last = place === undefined ? undefined : await lastRun(place)
  if (last !== undefined && last > now.getTime())
    return {
      what: "clock",
      ok: false,
      says: `${says} is before the last run, ${new Date(last).toISOString()}`,
      next: "set the clock, for instance with NTP",
    }
  return { what: "clock", ok: true, says }
}

async function lastRun({ home }: Found): Promise<number | undefined> {
  try {
    return (await readRuns(home))[0]?.startedAt
  } catch {
    return undefined
  }
}
