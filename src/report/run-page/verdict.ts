import { count, duration, several } from "../amounts.ts"
import { COUNTED, signOf } from "../signs.ts"
import { isUnderWay, type RunRecord } from "./run-record.ts"

/** How good news is: what a reader sees before reading. */
export type Tone = "good" | "calm" | "unsure" | "bad"

export interface RunVerdict {
  readonly tone: Tone
  /** One word or two, for the title of a window. */
  readonly word: string
  readonly sentence: string
}

/** Longest text of somebody else inside the sentence, in characters. */
const QUOTED_MAX = 240

/** How a run ended, in one sentence that can be read aloud. */
export function verdictOf(record: RunRecord): RunVerdict {
  const { ended } = record
  const took = ended === undefined ? "" : ` It took ${duration(ended.durationMs)}.`
  switch (ended?.outcome) {
    case undefined:
      return cutOff(record)
    case "done":
      return {
        tone: "good",
        word: "Done",
        sentence: `Done: ${listed([...changed(record), ...checks(record)])}.${took}`,
      }
    case "unchanged": {
      const asked = checks(record)
      const rest = asked.length === 0 ? "" : `, and ${listed(asked)}`
      return { tone: "good", word: "Done", sentence: `Nothing had to be changed${rest}.${took}` }
    }
    case "changes":
      return { tone: "calm", word: "Planned", sentence: `Planned: ${ahead(record)}. Nothing was changed yet.` }
    case "no":
      return saidNo(record)
    case "inconclusive":
      return {
        tone: "unsure",
        word: "Inconclusive",
        sentence: `Not proven: ${doubt(record, "inconclusive")}.${left(record)}`,
      }
    case "cancelled":
      return {
        tone: "unsure",
        word: "Cancelled",
        sentence: `Cancelled after ${duration(ended.durationMs)}: ${listed(changedOrNothing(record))}.`,
      }
    case "failed":
      return failed(record)
  }
}

function cutOff(record: RunRecord): RunVerdict {
  const open = [...record.nodes.values()].filter(isUnderWay)
  const what =
    open.length === 0 ? "" : `; ${several(open.length, "node was", "nodes were")} under way, first ${open[0]?.address}`
  const sentence = `The run has not told its end: it was cut off, or still goes on${what}.`
  return { tone: "bad", word: "Cut off", sentence }
}

function failed(record: RunRecord): RunVerdict {
  const { tally, fatal } = record
  const [failure] = tally.failures.values()
  const done = changed(record)
  const after = done.length === 0 ? " Nothing was changed." : ` Before that, ${listed(done)}.`
  if (failure !== undefined) {
    const { address, error } = failure.first
    const why = error === undefined ? "" : `: ${quoted(error.fact)}`
    const more = tally.failed > 1 ? ` and ${several(tally.failed - 1, "other", "others")}` : ""
    const verb = failure.first.outcome === "maybe" && tally.failed === 1 ? "may have failed or not" : "failed"
    return { tone: "bad", word: "Failed", sentence: `${address}${more} ${verb}${why}.${after}${left(record)}` }
  }
  if (fatal !== undefined)
    return { tone: "bad", word: "Failed", sentence: `Failed with ${fatal.code}: ${quoted(fatal.fact)}.${after}` }
  const blocked = [...record.nodes.values()].find(({ change }) => change?.action === "blocked")
  if (blocked === undefined) return { tone: "bad", word: "Failed", sentence: `Failed.${after}` }
  const why = quoted(blocked.change?.error?.fact ?? blocked.change?.because ?? "")
  const many = tally.blocked > 1 ? `${count(tally.blocked)} changes are blocked, first ` : ""
  return {
    tone: "bad",
    word: "Blocked",
    sentence: `${many}${blocked.address}${many === "" ? " is blocked" : ""}: ${why}.${after}`,
  }
}

function saidNo(record: RunRecord): RunVerdict {
  const { tally } = record
  if (tally.verdicts.no === 0 && tally.isRolledBack) {
    const failure = [...tally.failures.values()].find(({ first }) => first.error?.code === "RELEASE_ROLLED_BACK")
    const { address = "", error } = failure?.first ?? {}
    return {
      tone: "bad",
      word: "Rolled back",
      sentence: `${address}: ${quoted(error?.fact ?? "rolled back")}.`,
    }
  }
  const { no } = tally.verdicts
  const many = no > 1 ? `${several(no, "check")} said no, first ` : ""
  return { tone: "bad", word: "No", sentence: `${many}${doubt(record, "no")}.${left(record)}` }
}

/** The first check with this answer, and what it saw. */
function doubt({ tally }: RunRecord, verdict: "no" | "inconclusive"): string {
  const first = tally.doubts.find((each) => each.verdict === verdict)
  if (first === undefined) return `a check said ${verdict}`
  const word = verdict === "no" ? "said no" : "could not be answered"
  return `${first.address} ${word}: ${quoted(first.evidence)}`
}

/** What was left alone because of it. */
function left({ tally }: RunRecord): string {
  const skipped = [...tally.waiting.values()].reduce((sum, amount) => sum + amount, 0)
  return skipped === 0 ? "" : ` ${several(skipped, "node was", "nodes were")} left alone because of it.`
}

function changedOrNothing(record: RunRecord): readonly string[] {
  const done = changed(record)
  return done.length === 0 ? ["nothing was changed"] : done
}

function changed({ ended, nodes }: RunRecord): readonly string[] {
  const counts = ended?.counts ?? countsIn(nodes)
  return COUNTED.filter((action) => (counts[action] ?? 0) > 0).map((action) => {
    const amount = counts[action] ?? 0
    return `${count(amount)} ${signOf(action).past}`
  })
}

function countsIn(nodes: RunRecord["nodes"]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { finished } of [...nodes.values()].flatMap(({ turns }) => turns))
    if (finished?.outcome === "done") counts[finished.action] = (counts[finished.action] ?? 0) + 1
  return counts
}

function ahead({ nodes }: RunRecord): string {
  const counts = new Map<string, number>()
  for (const { change } of nodes.values())
    if (change !== undefined) counts.set(change.action, (counts.get(change.action) ?? 0) + 1)
  const words = COUNTED.filter((action) => counts.has(action)).map(
    (action) => `${count(counts.get(action) ?? 0)} ${signOf(action).ahead}`,
  )
  return words.length === 0 ? "nothing to change" : listed(words)
}

function checks({ tally }: RunRecord): readonly string[] {
  const { yes } = tally.verdicts
  return yes === 0 ? [] : [`${several(yes, "check")} said yes`]
}

function listed(words: readonly string[]): string {
  if (words.length === 0) return "nothing was left to do"
  return words.length === 1 ? (words[0] as string) : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`
}

/** The first line of somebody's text, short enough to be read aloud. */
function quoted(text: string): string {
  const line = (text.trim().split("\n")[0] ?? "").replace(/\.$/, "")
  return line.length <= QUOTED_MAX ? line : `${line.slice(0, QUOTED_MAX)}…`
}
