import { FettleError } from "../../errors.ts"
import type { ChangeItem, Json, Key, Write } from "../../provider.ts"
import type { Channel } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import type { AnyHostKind, HostClient, Noted } from "./kind.ts"

/** Longest silence of the host while it makes its ledger: a folder and a file. */
const LEDGER_SILENCE_MS = 60_000
/** Exit codes from which on a signal, ours after its time or another's, ended a script in the middle. */
const CUT_OFF = 124

/** What the host is to note of one script. */
export interface Note {
  readonly token: string
  readonly word: string
  /** Tokens that must not begin any more. */
  readonly supersedes: readonly string[]
}

/** The note that an item's script needs; undefined where its kind needs none, or `without` a ledger. */
export function noteOf(item: ChangeItem, kind: AnyHostKind): Note | undefined {
  const word = item.action === "ensure" ? kind.noted?.(item.want) : undefined
  return word === undefined ? undefined : { token: item.intent.token, word, supersedes: item.intent.supersedes ?? [] }
}

/**
 * Says in the journal of every item where its script is about to be noted: from here on the host may begin it, and what has no such
 * line was never sent.
 * @returns false where the host cannot note anything: it does the scripts all the same, and nobody can tell after a crash
 */
export async function announce(calls: readonly Write<HostClient>[], channel: Channel): Promise<boolean> {
  if (calls.length === 0) return true
  const ledger = channel.facts.ledger ?? (await madeLedger(channel))
  await Promise.all(calls.map((call) => call.progress({ ledger })))
  return ledger !== ""
}

/** Empty where it cannot be made. */
async function madeLedger(channel: Channel): Promise<string> {
  let made = ""
  const exitCode = await channel.request({
    script: "ledger",
    writes: true,
    silenceMs: LEDGER_SILENCE_MS,
    signal: AbortSignal.any([]),
    onRecord: ({ kind, out }) => {
      if (kind === "g") made = out.toString("utf8")
    },
  })
  if (exitCode !== 0) return ""
  if (!/^[\w-]{0,64}$/.test(made)) throw new FettleError("HOST_PROTOCOL", "the host named its notes with other signs")
  return made
}

/** Tokens of open intents whose scripts had been announced: only of those the host can know something. */
export function announced({ open = [], progress = {} }: Key<unknown, unknown>): readonly string[] {
  return open.filter((token) => ledgerIn(progress[token]) !== undefined)
}

/** What is known of every open intent: `told` is the host's answer to the announced ones. */
export function notedOf(key: Key<unknown, unknown>, told: HostRecord | undefined): ReadonlyMap<string, Noted> {
  const [ledger = "", ...lines] = (told?.out.toString("utf8") ?? "").split("\n")
  const byToken = Map.groupBy(
    lines.map((line) => line.split(" ")),
    ([token]) => token ?? "",
  )
  const asked = new Set(announced(key))
  const holder = told?.err.toString("utf8") ?? ""
  return new Map(
    (key.open ?? []).map((token): [string, Noted] => {
      if (!asked.has(token)) return [token, "not begun"]
      const ends = (byToken.get(token) ?? []).map(([, end = "", word = ""]) => ({ end, word }))
      return [token, endOf(ends, holder) ?? absent(ledgerIn(key.progress?.[token]), ledger)]
    }),
  )
}

/** What its lines say; undefined where it has none. A policy may have repeated it, in another session even. */
function endOf(lines: readonly { readonly end: string; readonly word: string }[], holder: string): Noted | undefined {
  const begun = lines.filter(({ end }) => end === "-").length
  if (begun === 0) return undefined
  const ends = lines
    .filter(({ end }) => /^\d{1,3}$/.test(end))
    .map(({ end, word }) => ({ exitCode: Number(end), word }))
  const well = ends.find(({ exitCode }) => exitCode === 0)
  if (well !== undefined) return well
  if (holder !== "" && begun > ends.length) return { unknown: `the shell ${holder} of that run is still at it` }
  const last = ends.at(-1)
  if (last === undefined || begun > ends.length) return { unknown: "it began there, and its end was not noted" }
  return ends.some(({ exitCode }) => exitCode >= CUT_OFF)
    ? { unknown: "it began there and was ended in the middle" }
    : last
}

/** That nothing is noted proves something only where the notes are those of then. */
function absent(then: string | undefined, now: string): Noted {
  if (then === "") return { unknown: "the host could note nothing of it" }
  return then === now ? "not begun" : { unknown: "what the host had noted is gone, or lies with another user there" }
}

function ledgerIn(progress: Json | undefined): string | undefined {
  if (typeof progress !== "object" || progress === null || Array.isArray(progress)) return undefined
  const { ledger } = progress as { readonly [key: string]: Json }
  return typeof ledger === "string" ? ledger : undefined
}
