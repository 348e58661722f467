import { count, duration } from "../amounts.ts"
import { COUNTED, signOf } from "../signs.ts"
import type { ReportData } from "./drawn-run.ts"
import { html } from "./html.ts"
import type { RunRecord } from "./run-record.ts"
import type { RunVerdict, Tone } from "./verdict.ts"

/** The verdict, and the figures that a reader looks for next. */
export function headHtml(record: RunRecord, { tone, sentence }: RunVerdict): string {
  const { started, firstAt } = record
  const words = [started?.program ?? record.plan?.program, started?.stage ?? record.plan?.stage, started?.command]
  const at = firstAt === undefined ? "" : new Date(firstAt).toISOString()
  const when = at === "" ? "" : ` · <time datetime="${at}">${at.slice(0, 16).replace("T", " ")} UTC</time>`
  const named = words.filter((word) => word !== undefined).map((word) => `<bdi>${html(word)}</bdi>`)
  const tiles = figures(record).map(
    ([figure, word, of]) => `<li class="${of}"><strong>${html(figure)}</strong><span>${html(word)}</span></li>`,
  )
  return `<header class="${tone}">
<p class="eyebrow">${named.join(" · ")}${when}</p>
<h1>${html(sentence)}</h1>
<ul class="figures">${tiles.join("")}</ul>
</header>`
}

type Figure = readonly [figure: string, word: string, tone: Tone | "odd" | "plain"]

function figures({ ended, tally, nodes, ordered, plan, lastAt, firstAt = 0 }: RunRecord): readonly Figure[] {
  const all = Math.max(ordered?.nodes.length ?? 0, plan?.total ?? 0, nodes.size)
  const changed = COUNTED.reduce((sum, action) => sum + (ended?.counts[action] ?? 0), 0)
  const skipped = [...tally.waiting.values()].reduce((sum, amount) => sum + amount, 0)
  const pending = [...nodes.values()].filter(({ change }) => COUNTED.includes(change?.action as never)).length
  const { yes, no, inconclusive } = tally.verdicts
  const rows: readonly (readonly [number, string, Figure[2]])[] = [
    [all, all === 1 ? "node" : "nodes", "plain"],
    ...(tally.applied ? ([[changed, "changed", "plain"]] as const) : ([[pending, "planned", "calm"]] as const)),
    [tally.failed - tally.maybe, "failed", "bad"],
    [tally.maybe, "maybe happened", "odd"],
    [tally.applied ? 0 : tally.blocked, "blocked", "bad"],
    [skipped, "left alone", "unsure"],
    [yes, yes === 1 ? "check yes" : "checks yes", "good"],
    [no, no === 1 ? "check no" : "checks no", "bad"],
    [inconclusive, "not answered", "unsure"],
  ]
  const shown = rows
    .filter(([amount], at) => amount > 0 || (at === 1 && plan !== undefined))
    .map(([n, ...rest]): Figure => [count(n), ...rest])
  return [...shown, [duration(ended?.durationMs ?? lastAt - firstAt), "from beginning to end", "plain"]]
}

/** A part of the page that the script fills. */
interface Part {
  readonly id: string
  readonly title: string
  readonly about: string
}

/** The parts that this run has something for, in the order of the page. */
export function partsOf({ nodes }: ReportData, hasPlan: boolean, logs: number): readonly Part[] {
  const changes = nodes.filter(({ change }) => change !== undefined).length
  const worked = nodes.filter(({ spans }) => spans !== undefined).length
  const asked = nodes.filter(({ evidence }) => evidence !== undefined).length
  const releases = nodes.filter(({ looks }) => looks !== undefined).length
  const parts: readonly (readonly [boolean, string, string, string])[] = [
    [hasPlan, "plan", "Plan", changes === 0 ? "nothing differs" : of(changes, "entry", "entries")],
    [asked > 0, "checks", "Checks", of(asked, "answer")],
    [releases > 0, "releases", "Releases", "counts of both versions, look by look"],
    [worked > 0, "time", "Time line", of(worked, "node")],
    [nodes.length > 0, "graph", "Graph", of(nodes.length, "node")],
    [logs > 0, "logs", "Logs", of(logs, "node")],
  ]
  return parts.filter(([has]) => has).map(([, id, title, about]) => ({ id, title, about }))
}

function of(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

export function navHtml(parts: readonly Part[], hasTrouble: boolean): string {
  const links = [
    ...(hasTrouble ? [{ id: "trouble", title: "What to look at" }] : []),
    ...parts,
    { id: "environment", title: "Environment" },
  ]
  const items = links.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`)
  return `<nav aria-label="Parts of the report"><ul>${items.join("")}</ul></nav>`
}

export function sectionsHtml(parts: readonly Part[]): string {
  return parts
    .map(({ id, title, about }) => section(id, title, about, `<div id="${id}-body"><p class="dim">…</p></div>`))
    .join("\n")
}

export function section(id: string, title: string, about: string, body: string): string {
  const small = about === "" ? "" : ` <small>${html(about)}</small>`
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}${small}</h2>\n${body}\n</section>`
}

/** Who ran what, with what. */
export function environmentHtml({ started, plan, firstAt, ended, reads }: RunRecord): string {
  const options = Object.entries(plan?.options ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  const params = Object.entries(plan?.params ?? {}).map(([name, value]) => `${name} = ${value}`)
  const connections = [...new Set(reads.map(({ connection }) => connection).filter(Boolean))]
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["Run", started?.runId],
    ["Trace", started?.traceId],
    ["By", started?.who],
    ["Began", firstAt === undefined ? undefined : new Date(firstAt).toISOString()],
    ["Exit code", ended === undefined ? undefined : String(ended.exitCode)],
    ["Parameters", params.join("\n") || undefined],
    ["Asked for", options.join("\n") || undefined],
    ["Connections", connections.slice(0, CONNECTIONS_MAX).join(", ") + andMore(connections.length) || undefined],
    ["Plan", plan === undefined ? undefined : `sha256 ${plan.hash}`],
    ...Object.entries(started?.versions ?? {}),
  ]
  const items = rows
    .filter((row): row is readonly [string, string] => row[1] !== undefined)
    .map(([name, value]) => `<dt>${html(name)}</dt><dd class="mono">${html(value)}</dd>`)
  return section("environment", "Environment", "", `<dl>${items.join("")}</dl>`)
}

/** Connections that are named; of a fleet the first say enough. */
const CONNECTIONS_MAX = 20

function andMore(amount: number): string {
  return amount <= CONNECTIONS_MAX ? "" : ` and ${count(amount - CONNECTIONS_MAX)} more`
}

/** How an action is shown, for the script: its sign, the tone of its colour, its words. */
export function signsFor(actions: Iterable<string>): Readonly<Record<string, readonly [string, string, string]>> {
  const tones: Readonly<Record<string, string>> = {
    green: "good",
    yellow: "unsure",
    magenta: "odd",
    red: "bad",
    cyan: "calm",
  }
  return Object.fromEntries(
    [...new Set(actions)].map((action) => {
      const { sign, style, ahead } = signOf(action)
      return [action, [sign.trim(), tones[style] ?? "soft", ahead]]
    }),
  )
}
