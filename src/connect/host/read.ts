import { createHash } from "node:crypto"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import type { ReadItem, Seen } from "../../provider.ts"
import { type Asked, type SharedAsk, type SharedAsks, sharedBy } from "./asked.ts"
import { foldersToJudge, judged, judgeLine, unlessRefused } from "./astray.ts"
import type { HostRecord } from "./frames.ts"
import type { KeptLook, Looked } from "./kept-look.ts"
import type { AnyHostKind, HostAnswer, Noted, ScriptRecord, SharedQuestion } from "./kind.ts"
import { type AtPath, linkedTwins } from "./linked-twins.ts"
import { type LocalSeen, lookAtLocal } from "./local-file.ts"
import { type LocalListing, listLocal } from "./local-folder.ts"
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
import { announced, notedOf } from "./notes.ts"
import { quote, quoteAll } from "./quote.ts"

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
  readonly kept: KeptLook
  readonly seal: (sha256: string) => string
  /** Root works where it must not be led astray. */
  readonly guarded: boolean
}

/**
 * Answers all items of all kinds with one request; a second one only where a path did not add up or a text is wanted for a diff. What
 * items ask again needs none where `kept` tells it.
 * Whatever goes wrong with one item fails that item alone.
 */
export async function readHostItems(
  items: readonly { readonly item: ReadItem; readonly kind: AnyHostKind }[],
  { look, names, kept, seal, guarded }: ReadContext,
): Promise<ReadonlyMap<Address, Seen<unknown>>> {
  const seen = new Map<Address, Seen<unknown>>()
  const listings = await Promise.all(items.map(listingOf))
  const asked = items.flatMap(({ item, kind }, number): Asked[] => {
    try {
      const listing = listings[number]
      return [{ item, kind, number, listing, question: kind.question(item.key, listing) }]
    } catch (thrown) {
      seen.set(item.key.address, { failed: asFettleError(thrown, "PROVIDER_THREW") })
      return []
    }
  })
  const shared = sharedBy(asked, items.length)
  const [{ paths, scripts, noted }, locals] = await Promise.all([
    firstLook(asked, shared, { look, names, kept, guarded, first: items.length }),
    lookAtLocals(asked),
  ])
  const texts = await secondLook(asked, { paths, locals }, look)
  await nameOwners(paths, look, names)
  kept.keep(asked, shared, { paths, scripts })
  for (const each of asked)
    seen.set(
      each.item.key.address,
      unlessRefused(each, answerOf(each, { paths, scripts, shared, texts, locals, noted }, seal), kept.astray),
    )
  for (const [address, failed] of await linkedTwins(asked.flatMap(atPath), look)) seen.set(address, { failed })
  return seen
}

function listingOf({ item, kind }: Pick<Asked, "item" | "kind">): Promise<LocalListing> | undefined {
  return item.key.want === undefined || kind.folder === undefined ? undefined : listLocal(kind.folder(item.key.want))
}

/** Ids of host kinds that begin with a slash are paths, or begin with one. */
function atPath({ item: { key }, kind: { kind } }: Asked): readonly AtPath[] {
  const { address, id, want } = key
  return want !== undefined && id?.startsWith("/") === true ? [{ kind, address, path: id }] : []
}

async function lookAtLocals(asked: readonly Asked[]): Promise<ReadonlyMap<string, LocalSeen>> {
  const paths = new Set(asked.flatMap(({ question }) => question.local ?? []))
  return new Map(await Promise.all([...paths].map(async (path) => [path, await lookAtLocal(path)] as const)))
}

interface Found {
  readonly paths: ReadonlyMap<string, PathSeen>
  readonly scripts: ReadonlyMap<number, ScriptRecord>
  readonly shared: SharedAsks
  readonly texts: ReadonlyMap<string, string>
  readonly locals: ReadonlyMap<string, LocalSeen>
  readonly noted: ReadonlyMap<number, ReadonlyMap<string, Noted>>
}

function answerOf(
  { item, kind, question, number, listing }: Asked,
  found: Found,
  seal: (sha256: string) => string,
): Seen<unknown> {
  const answer: HostAnswer = {
    path: (path) => needed(kind, found.paths.get(path), path),
    local: (path) => needed(kind, found.locals.get(path), path),
    text: question.textUnless === undefined ? undefined : found.texts.get(question.textUnless.path),
    script: question.script === undefined ? undefined : needed(kind, found.scripts.get(number), "a script"),
    shared:
      question.shared === undefined ? undefined : needed(kind, sharedAnswer(question.shared, found), "a shared script"),
    noted: found.noted.get(number),
    listing,
  }
  if (isLate(item, answer.script))
    return { failed: new FettleError("TIMEOUT", `${item.key.address} did not answer within ${item.timeoutMs} ms`) }
  try {
    return kind.answer(item.key, answer, seal)
  } catch (thrown) {
    return { failed: asFettleError(thrown, "PROVIDER_THREW") }
  }
}

/** One line for all items that share it; a function makes the script from all that they ask. */
function sharedLine([script, { number, words }]: readonly [SharedQuestion["script"], SharedAsk]): string {
  return typeof script === "string"
    ? `ask ${number} ${quote(script)} ${quoteAll([...words])}\n`
    : `ask ${number} ${quote(script([...words]))}\n`
}

function sharedAnswer({ script }: SharedQuestion, { shared, scripts }: Found): ScriptRecord | undefined {
  return scripts.get(shared.get(script)?.number ?? -1)
}

function needed<T>({ kind }: AnyHostKind, value: T | undefined, what: string): T {
  if (value === undefined) throw new FettleError("INTERNAL", `${kind} uses ${what} without having asked for it`)
  return value
}

async function firstLook(
  asked: readonly Asked[],
  shared: SharedAsks,
  {
    look,
    names,
    kept,
    guarded,
    first,
  }: Pick<ReadContext, "look" | "names" | "kept" | "guarded"> & { readonly first: number },
): Promise<Looked & { noted: Map<number, ReadonlyMap<string, Noted>> }> {
  const { paths, scripts } = kept.tells(asked, shared)
  const isNew = (path: string): boolean => !paths.has(path)
  const hashed = new Set(asked.flatMap(({ question }) => question.sha256 ?? []).filter(isNew))
  const stats = asked.flatMap(({ question }) => question.stat ?? []).filter(isNew)
  const plain = new Set(stats.filter((path) => !hashed.has(path)))
  const chunks = [...chunksOf([...hashed], true), ...chunksOf([...plain], false)]
  const scripted = asked.filter(({ question, number }) => question.script !== undefined && !scripts.has(number))
  const told = new Map<number, HostRecord>()
  const folders = guarded ? foldersToJudge(asked, kept.astray) : []
  const judging = first + shared.size
  const opens = asked.filter(({ kind, item }) => kind.noted !== undefined && item.key.open !== undefined)
  for (let at = 0; at === 0 || at < chunks.length; at += CHUNKS_PER_REQUEST) {
    const part = chunks.slice(at, at + CHUNKS_PER_REQUEST)
    const asks =
      at === 0
        ? [
            ...scripted.map(askLine),
            ...[...shared].filter(([, { number }]) => !scripts.has(number)).map(sharedLine),
            ...(folders.length === 0 ? [] : [judgeLine(judging, folders)]),
            ...opens
              .filter(({ item }) => announced(item.key).length > 0)
              .map(({ number, item }) => `told ${number} ${quoteAll(announced(item.key))}\n`),
          ]
        : []
    if (part.length + asks.length === 0) break
    const who = names.isEmpty ? whoLine(OWN_PATHS) : ""
    const records = await look([who, ...part.map(lookLine), ...asks].join(""))
    readChunks(part, records, paths)
    for (const record of records) {
      learn(record, names)
      if (record.kind === "q") scripts.set(record.item, scriptOf(record))
      if (record.kind === "j") told.set(record.item, record)
    }
  }
  const verdict = scripts.get(judging)
  if (verdict !== undefined) judged(folders, verdict, kept.astray)
  if (
    (folders.length > 0 && verdict?.exitCode !== 0) ||
    [...scripted, ...shared.values()].some(({ number }) => !scripts.has(number))
  )
    throw new FettleError("HOST_PROTOCOL", "the host did not answer every question")
  const noted = new Map(opens.map(({ number, item }) => [number, notedOf(item.key, told.get(number))]))
  return { paths, scripts, noted }
}

/** A node's own limit bounds its own script; paths and shared questions, which are asked for many, have the limit of the read. */
function askLine({ number, question, item: { timeoutMs } }: Asked): string {
  const script = quote(question.script as string)
  return timeoutMs === undefined
    ? `ask ${number} ${script}\n`
    : `soon ${number} ${Math.max(1, Math.ceil(timeoutMs / 1_000))} ${script}\n`
}

/** How `timeout` says that it ended a script: 124 by GNU, else by the signal, TERM or KILL. */
const LATE: readonly (number | undefined)[] = [124, 137, 143]

function isLate({ timeoutMs }: ReadItem, script: ScriptRecord | undefined): boolean {
  return timeoutMs !== undefined && LATE.includes(script?.exitCode)
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
  { paths, locals }: { readonly paths: Map<string, PathSeen>; readonly locals: Found["locals"] },
  look: Look,
): Promise<ReadonlyMap<string, string>> {
  const all = new Set(asked.flatMap(({ question }) => [...(question.stat ?? []), ...(question.sha256 ?? [])]))
  const alone = [...all].filter((path) => !paths.has(path))
  const wanted = textsWanted(asked, { paths, locals })
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
  { paths, locals }: Pick<Found, "paths" | "locals">,
): readonly (readonly [string, string])[] {
  return asked
    .flatMap(({ kind, question: { textUnless } }) => {
      if (textUnless === undefined) return []
      const { path, sha256, maxBytes } = textUnless
      const facts = paths.get(path)
      if (typeof facts !== "object" || !("type" in facts) || facts.sha256 === undefined) return []
      const wanted = typeof sha256 === "string" ? sha256 : sha256((local) => needed(kind, locals.get(local), local))
      return facts.sha256 === wanted || facts.sizeBytes > maxBytes ? [] : [[path, facts.sha256] as const]
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
