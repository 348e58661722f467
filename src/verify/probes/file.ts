import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { resolve } from "node:path"
import { type Duration, durationMs } from "../../policies/duration.ts"
import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive, judged, no, type Question } from "../answer.ts"
import { type Claim, claimsOf, judge } from "../judge.ts"

type Settings = ProbeSettings<"file">

/** Longest content that is looked into, in bytes; longer ones are logs, for which there is a probe that streams. */
const CONTENT_MAX = 16 << 20

/** Looks at a file once. */
export const file: Asker<Settings> = { timeoutMs: 10_000, late: "inconclusive", ask }

async function ask(settings: Settings, question: Question): Promise<Answer> {
  const path = resolve(question.tools.cwd, settings.path)
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK) // a fifo must not make us wait for its writer
  } catch (error) {
    return missing(path, error)
  }
  try {
    return await look(path, handle, settings, question)
  } finally {
    await handle.close()
  }
}

function missing(path: string, error: unknown): Answer {
  const { code, message } = error as { code?: unknown; message: string }
  if (code === "ENOENT" || code === "ENOTDIR") return no(`${path} is not there`)
  return code === "ENXIO" ? no(`${path} is not a file`) : inconclusive(`${path} cannot be opened: ${message}`)
}

async function look(path: string, handle: FileHandle, settings: Settings, question: Question): Promise<Answer> {
  const stat = await handle.stat()
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0")
  const ageMs = Math.max(0, Math.round(Date.now() - stat.mtimeMs))
  const measured = { sizeBytes: stat.size, ageMs, mode }
  const wantsContent = settings.content !== undefined || settings.json !== undefined
  if (wantsContent && !stat.isFile()) return no(`${path} is not a file`, measured)
  if (wantsContent && stat.size > CONTENT_MAX)
    return inconclusive(`${path} has ${stat.size} bytes, too many to look into (${CONTENT_MAX})`, measured)
  const text = wantsContent ? await handle.readFile({ encoding: "utf8", signal: question.signal }) : ""
  const wrong = [
    settings.mode === undefined || settings.mode.padStart(4, "0") === mode
      ? undefined
      : `mode is ${mode}, expected ${settings.mode}`,
    tooOld(ageMs, settings.maxAge),
    ...(await valueFaults(stat.size, text, settings, question)),
  ]
  return judged(
    wrong.map((each) => each && `${path}: ${each}`),
    `${path} is there, ${stat.size} bytes`,
    measured,
  )
}

function tooOld(ageMs: number, maxAge: Settings["maxAge"]): string | undefined {
  if (maxAge === undefined || ageMs <= durationMs(maxAge as Duration)) return undefined
  return `it was last written ${Math.round(ageMs / 1_000)} s ago, expected at most ${typeof maxAge === "number" ? `${maxAge} ms` : maxAge}`
}

async function valueFaults(
  size: number,
  text: string,
  { sizeBytes, content, json }: Settings,
  question: Question,
): Promise<readonly (string | undefined)[]> {
  const claims: Claim[] = []
  if (sizeBytes !== undefined) claims.push({ name: "size in bytes", value: size, expected: sizeBytes })
  if (content !== undefined) claims.push({ name: "content", value: text, expected: content })
  const parsed = json === undefined ? undefined : parse(text)
  if (json !== undefined && parsed !== undefined) claims.push(...claimsOf(parsed.value, json))
  const wrong = await judge(claims, question)
  return json !== undefined && parsed === undefined ? [...wrong, "it is not JSON"] : wrong
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, "")) as unknown } // some editors begin with a byte order mark
  } catch {
    return undefined
  }
}
