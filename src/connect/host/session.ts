import { createHash } from "node:crypto"
import { FettleError } from "../../errors.ts"
import type { OpenContext } from "../../provider.ts"
import { type Carrier, localCarrier } from "./carrier.ts"
import { Channel, type HostFacts } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import type { ScriptRecord } from "./kind.ts"
import { chunksOf, type LookChunk, lookAloneLine, lookLine, type PathSeen, readAlone, whoLine } from "./look.ts"
import { Names } from "./names.ts"
import { quote } from "./quote.ts"
import { readChunks } from "./read.ts"
import { scopeOf } from "./scope.ts"
import { sshCarrier } from "./ssh-carrier.ts"
import { becomeOf, checkSsh, type SshOptions } from "./ssh-line.ts"

/** How long a session may take to begin. */
const OPEN_MS = 60_000
/** Longest silence of a look. */
const SILENCE_MS = 120_000
/** Paths of one request. */
const PATHS_MAX = 2_000

/** What stands at a path, and its text: at most 64 KB, UTF-8, and as the hash says. */
export interface TextSeen {
  readonly seen: PathSeen
  readonly text?: string | undefined
}

/** A host that is only looked at, without a program. */
export interface HostSession {
  readonly target: string
  readonly facts: HostFacts
  /** Runs scripts that only look, in one request: each in a subshell with what `before` declares. */
  ask(before: string, scripts: readonly string[], signal: AbortSignal): Promise<readonly ScriptRecord[]>
  /** Looks at paths and reads the texts of those that are files, in two requests. */
  texts(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, TextSeen>>
  close(): Promise<void>
}

/** Where to look, and what may be needed on the way. */
export interface SessionOptions extends Pick<OpenContext, "signal" | "log" | "ask"> {
  /** Undefined for this machine. */
  readonly destination?: string | undefined
  readonly ssh?: SshOptions
  /** For sudo. */
  readonly password?: string | undefined
}

/**
 * Opens a host to look at it.
 * @throws FettleError as `openHost`
 */
export async function openSession(options: SessionOptions): Promise<HostSession> {
  const { destination, ssh = {}, password, log, ask } = options
  if (destination === undefined) return sessionOn(localCarrier({ scope: scopeOf() }), options)
  checkSsh(destination, ssh)
  const become = becomeOf(ssh.become)
  const asks = ask === undefined ? undefined : { ask, tell: log }
  const parts = { destination, target: destination, options: ssh, become, password, asks, scope: scopeOf() }
  return sessionOn(sshCarrier(parts), options)
}

/** The same over any carrier. */
export async function sessionOn(
  carrier: Carrier,
  { signal, log }: Pick<OpenContext, "signal" | "log">,
): Promise<HostSession> {
  const channel = await Channel.open(carrier, { signal, timeoutMs: carrier.openMs ?? OPEN_MS, log })
  const look = async (script: string, stop: AbortSignal): Promise<readonly HostRecord[]> => {
    const records: HostRecord[] = []
    const onRecord = (record: HostRecord): void => void records.push(record)
    const exitCode = await channel.request({ script, writes: false, silenceMs: SILENCE_MS, signal: stop, onRecord })
    if (exitCode === 0) return records
    throw new FettleError("HOST_PROTOCOL", `a look at ${carrier.target} ended with exit code ${exitCode}`)
  }
  return {
    target: carrier.target,
    facts: channel.facts,
    ask: async (before, scripts, stop) => {
      const asks = scripts.map((script, number) => `ask ${number} ${quote(script)}\n`)
      const records = await look(`${before}\n${asks.join("")}`, stop)
      return scripts.map((_, number) => answerTo(number, records))
    },
    texts: (paths, stop) => textsAt([...new Set(paths)].slice(0, PATHS_MAX), (script) => look(script, stop)),
    close: async () => {
      await channel.close()
      await carrier.close?.()
    },
  }
}

function answerTo(number: number, records: readonly HostRecord[]): ScriptRecord {
  const record = records.find((each) => each.kind === "q" && each.item === number)
  if (record === undefined) throw new FettleError("HOST_PROTOCOL", "the host did not answer every question")
  return { exitCode: record.exitCode, out: record.out.toString("utf8"), err: "" }
}

type Look = (script: string) => Promise<readonly HostRecord[]>

async function textsAt(paths: readonly string[], look: Look): Promise<ReadonlyMap<string, TextSeen>> {
  if (paths.length === 0) return new Map()
  const seen = new Map<string, PathSeen>()
  const names = new Names()
  const chunks: readonly LookChunk[] = chunksOf(paths, true)
  readChunks(chunks, await look(chunks.map(lookLine).join("")), seen)
  const alone = paths.filter((path) => !seen.has(path))
  const wanted = paths.filter((path) => isFile(seen.get(path)) || alone.includes(path))
  const lines = [
    whoLine([...names.strangers(seen), ...alone]),
    ...alone.map(lookAloneLine),
    ...wanted.map((path, at) => `text ${at} ${quote(path)}\n`),
  ]
  const texts = new Map<string, Buffer>()
  const byPath = alone.map((): HostRecord[] => [])
  for (const record of await look(lines.join(""))) {
    if (record.kind === "w") names.learn(record.out.toString("utf8"))
    else if (record.kind === "t") texts.set(wanted[record.item] ?? "", record.out)
    else byPath[record.item]?.push(record)
  }
  for (const [at, path] of alone.entries()) seen.set(path, readAlone(byPath[at] ?? []))
  return new Map(
    paths.map((path) => {
      const at = names.named(seen.get(path) ?? { failed: "the host gave no answer" })
      return [path, { seen: at, text: textOf(at, texts.get(path)) }]
    }),
  )
}

function isFile(seen: PathSeen | undefined): boolean {
  return typeof seen === "object" && "type" in seen && seen.type === "file"
}

/** Only what has the hash that was read, and is UTF-8, is the text of the file. */
function textOf(seen: PathSeen, bytes: Buffer | undefined): string | undefined {
  if (typeof seen !== "object" || !("sha256" in seen) || bytes === undefined) return undefined
  if (createHash("sha256").update(bytes).digest("hex") !== seen.sha256) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
