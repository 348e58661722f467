import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"

/** A file on the machine where fettle runs. `text` where it is UTF-8 of at most 64 KB. */
export type LocalSeen =
  | { readonly sha256: string; readonly sizeBytes: number; readonly text?: string }
  | { readonly failed: string }

/** Largest local file whose text is kept for templates and diffs. */
const TEXT_MAX = 65_536

/** Files read at once: each is an open descriptor, of which a process has 1,024. */
const FILES_AT_ONCE = 16

let reading = 0
const waiting: (() => void)[] = []

/** Hashes a file of the machine where fettle runs, streamed; keeps its text where it is UTF-8 of at most 64 KB. */
export async function lookAtLocal(path: string): Promise<LocalSeen> {
  if (reading >= FILES_AT_ONCE) await new Promise<void>((turn) => waiting.push(turn))
  else reading += 1
  try {
    return await look(path)
  } finally {
    const next = waiting.shift() // its place passes on
    if (next === undefined) reading -= 1
    else next()
  }
}

async function look(path: string): Promise<LocalSeen> {
  try {
    const facts = await stat(path)
    if (!facts.isFile()) return { failed: `${path} is not a file` }
    const hash = createHash("sha256")
    const kept: Buffer[] = []
    let sizeBytes = 0
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      sizeBytes += chunk.length
      if (sizeBytes <= TEXT_MAX) kept.push(chunk)
    }
    const text = sizeBytes <= TEXT_MAX ? textOf(Buffer.concat(kept)) : undefined
    return { sha256: hash.digest("hex"), sizeBytes, ...(text === undefined ? {} : { text }) }
  } catch (thrown) {
    return { failed: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
