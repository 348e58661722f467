import { createHash } from "node:crypto"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { ReadItem, Seen } from "../../provider.ts"
import type { HostRecord } from "./frames.ts"
import type { AnyHostKind, HostAnswer, HostQuestion, LocalSeen, ScriptRecord } from "./kind.ts"
import { lookAtLocal } from "./local-file.ts"
import {
  chunksOf,
  type LookChunk,
  lookAloneLine,
  lookLine,
  type PathSeen,
  readAlone,
  readChunk,
  whoLine,
} from "./look.ts"
import { type Names, OWN_PATHS } from "./names.ts"
import { quote } from "./quote.ts"

/** Chunks of one request: 32,000 paths make a script of some 3 MB, which the shell holds in memory. */
const CHUNKS_PER_REQUEST = 64
/** Texts that one read fetches for diffs; more are differences that nobody reads one by one. */
const TEXTS_MAX = 200

/** Kinds of the records that a look makes: see `look` and `look1` in shell.ts. */
const LOOK_KINDS = "fsmhl123"

/** Sends a script that only looks; gives its records when it has ended. */
export type Look = (script: string) => Promise<readonly HostRecord[]>

/** What reading needs of the session around it. */
export interface ReadContext {
  readonly look: Look
  readonly names: Names
  readonly seal: (sha256: string) => string
}

/** One host item and what it asks. */
interface Asked {
  readonly item: ReadItem
  readonly kind: AnyHostKind
  readonly question: HostQuestion
  readonly number: number
}

/**
 * Answers all items of all kinds with one request; a second one only where a path did not add up or a text is wanted for a diff.
 * Whatever goes wrong with one item fails that item alone.
 */
export async function readHostItems(
  items: readonly { readonly item: ReadItem; readonly kind: AnyHostKind }[],
  { look, names, seal }: ReadContext,
): Promise<ReadonlyMap<Address, Seen<unknown>>> {
  const seen = new Map<Address, Seen<unknown>>()
  const asked = items.flatMap(({ item, kind }, number): Asked[] => {
    try {
      return [{ item, kind, number, question: kind.question(item.key) }]
    } catch (thrown) {
      seen.set(item.key.address, { failed: asFettleError(thrown, "PROVIDER_THREW") })
      return []
    }
  })
  const { paths, scripts } = await firstLook(asked, look, names)
  const texts = await secondLook(asked, paths, look)
  await nameOwners(paths, look, names)
  const locals = new Map(
    await Promise.all(
      [...new Set(asked.flatMap(({ question }) => question.local ?? []))].map(
        async (path) => [path, await lookAtLocal(path)] as const,
      ),
    ),
  )
  for (const each of asked) seen.set(each.item.key.address, answerOf(each, { paths, scripts, texts, locals }, seal))
  return seen
}

interface Found {
  readonly paths: ReadonlyMap<string, PathSeen>
  readonly scripts: ReadonlyMap<number, ScriptRecord>
  readonly texts: ReadonlyMap<string, string>
  readonly locals: ReadonlyMap<string, LocalSeen>
}

function answerOf(
  { item, kind, question, number }: Asked,
  found: Found,
  seal: (sha256: string) => string,
): Seen<unknown> {
  const need = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new FettleError("INTERNAL", `${kind.kind} uses ${what} without having asked for it`)
    return value
  }
  const answer: HostAnswer = {
    path: (path) => need(found.paths.get(path), path),
    local: (path) => need(found.locals.get(path), path),
    text: question.textUnless === undefined ? undefined : found.texts.get(question.textUnless.path),
    script: question.script === undefined ? undefined : need(found.scripts.get(number), "a script"),
  }
  try {
    return kind.answer(item.key, answer, seal)
  } catch (thrown) {
    return { failed: asFettleError(thrown, "PROVIDER_THREW") }
  }
}

async function firstLook(
  asked: readonly Asked[],
  look: Look,
  names: Names,
): Promise<{ paths: Map<string, PathSeen>; scripts: Map<number, ScriptRecord> }> {
  const hashed = new Set(asked.flatMap(({ question }) => question.sha256 ?? []))
  const plain = new Set(asked.flatMap(({ question }) => question.stat ?? []).filter((path) => !hashed.has(path)))
  const chunks = [...chunksOf([...hashed], true), ...chunksOf([...plain], false)]
  const scripted = asked.filter(({ question }) => question.script !== undefined)
  const paths = new Map<string, PathSeen>()
  const scripts = new Map<number, ScriptRecord>()
  for (let at = 0; at === 0 || at < chunks.length; at += CHUNKS_PER_REQUEST) {
    const part = chunks.slice(at, at + CHUNKS_PER_REQUEST)
    const asks =
      at === 0 ? scripted.map(({ number, question }) => `ask ${number} ${quote(question.script as string)}\n`) : []
    if (part.length + asks.length === 0) break
    const who = names.isEmpty ? whoLine(OWN_PATHS) : ""
    const records = await look([who, ...part.map(lookLine), ...asks].join(""))
    readChunks(part, records, paths)
    for (const record of records) {
      learn(record, names)
      if (record.kind === "q") scripts.set(record.item, scriptOf(record))
    }
  }
  if (scripted.some(({ number }) => !scripts.has(number)))
    throw new FettleError("HOST_PROTOCOL", "the host did not answer every question")
  return { paths, scripts }
}

function scriptOf({ exitCode, out }: HostRecord): ScriptRecord {
  return { exitCode, out: out.toString("utf8"), err: "" }
}

/** Puts names in the place of numbers; the host is asked once for each number that it has not told yet. */
async function nameOwners(paths: Map<string, PathSeen>, look: Look, names: Names): Promise<void> {
  const strangers = names.strangers(paths)
  if (strangers.length > 0)
    for (const record of await look(
      chunksOf(strangers, false)
        .map((chunk) => whoLine(chunk.paths))
        .join(""),
    ))
      learn(record, names)
  for (const [path, seen] of paths) paths.set(path, names.named(seen))
}

function learn(record: HostRecord, names: Names): void {
  if (record.kind === "w") names.learn(record.out.toString("utf8"))
}

/** Matches records to chunks; with `partly`, chunks that nothing was said of are left out. */
export function readChunks(
  chunks: readonly LookChunk[],
  records: readonly HostRecord[],
  paths: Map<string, PathSeen>,
  partly = false,
): void {
  const byChunk = chunks.map((): HostRecord[] => [])
  for (const record of records) if (LOOK_KINDS.includes(record.kind)) byChunk[record.item]?.push(record)
  for (const [at, chunk] of chunks.entries()) {
    const own = byChunk[at] ?? []
    if (partly && own.length === 0) continue
    for (const [path, seen] of readChunk(chunk, own)) paths.set(path, seen)
  }
}

/** Looks alone at each path that did not add up, and fetches the texts that are wanted for diffs. */
async function secondLook(
  asked: readonly Asked[],
  paths: Map<string, PathSeen>,
  look: Look,
): Promise<ReadonlyMap<string, string>> {
  const all = new Set(asked.flatMap(({ question }) => [...(question.stat ?? []), ...(question.sha256 ?? [])]))
  const alone = [...all].filter((path) => !paths.has(path))
  const wanted = textsWanted(asked, paths)
  const texts = new Map<string, string>()
  if (alone.length + wanted.length === 0) return texts
  const lines = [...alone.map(lookAloneLine), ...wanted.map(([path], at) => `text ${at} ${quote(path)}\n`)]
  const records = await look(lines.join(""))
  const byPath = alone.map((): HostRecord[] => [])
  for (const record of records) {
    if (record.kind === "t") addText(wanted[record.item], record.out, texts)
    else byPath[record.item]?.push(record)
  }
  for (const [at, path] of alone.entries()) paths.set(path, readAlone(byPath[at] ?? []))
  return texts
}

/** Path and hash of each text to fetch. */
function textsWanted(
  asked: readonly Asked[],
  paths: ReadonlyMap<string, PathSeen>,
): readonly (readonly [string, string])[] {
  return asked
    .flatMap(({ question: { textUnless } }) => {
      if (textUnless === undefined) return []
      const facts = paths.get(textUnless.path)
      if (typeof facts !== "object" || !("type" in facts) || facts.sha256 === undefined) return []
      return facts.sha256 === textUnless.sha256 || facts.sizeBytes > textUnless.maxBytes
        ? []
        : [[textUnless.path, facts.sha256] as const]
    })
    .slice(0, TEXTS_MAX)
}

/** Only what has the hash that was read, and is UTF-8, is a text to compare with. */
function addText(wanted: readonly [string, string] | undefined, bytes: Buffer, texts: Map<string, string>): void {
  if (wanted === undefined || createHash("sha256").update(bytes).digest("hex") !== wanted[1]) return
  try {
    texts.set(wanted[0], new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    // Not UTF-8: shown by its hash.
  }
}
