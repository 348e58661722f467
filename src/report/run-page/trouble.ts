import type { ErrorFacts, FettleEvent } from "../../events/events.ts"
import { count } from "../amounts.ts"
import { shortPlace } from "../error-lines.ts"
import { type ErrorData, errorData } from "./drawn-change.ts"
import { html } from "./html.ts"
import { section } from "./page-parts.ts"
import type { RunRecord } from "./run-record.ts"
import { shown } from "./shown.ts"

/** Blocked entries that are told one by one at the top; the plan has them all. */
const BLOCKED_MAX = 5

interface Trouble {
  readonly tone: "bad" | "unsure" | "odd"
  readonly word: string
  readonly address: string | undefined
  readonly error: ErrorData | undefined
  readonly text: string
}

/** What went wrong, each with its next step: all of it that somebody must read. Empty where nothing did. */
export function troubleHtml(record: RunRecord, root: string | undefined): string {
  const troubles = [
    ...failures(record, root),
    ...blocked(record, root),
    ...denied(record, root),
    ...doubts(record),
    ...told(record, root),
  ]
  if (troubles.length === 0) return ""
  return section("trouble", "What to look at", "", `<ul class="trouble">${troubles.map(itemHtml).join("")}</ul>`)
}

function failures({ tally, started }: RunRecord, root: string | undefined): readonly Trouble[] {
  return [...tally.failures.values()].map(({ first: { address, outcome, error }, others }) => ({
    tone: outcome === "maybe" ? "odd" : "bad",
    word: outcome === "maybe" ? "maybe" : "failed",
    address,
    error: error === undefined ? undefined : errorData(error, address, root, started?.runId),
    text: [
      ...(outcome === "maybe" ? ["It may have happened or not; the next run finds out."] : []),
      ...(others === 0 ? [] : [`${count(others)} more failed with the same.`]),
    ].join(" "),
  }))
}

function blocked({ tally, nodes, started }: RunRecord, root: string | undefined): readonly Trouble[] {
  if (tally.applied) return []
  const all = [...nodes.values()].flatMap(({ change }) => (change?.action === "blocked" ? [change] : []))
  return all.slice(0, BLOCKED_MAX).map(({ address, error, because }, at) => ({
    tone: "bad",
    word: "blocked",
    address,
    error: error === undefined ? undefined : errorData(error, address, root, started?.runId),
    text: [
      ...(error === undefined ? [because] : []),
      ...(at === BLOCKED_MAX - 1 && all.length > BLOCKED_MAX
        ? [`${count(all.length - BLOCKED_MAX)} more are blocked; the plan names them.`]
        : []),
    ].join(" "),
  }))
}

/** Findings of policies that are told one by one at the top. */
const FINDINGS_MAX = 20

function denied({ plan }: RunRecord, root: string | undefined): readonly Trouble[] {
  const { findings = [] } = plan ?? {}
  return findings.slice(0, FINDINGS_MAX).map(({ policy, level, address, message, place }, at) => ({
    tone: level === "deny" ? "bad" : "unsure",
    word: level === "deny" ? "denied" : "warned",
    address,
    error: undefined,
    text: [
      `The policy "${policy}": ${shown(message)}${place === undefined ? "" : ` (${shown(shortPlace(place, root))})`}`,
      ...(at === FINDINGS_MAX - 1 && findings.length > FINDINGS_MAX
        ? [`${count(findings.length - FINDINGS_MAX)} more were found.`]
        : []),
    ].join(" "),
  }))
}

function doubts({ tally }: RunRecord): readonly Trouble[] {
  return tally.doubts.map(({ address, verdict, evidence }) => ({
    tone: verdict === "no" ? "bad" : "unsure",
    word: verdict,
    address,
    error: undefined,
    text: evidence,
  }))
}

type Note = Extract<FettleEvent, { type: "note" }>

/** Warnings, and errors that belong to no node. */
function told({ notes, started }: RunRecord, root: string | undefined): readonly Trouble[] {
  const isTold = ({ level }: Note): boolean => level !== "info"
  const facts = (error: ErrorFacts): ErrorData => errorData(error, error.address, root, started?.runId)
  return notes.filter(isTold).map(({ level, text, error }) => ({
    tone: level === "error" ? "bad" : "unsure",
    word: level,
    address: error?.address,
    error: error === undefined ? undefined : facts(error),
    text: error === undefined ? text : "",
  }))
}

function itemHtml({ tone, word, address, error, text }: Trouble): string {
  const named = address === undefined ? "" : ` <bdi class="address">${html(address)}</bdi>`
  const code = error === undefined ? "" : ` <code>${html(error.code)}</code>`
  const rows = [
    ["cause", error?.cause],
    ["declared", error?.place],
    ["next", error?.next],
  ]
    .filter((row): row is [string, string] => row[1] !== undefined)
    .map(([name, value]) => `<dt>${name}</dt><dd>${html(value)}</dd>`)
  const facts = [error?.fact ?? "", text].filter(Boolean).map((fact) => `<p>${html(fact)}</p>`)
  const list = rows.length === 0 ? "" : `<dl>${rows.join("")}</dl>`
  return `<li class="${tone}"><span class="tag">${word}</span>${named}${code}${facts.join("")}${list}</li>`
}
